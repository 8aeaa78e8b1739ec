"""Whether a file is still what it was: by size and times where these are the same, by its bytes where they are not.

A copy, a move or a `touch` changes times and no bytes; what changes bytes and puts size and times back does not change back when the file
was last changed. Knows files and nothing of what they hold.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Stamp = list[Any] | None
"""Size, time of writing and time of the last change of any kind, both in nanoseconds, and SHA-256 of the bytes, as JSON has them; None of
what is no file that can be read."""


def stamp_of(path: Path) -> Stamp:
    """The stamp of a regular file, which is read whole; None where there is none that can be read."""
    if not os.path.isfile(path):
        return None
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, hashlib.file_digest(file, "sha256").hexdigest()]
    except OSError:
        return None


def is_same(path: Path, before: Stamp) -> bool:
    """Whether a file has the bytes that it had when it was stamped; it is read only where size and times leave that open."""
    if before is None or len(before) != 4:
        return before is None and not os.path.isfile(path)
    try:
        status = os.stat(path)
    except OSError:
        return False
    if [status.st_size, status.st_mtime_ns, status.st_ctime_ns] == before[:3]:
        return True
    now = stamp_of(path) if status.st_size == before[0] else None
    return now is not None and now[3] == before[3]


def changed(files: Mapping[str, Path], before: Mapping[str, Stamp]) -> list[str]:
    """Names of the files, among those that were stamped, that are no longer what they were, and of those that are gone; sorted."""
    return sorted(name for name, stamp in before.items() if name not in files or not is_same(files[name], stamp))


def named(names: list[str], most: int = 5) -> str:
    """`a, b and 7 more`."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
