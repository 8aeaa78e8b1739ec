"""Facts of a file of which only some pictures are to be decoded: from its own index where that vouches for all of it, else from a walk.

A walk reads every packet and decodes none but the first picture. It is remembered, as the same file is looked at in several rounds, and
given up where the time is short.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.video.stream import VideoStream

from screener.settings import ScanSettings
from screener.video.container.facts import Facts, read_beginning, read_facts
from screener.video.container.further import is_fragmented

_WALKING_SHARE = 0.25

_REMEMBERED = 2
"""Files whose facts are kept, as two may take turns in one decoding process."""

_State = tuple[int, int, int, int]
_known: dict[_State, Facts] = {}
_given_up: dict[_State, float] = {}
"""Seconds that were too few for the walk."""


class _TooLongError(Exception):
    """A walk was given up."""


def facts_for_looks(
    path: Path, name: str, container: InputContainer, stream: VideoStream, alive: Callable[[], None], limits: ScanSettings
) -> Facts:
    """Of an open container, whose first packets may be used up. alive: called now and then while all packets are walked, which may take a
    quarter of the time limit.

    `timeline` is None where the index alone was asked, or there was no time for a walk. Raises SourceError as `read_facts` does.
    """
    if _has_index(path, container, stream):
        return read_beginning(path, name, container, stream)
    state = _state_of(path)
    seconds = _WALKING_SHARE * (limits.time_limit_seconds or math.inf)
    if state not in _known and seconds > _given_up.get(state, 0.0):
        facts = _walked(path, name, alive, limits, time.monotonic() + seconds)
        if facts is None:
            _keep(_given_up, state, seconds)
        else:
            _keep(_known, state, facts)
    return _known.get(state) or replace(read_beginning(path, name, container, stream), is_unwalked=True)


def _keep(memory: dict[_State, Any], state: _State, value: Any) -> None:
    while len(memory) >= _REMEMBERED:
        del memory[next(iter(memory))]
    memory[state] = value


def _walked(path: Path, name: str, alive: Callable[[], None], limits: ScanSettings, deadline: float) -> Facts | None:
    def on_progress() -> None:
        alive()
        if time.monotonic() > deadline:
            raise _TooLongError

    try:
        return read_facts(path, name, on_progress, limits)
    except _TooLongError:
        return None


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
