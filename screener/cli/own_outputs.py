"""Which files lie in folders that a scan writes to: a repeated scan must not judge its own pictures. Knows paths only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path


def in_outputs(written: Iterable[Path | None], arguments: Iterable[str]) -> Callable[[str | Path], bool]:
    """A function that says whether a file lies in one of these folders, at any depth, also through a link.

    A folder does not count if an argument names it or something in it: those who scan it mean what is there.
    """
    named = [Path(os.path.realpath(argument)) for argument in arguments]
    folders = {os.path.realpath(path) for path in written if path is not None}
    own = [folder for folder in folders if not any(one.is_relative_to(folder) for one in named)]
    return lambda path: any(Path(os.path.realpath(os.path.dirname(path))).is_relative_to(folder) for folder in own)
