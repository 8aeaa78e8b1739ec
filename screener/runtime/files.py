"""Writes files that appear on the disk whole or not at all, and locks that tell whether another process works on a file.

Knows bytes, paths and disks, not what is written. Every failure to write is an OutputError that names the place, except a broken pipe: a
reader that has seen enough is not a failure, so the builtin BrokenPipeError is passed on.
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
"""Windows locks ranges of bytes and keeps others from reading them, so we lock one byte that no file here ever reaches."""

_TEMPORARY = re.compile(r"\.screener-[0-9a-f]{16}\.part")
_ADVICE = "check the folder, its permissions and the free space"


@contextmanager
def telling(name: object, advice: str = _ADVICE) -> Iterator[None]:
    """Turn any failure to write within the block into an OutputError that names the place, except a broken pipe."""
    try:
        yield
    except (BrokenPipeError, ScreenerError):
        raise
    except (OSError, ValueError) as error:
        raise unwritable(name, error, advice) from error


def unwritable(name: object, error: Exception, advice: str = _ADVICE) -> OutputError:
    """The error that says what could not be written, why, and what to do about it."""
    why = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
    return OutputError(f"{name}: cannot be written: {why}; {advice}")


# Files that appear whole.


@contextmanager
def whole_file(path: Path, follow: bool = True) -> Iterator[BinaryIO]:
    """A file to write that becomes `path` when the block ends; if the block raises, everything stays as it was.

    It is written under a temporary name in the same folder, flushed to the disk and renamed; a replaced file's permissions are kept.
    Anything that is not a regular file, such as a pipe or /dev/null, is written to directly. follow: write to the target of a symbolic
    link; if False, the link itself is replaced, so that a planted link cannot make us overwrite a file elsewhere, and a
    device is refused. Raises OutputError.
    """
    stream: BinaryIO
    with telling(path):
        target = Path(os.path.realpath(path)) if follow else path
        mode = target.lstat().st_mode if os.path.lexists(target) else None
        if follow and os.path.exists(path) and not os.path.isfile(path):
            # By the name that was given: /dev/stdout, if it is a pipe, leads to a name that nothing has.
            temporary, stream = None, open(path, "wb")  # noqa: SIM115
        elif mode is not None and (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
            raise OutputError(f"{path}: cannot be written: it is a device; name a file")
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
    """Write all of `content` (text as UTF-8) to the file `path`, or nothing; `follow` as for `whole_file`. Raises OutputError."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    with whole_file(path, follow) as stream, telling(path):
        stream.write(data)


def put_in_place(made: Path, path: Path) -> None:
    """Flush a finished file to the disk and rename it to its final name. Raises OSError."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(made, path)
    _settle_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed runs left in this folder; those of running processes are locked and stay."""
    with suppress(OSError):
        for path in [Path(entry.path) for entry in os.scandir(folder) if _TEMPORARY.fullmatch(entry.name)]:
            with suppress(OSError), open(path, "rb") as stream:
                if os.name == "nt":
                    stream.close()  # Windows cannot remove a file that is open anywhere, which protects it like a lock
                if stream.closed or try_lock(stream.fileno()):
                    path.unlink()


def make_folder(path: Path) -> None:
    """Create the folder `path` and its parents where they do not exist. Raises OutputError."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is there already and is no folder; name another")
    with telling(path):
        path.mkdir(parents=True, exist_ok=True)


def require_place(path: Path) -> None:
    """Raise OutputError unless a file can be made at `path`, to know it before a long computation; makes a missing folder. What is there
    and no regular file, such as a device, is not tried.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        return
    make_folder(path.parent)
    with telling(path):
        temporary, stream = _temporary_in(Path(os.path.realpath(path)).parent)
        stream.close()
        temporary.unlink()


def settle(stream: IO[str] | IO[bytes]) -> None:
    """Flush everything written to an open file to the disk (fsync). Raises OSError."""
    stream.flush()
    # fsync fails on pipes and devices, which have nothing to flush.
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        os.fsync(stream.fileno())


def abandon(stream: IO[str] | IO[bytes]) -> None:
    """Close a file after a failure. Closing tries once more to write what could not be written; that this fails again is ignored."""
    with suppress(OSError):
        stream.close()


def _temporary_in(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file, locked for as long as it is open."""
    while True:
        temporary = folder / f".screener-{secrets.token_hex(8)}.part"
        stream = open(temporary, "xb")  # noqa: SIM115
        lock_unless_held(stream.fileno())
        if temporary.exists():
            return temporary, stream
        stream.close()  # another process took it for a leftover between its creation and its locking


def _rename(temporary: Path, target: Path, stream: BinaryIO, mode: int | None) -> None:
    if mode is not None:
        os.chmod(temporary, mode)
    if os.name == "nt":
        stream.close()  # Windows cannot rename an open file
    os.replace(temporary, target)
    stream.close()
    _settle_folder(target.parent)


def _settle_folder(folder: Path) -> None:
    """Flush a rename to the disk where the system can; other programs see the new name in any case."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Locks, which the system releases when their holder ends, however it ends.


def try_lock(descriptor: int) -> bool:
    """Lock the open file for as long as it stays open; False if another open file holds the lock. Never waits.

    Child processes do not inherit the lock, because Python closes its files in them. Raises OSError on file systems without locks.
    """
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        return False
    return True


def lock_unless_held(descriptor: int) -> bool:
    """Like `try_lock`, but on file systems without locks it returns True and locks nothing."""
    try:
        return try_lock(descriptor)
    except OSError:
        return True


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # exists only on Windows

    place = os.lseek(descriptor, 0, os.SEEK_CUR)
    try:
        os.lseek(descriptor, _FAR_BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    finally:
        os.lseek(descriptor, place, os.SEEK_SET)
