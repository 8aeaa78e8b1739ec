"""Outputs for reports: a stream, a file that is written atomically, or a file that lines are appended to.

Knows text and paths, nothing of verdicts. Every failure to write is an OutputError, except a broken pipe: a reader that stops early is
not a failure, so the builtin BrokenPipeError is passed on.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from screener.errors import OutputError
from screener.runtime.files import abandon, settle, telling, whole_file

_LINE_START = b'{"schema_version"'


class Output:
    """An open text output. `write` flushes, so that a report can be followed while it grows."""

    def __init__(self, stream: TextIO, name: str, on_disk: bool = False) -> None:
        """stream: open for writing, not closed here. name: used in messages. on_disk: fsync after each text."""
        self._stream = stream
        self._name = name
        self._on_disk = on_disk

    def write(self, text: str) -> None:
        """Write and flush. Characters that the stream's encoding lacks are escaped. Raises OutputError, BrokenPipeError."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        with telling(self._name):
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
            if self._on_disk:
                settle(self._stream)


@contextmanager
def atomic_output(path: Path, follow: bool = True) -> Iterator[Output]:
    """An Output that becomes the file `path` when the block ends; otherwise as `whole_file`. Raises OutputError."""
    with whole_file(path, follow) as file:
        stream = io.TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            yield Output(stream, str(path))
        finally:
            with suppress(OSError):  # each text was flushed as it was written
                stream.detach()


@contextmanager
def appended_lines(path: Path) -> Iterator[Output]:
    """An Output that appends JSON lines to the file `path`, created if needed. Each line is synced to disk before the next is written.

    An unfinished last line of an earlier run is cut off. Raises OutputError, also if the file ends in anything but a result line.
    """
    with telling(path):
        if path.is_file():
            _mend_last_line(path)
        stream = open(path, "a", encoding="utf-8", newline="")  # noqa: SIM115
    try:
        yield Output(stream, str(path), on_disk=True)
        with telling(path):
            settle(stream)
            stream.close()
    except BaseException:
        abandon(stream)
        raise


def _mend_last_line(path: Path) -> None:
    with open(path, "rb+") as stream:
        size = stream.seek(0, os.SEEK_END)
        line = _after_last_break(stream, size)
        if not line:
            return
        if not (line.startswith(_LINE_START) or _LINE_START.startswith(line)):
            raise OutputError(f"{path}: ends in something that is no result line, so nothing was added to it; name another file")
        try:
            json.loads(line)
        except ValueError:
            stream.truncate(size - len(line))
        else:
            stream.seek(size)
            stream.write(b"\n")


def _after_last_break(stream: BinaryIO, size: int) -> bytes:
    """The bytes after the last line break of a file of `size` bytes, read backwards so that a long file costs nothing."""
    tail = b""
    while len(tail) < size and b"\n" not in tail:
        step = min(size - len(tail), 1 << 16)
        stream.seek(size - len(tail) - step)
        tail = stream.read(step) + tail
    return tail[tail.rfind(b"\n") + 1 :]
