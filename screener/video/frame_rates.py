"""Frames per second as exact fractions: 30000/1001, where a number with decimals would put a marker beside its frame after an hour. Pure.

Knows times and rates, no files.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

BROADCAST_RATES = tuple(
    sorted([*(Fraction(base * 1000, 1001) for base in (24, 30, 48, 60, 120)), *map(Fraction, (24, 25, 30, 48, 50, 60, 100, 120))])
)
"""What cameras and editing programs work at (SMPTE ST 12-1 and its multiples)."""

_SAME = 0.005
"""Two rates that differ by less than this share are one: containers round times to milliseconds."""

_NEAR = 0.05
"""So far a variable rate may lie from the broadcast rate that it is counted at."""

_LARGEST_PART = 1001


def nearest_rate(fps: float, within: float = _SAME) -> Fraction:
    """The broadcast rate nearest to `fps`, or the nearest plain fraction where none is `within` that share of it; fps is above 0."""
    near = min(BROADCAST_RATES, key=lambda rate: abs(float(rate) - fps))
    return near if abs(float(near) / fps - 1) <= within else _plain(Fraction(fps))


def _plain(rate: Fraction) -> Fraction:
    """The nearest plain fraction; of a slow rate, whose own fraction would be rounded to 0, that of the time between two frames."""
    return rate.limit_denominator(_LARGEST_PART) if rate >= 1 else 1 / (1 / rate).limit_denominator(_LARGEST_PART)


def usual_rate(seconds: NDArray[np.float64], frame_seconds: float, stated: Fraction | None, is_variable: bool) -> Fraction:
    """At how many frames per second a video is counted.

    seconds: (n,) rising presentation times. frame_seconds: the usual time between two. stated: what the container says, taken if the
    pictures come that often. is_variable: then the broadcast rate nearest to the mean, as editing programs conform such a file.
    """
    steps = np.diff(seconds)
    # A pause is no slower rate. The mean, as times in milliseconds make 41 and 42 of 41.7.
    steady = steps[(steps > 0) & (steps < 1.5 * frame_seconds)]
    fps = 1 / float(steady.mean()) if len(steady) else 1 / frame_seconds
    if not is_variable and stated and abs(float(stated) / fps - 1) <= _SAME:
        return _plain(Fraction(stated))
    return nearest_rate(fps, _NEAR if is_variable else _SAME)
