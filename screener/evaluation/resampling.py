"""How often a bootstrap draws each video. Pure counts; does not know scores or figures.

Units are drawn with replacement (videos, or scenes with several videos), and each stratum is drawn by itself, so that no kind of unit can
vanish from a draw (Davison and Hinkley 1997, Bootstrap Methods and their Application, chapter 3).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int32]
Places = NDArray[np.int64]


def strata_of(labels: NDArray[np.int64], units: Places) -> Places:
    """Stratum of each unit (U,): 1 with only reals, 2 with only fakes, 3 with both, 0 with nothing.

    labels: (N,) of 0 and 1. units: (N,) index of each sample's unit, from 0.
    """
    size = int(units.max()) + 1 if len(units) else 0
    found = np.zeros(size, np.int64)
    np.bitwise_or.at(found, units, np.where(labels == 1, 2, 1))
    return found


def draws(strata: Places, resamples: int, seed: int) -> Counts:
    """How often each unit is drawn in each resample, (R, U); in every row the counts of a stratum add up to its number of units."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, len(strata)), np.int32)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        size = len(members)
        picked = rng.integers(0, size, (resamples, size)) + size * np.arange(resamples)[:, None]
        counts[:, members] = np.bincount(picked.ravel(), minlength=resamples * size).reshape(resamples, size)
    return counts


def unit_weights(labels: NDArray[np.int64], units: Places) -> NDArray[np.float64]:
    """(N,) 1 / (number of samples of the same unit and label), so that a unit counts as one within its label whatever it has of samples.

    labels, units: as in `strata_of`.
    """
    _, kinds, sizes = np.unique(2 * units + (labels == 1), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / sizes[kinds])


def number_of_votes(labels: NDArray[np.int64], units: Places) -> int:
    """How many units there are within each label, which is what `unit_weights` add up to."""
    return len(np.unique(2 * units + (labels == 1)))


def numbered(names: Iterable[str]) -> Places:
    """Equal names -> equal numbers from 0, as units of a bootstrap."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
