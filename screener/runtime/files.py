"""Files that are on the disk whole or not at all, and locks that tell whether someone else is at work on one.

Knows bytes, paths and disks, and nothing of what is written. Every failure to write is an OutputError that names the place, except a broken
pipe: a reader that has seen enough is no failure, and the builtin BrokenPipeError is passed on.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from screener.errors import OutputError, ScreenerError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FAR_BEYOND = 1 << 40
"""Windows locks bytes, and keeps others from reading them: one that no file here ever reaches is locked."""

_TEMPORARY = re.compile(r"\.screener-[0-9a-f]{16}\.part")
_ADVICE = "check the folder, its permissions and the free space"


@contextmanager
def telling(name: object, advice: str = _ADVICE) -> Iterator[None]:
    """Whatever cannot be written within the block is an OutputError that names the place, a broken pipe aside."""
    try:
        yield
    except (BrokenPipeError, ScreenerError):
        raise
    except (OSError, ValueError) as error:
        raise unwritable(name, error, advice) from error


def unwritable(name: object, error: Exception, advice: str = _ADVICE) -> OutputError:
    """The error that says what could not be written, why, and what to do."""
    why = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
    return OutputError(f"{name}: cannot be written: {why}; {advice}")


# Files that appear whole.


@contextmanager
def whole_file(path: Path, follow: bool = True) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` when the block ends, and leaves everything as it was when the block raises.

    Written under a temporary name in the same folder, flushed to the disk and renamed; the permissions of a file that is replaced are kept.
    What is not a regular file, such as a pipe or /dev/null, is written to directly. follow: write where a link leads; else a link, like
    whatever else is there, is replaced, so that nobody who planted one has a file elsewhere overwritten. Raises OutputError.
    """
    stream: BinaryIO
    with telling(path):
        target = Path(os.path.realpath(path)) if follow else path
        mode = target.lstat().st_mode if os.path.lexists(target) else None
        if follow and mode is not None and not stat.S_ISREG(mode):
            temporary, stream = None, open(target, "wb")  # noqa: SIM115
        else:
            temporary, stream = _temporary_in(target.parent)
    try:
        yield stream
        with telling(path):
            settle(stream)
            if temporary is None:
                stream.close()
            else:
                _rename(temporary, target, stream, stat.S_IMODE(mode) if mode is not None and stat.S_ISREG(mode) else None)
    except BaseException:
        abandon(stream)
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: str | bytes, follow: bool = True) -> None:
    """The whole of `content`, text as UTF-8, as the file `path`, or nothing; follow as for `whole_file`. Raises OutputError."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    with whole_file(path, follow) as stream, telling(path):
        stream.write(data)


def put_in_place(made: Path, path: Path) -> None:
    """Give a finished file its final name, once its bytes are on the disk. Raises OSError."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(made, path)
    _settle_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Away with what killed runs were in the middle of writing in this folder; what a running one is writing is locked and stays."""
    with suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(folder) if _TEMPORARY.fullmatch(entry.name)]:
            with suppress(OSError), open(path, "rb") as stream:
                if os.name == "nt":
                    stream.close()  # what anyone has open cannot be removed there: that is lock enough
                if stream.closed or try_lock(stream.fileno()):
                    path.unlink()


def make_folder(path: Path) -> None:
    """The folder `path`, with its parents, if it is not there yet. Raises OutputError."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is there already and is no folder; name another")
    with telling(path):
        path.mkdir(parents=True, exist_ok=True)


def settle(stream: IO[str] | IO[bytes]) -> None:
    """Have everything that was written to an open file on the disk. Raises OSError."""
    stream.flush()
    # Pipes and devices have nothing to settle and say so with an error.
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        os.fsync(stream.fileno())


def abandon(stream: IO[str] | IO[bytes]) -> None:
    """Close a file after a failure: closing tries once more to write what could not be written; that it fails again is no news."""
    with suppress(OSError):
        stream.close()


def _temporary_in(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file that is locked for as long as it is written."""
    while True:
        temporary = folder / f".screener-{secrets.token_hex(8)}.part"
        stream = open(temporary, "xb")  # noqa: SIM115
        lock_unless_held(stream.fileno())
        if temporary.exists():
            return temporary, stream
        stream.close()  # between its making and its locking someone took it for a leftover


def _rename(temporary: Path, target: Path, stream: BinaryIO, mode: int | None) -> None:
    if mode is not None:
        os.chmod(temporary, mode)
    if os.name == "nt":
        stream.close()  # what is open cannot be renamed there
    os.replace(temporary, target)
    stream.close()
    _settle_folder(target.parent)


def _settle_folder(folder: Path) -> None:
    """Puts a rename on the disk where the system can; it is done already as far as any program is concerned."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Locks, which the system lets go of when their holder ends, however it ends.


def try_lock(descriptor: int) -> bool:
    """Lock the open file for as long as it stays open; False when another open file holds the lock. Never waits.

    Child processes do not get the lock: Python's files are closed in them. Raises OSError where the file system knows no locks.
    """
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        return False
    return True


def lock_unless_held(descriptor: int) -> bool:
    """As `try_lock`, but True, without a lock, where the file system knows none."""
    try:
        return try_lock(descriptor)
    except OSError:
        return True


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # only here on Windows

    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, _FAR_BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)
