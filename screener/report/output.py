"""Where reports go: a stream, a file that appears only when it is whole, or a file of lines that grows.

Knows text and paths, nothing of verdicts. Every failure to write is an OutputError, except a broken pipe: a reader that has seen enough
is no failure, and the builtin BrokenPipeError is passed on.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from screener.errors import OutputError
from screener.runtime.file_lock import try_lock

_LINE_START = b'{"schema_version"'
_TEMPORARY = re.compile(r"\.screener-[0-9a-f]{16}\.part")


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
        with telling(self._name):
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
            if self._on_disk:
                _settle(self._stream)


@contextmanager
def atomic_output(path: Path, follow: bool = True) -> Iterator[Output]:
    """An Output that becomes the file `path` when the block ends, and leaves everything as it was when the block raises.

    Written under a temporary name in the same folder, flushed to the disk and renamed; the permissions of a file that is replaced are kept.
    What is not a regular file, such as a pipe or /dev/null, is written to directly. follow: write where a link leads; else a link, like
    whatever else is there, is replaced, so that nobody who planted one has a file elsewhere overwritten. Raises OutputError.
    """
    stream: TextIO
    with telling(str(path)):
        target = Path(os.path.realpath(path)) if follow else path
        mode = target.lstat().st_mode if os.path.lexists(target) else None
        if follow and mode is not None and not stat.S_ISREG(mode):
            temporary, stream = None, open(target, "w", encoding="utf-8", newline="")  # noqa: SIM115
        else:
            temporary, stream = _temporary_in(target.parent)
    try:
        yield Output(stream, str(path))
        with telling(str(path)):
            _settle(stream)
            if temporary is None:
                stream.close()
            else:
                _rename(temporary, target, stream, stat.S_IMODE(mode) if mode is not None and stat.S_ISREG(mode) else None)
    except BaseException:
        _abandon(stream)
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, text: str, follow: bool = True) -> None:
    """The whole of `text` as the file `path`, or nothing; follow as for `atomic_output`. Raises OutputError."""
    with atomic_output(path, follow) as output:
        output.write(text)


def remove_leftovers(folder: Path) -> None:
    """Away with what killed runs were in the middle of writing in this folder; what a running one is writing is locked and stays."""
    with suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(folder) if _TEMPORARY.fullmatch(entry.name)]:
            with suppress(OSError), open(path, "rb") as stream:
                if os.name == "nt":
                    stream.close()  # what anyone has open cannot be removed there: that is lock enough
                if stream.closed or try_lock(stream.fileno()):
                    path.unlink()


@contextmanager
def appended_lines(path: Path) -> Iterator[Output]:
    """An Output that adds JSON lines to the file `path`, which is made if need be: each is on the disk before the next is begun.

    A last line that an earlier run left unfinished is cut off. Raises OutputError, also for a file that ends in something else.
    """
    with telling(str(path)):
        if path.is_file():
            _mend_last_line(path)
        stream = open(path, "a", encoding="utf-8", newline="")  # noqa: SIM115
    try:
        yield Output(stream, str(path), on_disk=True)
        with telling(str(path)):
            _settle(stream)
            stream.close()
    except BaseException:
        _abandon(stream)
        raise


def make_folder(path: Path) -> None:
    """The folder `path`, with its parents, if it is not there yet. Raises OutputError."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is there already and is no folder; name another")
    with telling(str(path)):
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


def _temporary_in(folder: Path) -> tuple[Path, TextIO]:
    """A new file that is locked for as long as it is written."""
    while True:
        temporary = folder / f".screener-{secrets.token_hex(8)}.part"
        stream = open(temporary, "x", encoding="utf-8", newline="")  # noqa: SIM115
        with suppress(OSError):  # a file system without locks: nothing is ever swept away there
            try_lock(stream.fileno())
        if temporary.exists():
            return temporary, stream
        stream.close()  # between its making and its locking someone took it for a leftover


def _rename(temporary: Path, target: Path, stream: TextIO, mode: int | None) -> None:
    if mode is not None:
        os.chmod(temporary, mode)
    if os.name == "nt":
        stream.close()  # what is open cannot be renamed there
    os.replace(temporary, target)
    stream.close()
    _settle_folder(target.parent)


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
def telling(name: str) -> Iterator[None]:
    """Whatever cannot be written within the block is an OutputError that names the place, a broken pipe aside."""
    try:
        yield
    except (BrokenPipeError, OutputError):
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{name}: cannot be written: {why}; check the folder, its permissions and the free space") from error
