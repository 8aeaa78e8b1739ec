"""Which files lie in folders that a scan writes to: a repeated scan must not judge its own pictures. Knows paths only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path


def in_outputs(written: Iterable[Path | None], arguments: Iterable[str]) -> Callable[[str | Path], bool]:
    """A function that says whether a file was found in one of these folders, at any depth, because a folder above it was searched.

    Only folders and patterns with `**` are searched. What an argument or a list names itself is meant, wherever it lies.
    """
    arguments = list(arguments)
    searched = [Path(os.path.realpath(folder)) for folder in map(_searched, arguments) if folder is not None]
    named = {os.path.realpath(argument) for argument in arguments}
    folders = [Path(os.path.realpath(path)) for path in written if path is not None]
    own = [folder for folder in folders if any(folder != one and folder.is_relative_to(one) for one in searched)]
    own = [folder for folder in own if not any(one.is_relative_to(folder) for one in searched)]

    def is_own(path: str | Path) -> bool:
        if os.path.realpath(path) in named:
            return False
        place = Path(os.path.realpath(os.path.dirname(path)))
        return any(place.is_relative_to(folder) for folder in own)

    return is_own if own else lambda path: False


def _searched(argument: str) -> str | None:
    """The folder that an argument has searched; None if it names its inputs."""
    if os.path.isdir(argument):
        return argument
    head, pattern, _ = argument.partition("**")
    return (os.path.dirname(head) or os.curdir) if pattern and not os.path.lexists(argument) else None
