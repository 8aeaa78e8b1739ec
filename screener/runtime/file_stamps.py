"""Whether a file is unchanged: by size and times if these are the same, otherwise by its bytes.

A copy, a move or `touch` changes the times and not the bytes. A program that changes the bytes and restores size and modification time
still cannot restore the time of the last status change (ctime). Knows files, not their contents.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Stamp = list[Any] | None
"""Size in bytes, modification time and status-change time in nanoseconds, and SHA-256 of the bytes, as a JSON list; None for anything that
is not a readable file.
"""


def stamp_of(path: Path) -> Stamp:
    """The stamp of a regular file, which is read to its end; None if there is none or it cannot be read."""
    if not os.path.isfile(path):
        return None
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, hashlib.file_digest(file, "sha256").hexdigest()]
    except OSError:
        return None


def is_same(path: Path, before: Stamp) -> bool:
    """Whether a file has the bytes it had when it was stamped. It is read only if size and times do not settle that."""
    if before is None:
        return stamp_of(path) is None
    if len(before) != 4:
        return False
    try:
        status = os.stat(path)
    except OSError:
        return False
    if [status.st_size, status.st_mtime_ns, status.st_ctime_ns] == before[:3]:
        return True
    now = stamp_of(path) if status.st_size == before[0] else None
    return now is not None and now[3] == before[3]


def changed(files: Mapping[str, Path], before: Mapping[str, Stamp]) -> list[str]:
    """Names of the stamped files that have changed or are gone, sorted."""
    return sorted(name for name, stamp in before.items() if name not in files or not is_same(files[name], stamp))


def named(names: list[str], most: int = 5) -> str:
    """A list for a message: `a, b and 7 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
