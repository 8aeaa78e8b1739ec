"""The standard streams as commands use them, also where whoever started the program closed one."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO, cast

from screener.runtime.standard_streams import hold


def mend() -> None:
    """Streams in the place of those that are closed: what is told goes nowhere, and a result that has nowhere to go is an error.

    Python has none at all for them, and the first write would end in a fault.
    """
    closed = hold()
    if 0 in closed:
        sys.stdin = _stream(0, "r")
    if 1 in closed:
        # Open for reading alone: every write fails, as it must when a result cannot be delivered.
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.dup2(descriptor, 1)
        os.close(descriptor)
        sys.stdout = _stream(1, "w")
    if 2 in closed:
        sys.stderr = _stream(2, "w")


def flushed() -> bool:
    """Whether everything that was written to standard output went out; what was told does not count."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _stream(descriptor: int, mode: str) -> TextIO:
    return cast(TextIO, open(descriptor, mode, encoding="utf-8", errors="backslashreplace", closefd=False))
