"""Facts about a file of which only some pictures are decoded: from its own index if that covers the whole file, else by reading all
packets.

Reading all packets (a walk) decodes only the first picture. Its result is cached, because the same file is opened in several rounds, and a
walk that takes too long is abandoned.
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
"""Number of files whose facts are cached, because two may take turns in one decoding process."""

_State = tuple[int, int, int, int]
_known: dict[_State, Facts] = {}
_given_up: dict[_State, float] = {}
"""File -> seconds that were not enough for its walk."""


class _TooLongError(Exception):
    """A walk was abandoned."""


def facts_for_looks(
    path: Path, name: str, container: InputContainer, stream: VideoStream, alive: Callable[[], None], limits: ScanSettings
) -> Facts:
    """Facts about an open container, whose first packets may be consumed. alive: called now and then while all packets are read, which may
    take up to a quarter of the time limit.

    `timeline` is None if only the index was read, or if there was no time for a walk. Raises SourceError as `read_facts` does.
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
    """Whether the container has an index of the time and position of every picture, or of every key picture."""
    names = container.format.name.split(",")
    if "mov" in names:
        return stream.frames > 0 and len(stream.index_entries) > 0 and not is_fragmented(path)
    return "matroska" in names and bool(container.duration)


def _state_of(path: Path) -> _State:
    """Identifies a file's content: changes when the file is written to or replaced."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
