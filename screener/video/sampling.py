"""Which moments of a video are judged. Pure: knows times, not pictures or files.

`frames` N takes the frames that are on screen at the centres of N equal slices of the video. The centres are equally far apart and half
that far from both ends, so no part of the video is further than half a slice from a judged frame, and a fade at the very first or last
frame does not use up a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.settings import ScanSettings

_TOLERANCE_SECONDS = 1e-6


@dataclass(frozen=True)
class Sampling:
    """Exactly one applies: all_frames, else fps (frames per second of video), else frames (evenly spaced)."""

    frames: int | None
    fps: float | None
    all_frames: bool

    @classmethod
    def from_settings(cls, settings: ScanSettings) -> Sampling:
        """The sampling that the settings ask for."""
        if settings.all_frames:
            return cls(None, None, True)
        if settings.fps is not None:
            return cls(None, settings.fps, False)
        return cls(settings.frames, None, False)


def chosen_seconds(seconds: NDArray[np.float64], end_seconds: float, sampling: Sampling) -> NDArray[np.float64]:
    """Times of the frames to judge.

    seconds: (n,) presentation time of every frame, rising from 0. end_seconds: when the last frame leaves the screen.
    -> (m,) a subset of `seconds`; m is min(n, frames), or the number of frames on screen at every 1 / fps, or n.
    """
    count = len(seconds)
    if sampling.all_frames or not count:
        return seconds
    if sampling.fps is not None:
        # Number of the first tick of 1 / fps at or after each frame: a frame is on screen at a tick if the next frame has another number.
        ticks = np.ceil(np.append(seconds, end_seconds) * sampling.fps - _TOLERANCE_SECONDS)
        return seconds[ticks[:-1] < ticks[1:]]
    wanted = min(sampling.frames or count, count)
    chosen = np.unique(_on_screen(seconds, centre_seconds(end_seconds, wanted)))
    missing = wanted - len(chosen)
    if missing:  # several slices may share one long frame: fill up with frames not chosen yet, spread evenly
        rest = np.setdiff1d(np.arange(count), chosen)
        chosen = np.union1d(chosen, rest[((np.arange(missing) + 0.5) * len(rest) / missing).astype(np.int64)])
    return seconds[chosen]


def centre_seconds(end_seconds: float, count: int) -> NDArray[np.float64]:
    """Centres of `count` equal slices of [0, end]."""
    return (np.arange(count, dtype=np.float64) + 0.5) * (end_seconds / count)


class Sampler:
    """Picks frames as they stream by: the first at or after each target, so that the next frame replaces a lost one."""

    def __init__(self, targets: NDArray[np.float64] | None) -> None:
        """targets: (m,) rising seconds, or None to take every frame."""
        self._targets = targets
        self._next = 0

    def wants(self, pts_seconds: float) -> bool:
        """Whether the frame at this time is to be judged; call once for each frame, in order."""
        if self._targets is None:
            return True
        passed = int(np.searchsorted(self._targets, pts_seconds + _TOLERANCE_SECONDS, side="right"))
        wanted = passed > self._next
        self._next = max(self._next, passed)
        return wanted


class Pacer:
    """Picks frames at a rate, for streams whose frames are not known in advance: those on screen at (k + phase) / fps."""

    def __init__(self, fps: float, phase: float = 0.0, frame_seconds: float = 0.0) -> None:
        """frame_seconds: how long a frame stays on screen; 0 takes the first frame at or after each moment."""
        self._fps = fps
        self._phase = phase
        self._ahead_seconds = max(0.0, frame_seconds - 2 * _TOLERANCE_SECONDS) + _TOLERANCE_SECONDS
        self._next = 0

    def wants(self, pts_seconds: float) -> bool:
        """Whether the frame at this time is to be judged; call once for each frame, in order."""
        tick = int(np.floor((pts_seconds + self._ahead_seconds) * self._fps - self._phase))
        wanted = tick >= self._next
        self._next = max(self._next, tick + 1)
        return wanted


def _on_screen(seconds: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of the frame shown at each moment."""
    return np.maximum(np.searchsorted(seconds, moments + _TOLERANCE_SECONDS, side="right") - 1, 0).astype(np.int64)
