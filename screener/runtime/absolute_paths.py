"""Absolute paths that lead where the given ones lead. Knows names and links, not contents."""

from __future__ import annotations

import os


def absolute_path(path: str | os.PathLike[str]) -> str:
    """The absolute path without `.` and `..`, links kept as they are named.

    `os.path.abspath` takes `link/..` for the folder that holds the link, and the system for the one above the link's target. Where the two
    differ, the folder's real path is given.
    """
    text = os.fspath(path)
    shortened = os.path.abspath(text)
    if os.pardir not in text or "\0" in text:
        return shortened
    folder, name = os.path.split(text)
    real = os.path.realpath(folder)
    return shortened if real == os.path.realpath(os.path.dirname(shortened)) else os.path.normpath(os.path.join(real, name))
