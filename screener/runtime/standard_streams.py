"""Descriptors 0, 1 and 2, which every program expects to be open and which a service may start without.

A file, pipe or shared memory opened under one of these numbers is mistaken for standard input or output: libraries print into it, and a
child process replaces it with its own.
"""

from __future__ import annotations

import os

STANDARD = (0, 1, 2)


def hold() -> tuple[int, ...]:
    """Open the null device on those that are closed, permanently, so that nothing else gets their numbers; returns these numbers."""
    closed = tuple(number for number in STANDARD if not _is_open(number))
    for number in closed:
        # The system assigns the lowest free number. If another thread took it in the meantime, it is occupied as well.
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
