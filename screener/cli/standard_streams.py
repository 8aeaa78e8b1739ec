"""The standard streams, usable even if the parent process closed one of them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import BinaryIO, TextIO, cast

from screener.runtime.standard_streams import hold


def mend() -> None:
    """Replace closed streams: messages are discarded, and writing a result raises an error.

    Python sets closed streams to None, so that the first write would raise AttributeError.
    """
    closed = hold()
    if 0 in closed:
        sys.stdin = _stream(0, "r")
    if 1 in closed:
        # Opened read-only, so that every write fails, as it must if a result cannot be delivered.
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.dup2(descriptor, 1)
        os.close(descriptor)
        sys.stdout = _stream(1, "w")
    encoding = "utf-8" if 2 in closed else sys.stderr.encoding
    sys.stderr = _Messages(cast(BinaryIO, open(2, "wb", closefd=False)), encoding)  # noqa: SIM115


class _Messages(io.TextIOWrapper):
    """Standard error. A message that cannot be delivered, as on a full disk, is lost: it must not change what a scan answers."""

    def __init__(self, buffer: BinaryIO, encoding: str) -> None:
        super().__init__(buffer, encoding, "backslashreplace", line_buffering=True)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def flushed() -> bool:
    """Whether everything written to standard output was delivered; messages on standard error do not count."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _stream(descriptor: int, mode: str) -> TextIO:
    return cast(TextIO, open(descriptor, mode, encoding="utf-8", errors="backslashreplace", closefd=False))
