"""Facts of a file of which only some pictures are to be decoded: from its own index where that vouches for all of it, else from a walk.

A walk reads every packet and decodes none but the first picture. It is remembered, as the same file is looked at in several rounds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from screener.settings import ScanSettings
from screener.video.container.facts import Facts, read_beginning, read_facts
from screener.video.container.further import is_fragmented

_REMEMBERED = 2
"""Files whose facts are kept, as two may take turns in one decoding process."""

_State = tuple[int, int, int, int]
_known: dict[_State, Facts] = {}


def facts_for_looks(
    path: Path, name: str, container: InputContainer, stream: VideoStream, alive: Callable[[], None], limits: ScanSettings
) -> Facts:
    """Of an open container, whose first packets may be used up. alive: called now and then while all packets are walked.

    `timeline` is None where the index alone was asked. Raises SourceError as `read_facts` does.
    """
    if _has_index(path, container, stream):
        return read_beginning(path, name, container, stream)
    state = _state_of(path)
    if state not in _known:
        facts = read_facts(path, name, alive, limits)
        while len(_known) >= _REMEMBERED:
            del _known[next(iter(_known))]
        _known[state] = facts
    return _known[state]


def _has_index(path: Path, container: InputContainer, stream: VideoStream) -> bool:
    """Whether the container tells by an index where each of its pictures, or each key picture, lies in time and in the file."""
    names = container.format.name.split(",")
    if "mov" in names:
        return stream.frames > 0 and len(stream.index_entries) > 0 and not is_fragmented(path)
    return "matroska" in names and bool(container.duration)


def _state_of(path: Path) -> _State:
    """Another one after the file was written to, or another took its place."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
