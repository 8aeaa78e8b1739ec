"""Presentation times of frames: the usual step between two, pieces strung together, and what is odd about them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

_MOST_BEHIND = 16
"""As many as may still be on their way where a stream ends."""


def filled(seconds: NDArray[np.float64], step_seconds: float) -> NDArray[np.float64]:
    """(n,) times of one piece, NaN where nobody says -> (n,) rising. What has no time lies between what has one, at the usual step, and the
    rest behind; where it does not fit there, as with the second fields of pictures, it has the time of the one before."""
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
    """Median seconds between two frames of the same piece, or the default where there are none."""
    steps = np.concatenate([np.diff(piece) for piece in pieces]) if pieces else np.zeros(0)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else default


def offsets(
    pieces: list[NDArray[np.float64]], frame_seconds: float, leaps: Collection[int] = (), begun: Mapping[int, float] | None = None
) -> list[float]:
    """What is to be added to the times of each piece, so that they make one rising timeline from 0.

    A piece whose time overlaps the one before, or leaps ahead of it, is moved to follow it. leaps: numbers of the pieces that do.
    begun: by number, when a piece begins that does so with pictures which are not to be shown.
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
    """`gap` for a pause of over a second and five frames; `variable_rate` when over a tenth of the steps are a quarter off the usual."""
    steps = np.diff(seconds)
    if not len(steps):
        return []
    gap = bool(np.any(steps > max(1.0, 5 * frame_seconds)))
    variable = float(np.mean(np.abs(steps - frame_seconds) > frame_seconds / 4)) > 0.1
    return ["gap"] * gap + ["variable_rate"] * variable
