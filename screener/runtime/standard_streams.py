"""Descriptors 0, 1 and 2, which every program expects to be open and services may start one without.

A file, a pipe or shared memory that is opened under one of these numbers is taken for standard input or output: libraries print into it,
and a child process loses it to its own.
"""

from __future__ import annotations

import os

STANDARD = (0, 1, 2)


def hold() -> tuple[int, ...]:
    """Have those that are closed lead to the null device, for good, so that nothing else gets their numbers; gives which they were."""
    closed = tuple(number for number in STANDARD if not _is_open(number))
    for number in closed:
        # A system gives out the lowest number that is free; whoever else took it meanwhile holds it as well.
        descriptor = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
        if descriptor > max(STANDARD):
            os.close(descriptor)
        else:
            os.set_inheritable(descriptor, True)
    return closed


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
