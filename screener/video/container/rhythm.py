"""Presentation times of frames: the usual step between two, pieces strung together, and what is odd about them. Pure."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


def usual_step(pieces: list[NDArray[np.float64]], default: float) -> float:
    """Median seconds between two frames of the same piece, or the default where there are none."""
    steps = np.concatenate([np.diff(piece) for piece in pieces]) if pieces else np.zeros(0)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else default


def offsets(pieces: list[NDArray[np.float64]], frame_seconds: float, leaps: Collection[int] = ()) -> list[float]:
    """What is to be added to the times of each piece, so that they make one rising timeline from 0.

    A piece whose time overlaps the one before, or leaps ahead of it, is moved to follow it. leaps: numbers of the pieces that do.
    """
    found: list[float] = []
    end = 0.0
    for number, piece in enumerate(pieces):
        start = float(piece[0])
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
