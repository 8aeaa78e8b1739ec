"""Refuses files to be written that are also read, or written twice: an input must not be replaced by what is said of it. Knows paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from screener.errors import SettingsError

Place = str | bytes | os.PathLike[str] | None


def refuse_overwriting(written: Mapping[str, Path | None], read: Iterable[Place]) -> None:
    """Raises SettingsError naming the option whose file is one of those that are read or that of another option, also through a link.

    written: by option; None is left out, and so are devices. read: paths, which need not exist, and anything else that names an input; the
    file behind `@list.txt` is one that is read.
    """
    there: dict[object, tuple[str, Path]] = {}
    for option, path in written.items():
        if path is None or (place := _place(path)) is None:
            continue
        if place in there:
            raise SettingsError(f"{path}: given for both {there[place][0]} and {option}; they must be two files")
        there[place] = option, path
    for place in read:
        if place is None:
            continue
        text = os.fsdecode(place)
        for name in {text, text.removeprefix("@")}:
            if (found := there.get(_identity(name) or (-1, -1))) is not None:
                option, path = found
                raise SettingsError(f"{option} {path}: would replace {text}, which is read; name another file")


def _place(path: Path) -> object:
    """What tells a file from others, also one that does not exist yet; None for a device or a folder, and for what is open already, such as
    `/dev/stdout`: two of those may lead to one file on purpose.
    """
    if path.parts[:2] in (("/", "dev"), ("/", "proc")):
        return None
    return _identity(path) or (None if os.path.exists(path) else os.path.realpath(path))


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Device and number of a regular file; None for anything else."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
