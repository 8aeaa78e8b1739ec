"""The file of `live -o`, written line by line. Until the first line it keeps what it held, because a watch may never begin.

Does not know what the lines say, nor when a watch has begun.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from screener.report import Output
from screener.runtime.files import telling


class LineFile:
    """A context manager that opens the file on construction, so that one that cannot be written is refused before the watch begins."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError."""
        self._path = path
        self._is_new = not os.path.lexists(path)
        self._begun = False
        with telling(path):
            # Opened once and not again: whoever reads from a named pipe would take a closing for the end.
            self._stream = path.open("a", encoding="utf-8", newline="")

    def __enter__(self) -> LineFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):  # each line was flushed when written; closing only retries a failure that was reported
            self._stream.close()
        if self._is_new and not self._begun:
            with suppress(OSError):
                self._path.unlink()

    def write(self, text: str) -> None:
        """Write and flush; the first text replaces what the file held. Raises OutputError, BrokenPipeError."""
        if not self._begun:
            self._begun = True
            self._empty()
        Output(self._stream, str(self._path)).write(text)

    def _empty(self) -> None:
        with telling(self._path):
            if stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode):
                self._stream.truncate(0)
