"""Intervals of observed shares. Knows counts only."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def wilson_interval(share_found: float, count: int, share: float = 0.95) -> tuple[float, float]:
    """Interval of a rate when a share `share_found` of `count` was observed: 0 of 3 is 0 to 0.56.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953
    """
    z = NormalDist().inv_cdf((1 + share) / 2)
    middle = (share_found + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share_found * (1 - share_found) / count + (z / (2 * count)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)
