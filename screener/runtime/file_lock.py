"""Whether someone else is at work on a file: a lock that the system lets go of when its holder ends, however it ends.

Knows open files. Does not know what is in them, and does not wait.
"""

from __future__ import annotations

import os

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FAR_BEYOND = 1 << 40
"""Windows locks bytes, and keeps others from reading them: one that no file here ever reaches is locked."""


def try_lock(descriptor: int) -> bool:
    """Lock the open file for as long as it stays open; False when another open file holds the lock.

    Child processes do not get the lock: Python's files are closed in them. Raises OSError where the file system knows no locks.
    """
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError):
        return False
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
