"""Finds the videos, pictures and picture series in a folder, each once, in order; and expands patterns with `**`, without following cycles.

Looks at names and listings; `media` tells what a file is, `series` what a series of pictures is.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from screener.runtime.absolute_paths import absolute_path
from screener.video.inputs.media import is_media
from screener.video.inputs.series import film_of
from screener.video.sources import Source, SourceFailure, file_source, printable_name

OnLeftOut = Callable[[str], None]


def in_folder(text: str, on_left_out: OnLeftOut) -> list[Source | SourceFailure]:
    """The inputs below a folder, or the failure that says why there are none."""
    try:
        os.scandir(text).close()
    except OSError as error:
        return [SourceFailure.of(text, "permission", f"the folder cannot be read: {error.strerror}")]
    nothing = SourceFailure.of(text, "no_video", "the folder holds no video or picture; name a file to have it tried whatever its suffix")
    return list(_walk(text, set(), on_left_out)) or [nothing]


def _walk(top: str, seen: set[tuple[int, int]], on_left_out: OnLeftOut) -> Iterator[Source | SourceFailure]:
    """Media below a folder, sorted; each real file and folder once, without hidden ones. An unreadable folder becomes a failure of its own.

    Not recursive, because folders may be nested more deeply than Python's stack allows.
    """
    waiting = [top]
    while waiting:
        path = waiting.pop()
        if not _first_visit(path, seen):
            continue
        if not os.path.isdir(path):
            yield file_source(path)
            continue
        try:
            paths = _visible_in(path)
        except OSError as error:
            yield SourceFailure.of(path, "permission", f"the folder cannot be read: {error.strerror}")
            continue
        folders = {inner for inner in paths if os.path.isdir(inner)}
        files = [inner for inner in paths if inner not in folders and is_media(inner)]
        for left_out in paths:
            if left_out not in folders and left_out not in files:
                on_left_out(left_out)
        film = film_of(files)
        if film:
            yield Source(tuple(Path(absolute_path(picture)) for picture in film), "sequence", printable_name(path))
        kept = folders if film else folders.union(files)
        waiting.extend(inner for inner in reversed(paths) if inner in kept)


def in_pattern(pattern: str, on_left_out: OnLeftOut) -> list[Source | SourceFailure]:
    """The inputs that match a pattern, sorted, each once: links may lead back to a folder, and to a file under the same name."""
    found = [
        source for path in _matching(pattern) for source in (in_folder(path, on_left_out) if os.path.isdir(path) else [file_source(path)])
    ]
    once: dict[object, Source | SourceFailure] = {}
    for source in found:
        once.setdefault(_real_place(source), source)
    return list(once.values()) or [SourceFailure.of(pattern, "not_found", "no file matches this pattern")]


def _real_place(source: Source | SourceFailure) -> object:
    """Identifies a file reached in several ways. Two names in the same folder are two inputs, even if one is a link."""
    if isinstance(source, SourceFailure):
        return source
    paths = source.target if isinstance(source.target, tuple) else [source.path] if source.path is not None else []
    return tuple((os.path.realpath(path.parent), path.name) for path in paths)


def _matching(pattern: str) -> list[str]:
    """The files and folders that match, sorted; below `**` each real folder is entered once."""
    head, stars, tail = _split_at_stars(pattern)
    if not stars:
        return sorted(glob.glob(pattern))
    found: set[str] = set()
    for base in [path for path in glob.glob(head) if os.path.isdir(path)] if head else [""]:
        for folder in _folders_below(base):
            found.update(_matching(os.path.join(glob.escape(folder), tail)) if tail else [folder, *_files_in(folder)])
    return sorted(found - {""})


def _split_at_stars(pattern: str) -> tuple[str, bool, str]:
    """The parts before and after the first `**` of a pattern, and whether there is one."""
    parts = pattern.split(os.sep)
    if "**" not in parts:
        return pattern, False, ""
    at = parts.index("**")
    return os.sep.join(parts[:at]) or (os.sep if at else ""), True, os.sep.join(parts[at + 1 :])


def _folders_below(base: str) -> Iterator[str]:
    """A folder and those below it, without hidden ones, each real one once."""
    seen: set[tuple[int, int]] = set()
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        if _first_visit(folder or os.curdir, seen):
            yield folder
            waiting.extend(path for path in reversed(_entries(folder)) if os.path.isdir(path))


def _files_in(folder: str) -> list[str]:
    return [path for path in _entries(folder) if not os.path.isdir(path)]


def _entries(folder: str) -> list[str]:
    """A folder's entries, spelled as in the pattern; empty if the folder cannot be read, as with `glob`."""
    try:
        return _visible_in(folder)
    except OSError:
        return []


def _visible_in(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder or os.curdir)) if not name.startswith(".")]


def _first_visit(path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return True  # a broken link is still an input: opening it will report what is wrong
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True
