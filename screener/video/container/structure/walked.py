"""What reading the packets of a file has shown, to compare its container with, and the result of that comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Walked:
    """formats: FFmpeg's names of the container. stream_index, stream_id: of the video within its container. packets: number of video
    packets. ticks: (n,) int64 presentation times of those that are shown, in the stream's time base. alive: to be called now and then.
    """

    formats: frozenset[str]
    stream_index: int
    stream_id: int
    packets: int
    ticks: NDArray[np.int64]
    alive: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Findings:
    """faults: number of contradictions in the container. seams: number of places where another recording begins, according to the
    container's own counters. videos: number of video streams according to its tables, 0 if unknown. is_cut: the file ends within an element
    of stated length.
    """

    faults: int = 0
    seams: int = 0
    videos: int = 0
    is_cut: bool = False
