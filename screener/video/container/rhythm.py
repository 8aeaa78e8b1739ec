"""Presentation times of frames: the usual step between two, joining of pieces, and irregularities. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

_MOST_BEHIND = 16
"""The most frames that a decoder may still hold when a stream ends."""


def filled(seconds: NDArray[np.float64], step_seconds: float) -> NDArray[np.float64]:
    """(n,) times of one piece in seconds, NaN if unknown -> (n,) rising.

    Frames without a time are spaced at the usual step between those that have one, and after the last. Where they do not fit, like the
    second fields of pictures, they get the time of the frame before.
    """
    unknown = np.isnan(seconds)
    known, missing = np.sort(seconds[~unknown]), int(unknown.sum())
    if not missing or not len(known):
        return np.sort(np.where(unknown, 0.0, seconds))
    steps = np.diff(known)
    room = np.maximum(0, np.rint(steps / step_seconds).astype(np.int64) - 1)
    room = np.diff(np.minimum(np.cumsum(room), missing), prepend=0)
    behind = missing - int(room.sum())
    if _MOST_BEHIND < behind == missing <= len(known):
        before = np.maximum.accumulate(np.where(unknown, 0, np.arange(len(seconds))))
        return np.sort(np.where(np.isnan(seconds[before]), known[0], seconds[before]))
    gap = np.repeat(np.arange(len(room)), room)
    place = np.arange(len(gap)) - np.repeat(np.cumsum(room) - room, room) + 1
    between = known[gap] + place * steps[gap] / (room[gap] + 1)
    return np.sort(np.concatenate([known, between, known[-1] + step_seconds * np.arange(1, behind + 1)]))


def usual_step(pieces: list[NDArray[np.float64]], default: float) -> float:
    """Median seconds between two frames of the same piece; `default` if there are none."""
    steps = np.concatenate([np.diff(piece) for piece in pieces]) if pieces else np.zeros(0)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else default


def offsets(
    pieces: list[NDArray[np.float64]], frame_seconds: float, leaps: Collection[int] = (), begun: Mapping[int, float] | None = None
) -> list[float]:
    """Seconds to add to the times of each piece so that together they form one rising timeline from 0.

    A piece that overlaps the one before, or leaps ahead of it, is moved to follow it. leaps: indices of the pieces that leap. begun: index
    -> start of a piece that starts with pictures which are not shown.
    """
    found: list[float] = []
    end = 0.0
    for number, piece in enumerate(pieces):
        start = min(float(piece[0]), (begun or {}).get(number, np.inf))
        offset = found[-1] if found else -start
        if found and (number in leaps or start + offset < end - frame_seconds / 2):
            offset = end - start
        found.append(offset)
        end = float(piece[-1]) + offset + frame_seconds
    return found


def rhythm_warnings(seconds: NDArray[np.float64], frame_seconds: float) -> list[str]:
    """`gap` for a pause of over a second and five frames; `variable_rate` if over a tenth of the steps are a quarter off the usual one."""
    steps = np.diff(seconds)
    if not len(steps):
        return []
    gap = bool(np.any(steps > max(1.0, 5 * frame_seconds)))
    variable = float(np.mean(np.abs(steps - frame_seconds) > frame_seconds / 4)) > 0.1
    return ["gap"] * gap + ["variable_rate"] * variable
