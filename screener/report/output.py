"""Where reports go: a stream, a file that appears only when it is whole, or a file of lines that grows.

Knows text and paths, nothing of verdicts. Every failure to write is an OutputError, except a broken pipe: a reader that has seen enough
is no failure, and the builtin BrokenPipeError is passed on.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from screener.errors import OutputError

_LINE_START = b'{"schema_version"'


class Output:
    """An open place for text. `write` hands everything on at once, so that a report can be followed while it grows."""

    def __init__(self, stream: TextIO, name: str, on_disk: bool = False) -> None:
        """stream: open for writing; it is not closed here. name: how to call it in messages. on_disk: wait until each text is there."""
        self._stream = stream
        self._name = name
        self._on_disk = on_disk

    def write(self, text: str) -> None:
        """Write and flush. A character that the stream's encoding lacks is spelt out. Raises OutputError, BrokenPipeError."""
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        with _telling(self._name):
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
            if self._on_disk:
                _settle(self._stream)


@contextmanager
def atomic_output(path: Path) -> Iterator[Output]:
    """An Output that becomes the file `path` when the block ends, and leaves everything as it was when the block raises.

    Written under a temporary name in the same folder, flushed to the disk and renamed; a link is followed, and the permissions of a file
    that is replaced are kept. What is not a regular file, such as a pipe or /dev/null, is written to directly. Raises OutputError.
    """
    with _telling(str(path)):
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            temporary, stream = None, open(target, "w", encoding="utf-8", newline="")  # noqa: SIM115
        else:
            temporary = target.with_name(f".screener-{secrets.token_hex(8)}.part")
            stream = open(temporary, "x", encoding="utf-8", newline="")  # noqa: SIM115
    try:
        yield Output(stream, str(path))
        with _telling(str(path)):
            _settle(stream)
            stream.close()
            if temporary is not None:
                if mode is not None:
                    os.chmod(temporary, stat.S_IMODE(mode))
                os.replace(temporary, target)
                _settle_folder(target.parent)
    except BaseException:
        _abandon(stream)
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, text: str) -> None:
    """The whole of `text` as the file `path`, or nothing. Raises OutputError."""
    with atomic_output(path) as output:
        output.write(text)


@contextmanager
def appended_lines(path: Path) -> Iterator[Output]:
    """An Output that adds JSON lines to the file `path`, which is made if need be: each is on the disk before the next is begun.

    A last line that an earlier run left unfinished is cut off. Raises OutputError, also for a file that ends in something else.
    """
    with _telling(str(path)):
        if path.is_file():
            _mend_last_line(path)
        stream = open(path, "a", encoding="utf-8", newline="")  # noqa: SIM115
    try:
        yield Output(stream, str(path), on_disk=True)
        with _telling(str(path)):
            _settle(stream)
            stream.close()
    except BaseException:
        _abandon(stream)
        raise


def make_folder(path: Path) -> None:
    """The folder `path`, with its parents, if it is not there yet. Raises OutputError."""
    with _telling(str(path)):
        path.mkdir(parents=True, exist_ok=True)


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
    """What follows the last line break of a file of `size` bytes, read from its end so that a long file costs nothing."""
    tail = b""
    while len(tail) < size and b"\n" not in tail:
        step = min(size - len(tail), 1 << 16)
        stream.seek(size - len(tail) - step)
        tail = stream.read(step) + tail
    return tail[tail.rfind(b"\n") + 1 :]


def _settle(stream: TextIO) -> None:
    stream.flush()
    # Pipes and devices have nothing to settle and say so with an error.
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        os.fsync(stream.fileno())


def _abandon(stream: TextIO) -> None:
    """Closing tries once more to write what could not be written; that it fails again is no news."""
    with suppress(OSError):
        stream.close()


def _settle_folder(folder: Path) -> None:
    """Puts a rename on the disk where the system can; it is done already as far as any program is concerned."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _telling(name: str) -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, OutputError):
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{name}: cannot be written: {why}; check the folder, its permissions and the free space") from error
