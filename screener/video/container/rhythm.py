"""Presentation times of frames: the usual step between two, pieces strung together, and what is odd about them. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def usual_step(pieces: list[NDArray[np.float64]], default: float) -> float:
    """Median seconds between two frames of the same piece, or the default where there are none."""
    steps = np.concatenate([np.diff(piece) for piece in pieces]) if pieces else np.zeros(0)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else default


def joined(pieces: list[NDArray[np.float64]], frame_seconds: float) -> tuple[NDArray[np.float64], bool]:
    """One rising timeline from 0. A piece whose time overlaps the one before is moved to follow it."""
    placed: list[NDArray[np.float64]] = []
    offset, end, moved = 0.0, 0.0, False
    for piece in pieces:
        if not placed:
            offset = -float(piece[0])
        elif float(piece[0]) + offset < end - frame_seconds / 2:
            offset = end - float(piece[0])
            moved = True
        placed.append(piece + offset)
        end = float(piece[-1]) + offset + frame_seconds
    return (np.concatenate(placed) if placed else np.zeros(0)), moved


def rhythm_warnings(seconds: NDArray[np.float64], frame_seconds: float) -> list[str]:
    """`gap` for a pause of over a second and five frames; `variable_rate` when over a tenth of the steps are a quarter off the usual."""
    steps = np.diff(seconds)
    if not len(steps):
        return []
    gap = bool(np.any(steps > max(1.0, 5 * frame_seconds)))
    variable = float(np.mean(np.abs(steps - frame_seconds) > frame_seconds / 4)) > 0.1
    return ["gap"] * gap + ["variable_rate"] * variable
