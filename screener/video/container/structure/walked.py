"""What walking the packets of a file has told, for holding its container against, and what came of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Walked:
    """formats: FFmpeg's names of the container. stream_index, stream_id: of the video within its container. packets: of the video, all of
    them. ticks: (n,) int64 presentation times of those that are shown, in the stream's time base. alive: to be called now and then."""

    formats: frozenset[str]
    stream_index: int
    stream_id: int
    packets: int
    ticks: NDArray[np.int64]
    alive: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Findings:
    """faults: things in a container that contradict each other. seams: places where another recording goes on, by the container's own
    counters. videos: streams of moving pictures that it carries, as far as its tables say, else 0. is_cut: it ends within something
    that says how long it is."""

    faults: int = 0
    seams: int = 0
    videos: int = 0
    is_cut: bool = False
