"""Quantiles of Student's t-distribution. Pure. SciPy has them too, but takes 0.2 s to import, and every scan needs one.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4 (few degrees of freedom) and 26.7.5 (many).
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin, sqrt
from statistics import NormalDist

FEW = 40
"""Up to this many degrees of freedom the distribution is inverted exactly; above, the expansion is accurate to nine digits."""


@lru_cache(maxsize=256)
def t_quantile(share: float, degrees: int) -> float:
    """The `share` quantile of Student's t. share: in (0.5, 1). degrees: degrees of freedom, at least 1. Raises ValueError."""
    if not 0.5 < share < 1 or degrees < 1:
        raise ValueError(f"share: expected above 0.5 and below 1, with 1 degree of freedom or more; got {share!r}, {degrees!r}")
    return _inverted(2 * share - 1, degrees) if degrees <= FEW else _expanded(NormalDist().inv_cdf(share), degrees)


def _inverted(central: float, degrees: int) -> float:
    """By bisection of the angle atan(t / sqrt(degrees))."""
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, degrees) < central else (low, middle)
    return sqrt(degrees) * sin(low) / cos(low)


def _central(angle: float, degrees: int) -> float:
    """Probability that |t| is below sqrt(degrees) * tan(angle), a finite series for a whole number of degrees."""
    cosine = cos(angle)
    odd = degrees % 2
    term = total = (cosine if odd else 1.0) if degrees > 1 else 0.0
    for power in range(2 + odd, degrees - 1, 2):
        term *= cosine * cosine * (power - 1) / power
        total += term
    return (2 / pi) * (angle + sin(angle) * total) if odd else sin(angle) * total


def _expanded(z: float, degrees: int) -> float:
    """Asymptotic expansion. z: the same quantile of the normal distribution."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(degrees) ** power for power, term in enumerate(terms, 1))
