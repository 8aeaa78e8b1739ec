"""The field's figures from labels and scores; pure numpy, fake = 1 and positive everywhere.

Every function takes `labels` (N,) of 0 and 1 and `p_fake` (N,) and raises ValueError when a class that it needs is missing. Does not know
videos, files or networks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Metric = Callable[[Labels, Floats], float]

ECE_BINS = 10


def _both(labels: Labels) -> tuple[int, int]:
    fakes = int((labels == 1).sum())
    reals = int((labels == 0).sum())
    if not fakes or not reals or fakes + reals != len(labels):
        raise ValueError(f"labels: expected both 0 and 1 and nothing else, got {reals} zeros and {fakes} ones in {len(labels)}")
    return reals, fakes


def roc_auc(labels: Labels, p_fake: Floats) -> float:
    """Area under the ROC curve: the chance that a fake scores above a real, ties counting a half (Hanley and McNeil 1982)."""
    reals, fakes = _both(labels)
    rank_sum = rankdata(p_fake)[labels == 1].sum()
    return float((rank_sum - fakes * (fakes + 1) / 2) / (reals * fakes))


def average_precision(labels: Labels, p_fake: Floats) -> float:
    """Sum over thresholds of (recall step) x precision, tied scores taken together."""
    _, fakes = _both(labels)
    order = np.argsort(-p_fake, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p_fake[order]) != 0, True))
    hits = np.cumsum(labels[order])[ends]
    recall = hits / fakes
    return float((np.diff(np.append(0.0, recall)) * hits / (ends + 1)).sum())


def equal_error_rate(labels: Labels, p_fake: Floats) -> float:
    """Where the false-positive rate equals the false-negative rate, interpolated between thresholds."""
    fpr, tpr = roc_points(labels, p_fake)
    gap = fpr - (1 - tpr)
    # The gap rises from -1 to 1, so the crossing is never the first point.
    i = int(np.argmax(gap >= 0))
    share = -gap[i - 1] / (gap[i] - gap[i - 1])
    return float(fpr[i - 1] + share * (fpr[i] - fpr[i - 1]))


def roc_points(labels: Labels, p_fake: Floats) -> tuple[Floats, Floats]:
    """False- and true-positive rates at every threshold, from (0, 0) to (1, 1)."""
    reals, fakes = _both(labels)
    order = np.argsort(-p_fake, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p_fake[order]) != 0, True))
    hits = np.cumsum(labels[order])[ends]
    return np.append(0.0, (ends + 1 - hits) / reals), np.append(0.0, hits / fakes)


def true_positive_rate_at(fpr: float) -> Metric:
    """Share of fakes at or above the threshold that lets through at most `fpr` of the reals."""

    def metric(labels: Labels, p_fake: Floats) -> float:
        _both(labels)
        return float((p_fake[labels == 1] >= threshold_at(p_fake[labels == 0], fpr)).mean())

    return metric


def threshold_at(real_p_fake: Floats, fpr: float) -> float:
    """The lowest threshold at which at most a share `fpr` of the real scores lies at or above it."""
    if not len(real_p_fake):
        raise ValueError("real_p_fake: expected at least one score, got none")
    allowed = int(np.floor(fpr * len(real_p_fake) + 1e-9))
    falling = np.sort(real_p_fake)[::-1]
    return float(np.nextafter(falling[allowed], np.inf)) if allowed < len(falling) else float(falling[-1])


def expected_calibration_error(labels: Labels, p_fake: Floats) -> float:
    """Mean gap between confidence and frequency over ten equal-width bins, weighted by their counts (Guo et al. 2017)."""
    bins = np.minimum((p_fake * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [abs(labels[bins == b].mean() - p_fake[bins == b].mean()) * (bins == b).sum() for b in range(ECE_BINS) if (bins == b).any()]
    return float(sum(gaps) / len(labels))


def brier_score(labels: Labels, p_fake: Floats) -> float:
    """Mean squared distance between probability and truth (Brier 1950)."""
    return float(((p_fake - labels) ** 2).mean())


def bootstrap_interval(
    metric: Metric, labels: Labels, p_fake: Floats, share: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Central `share` range of a metric over resampled videos, each class resampled by itself so that neither can vanish."""
    rng = np.random.default_rng(seed)
    reals, fakes = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    values = []
    for _ in range(resamples):
        picked = np.concatenate([rng.choice(reals, len(reals)), rng.choice(fakes, len(fakes))])
        values.append(metric(labels[picked], p_fake[picked]))
    low, high = np.quantile(values, ((1 - share) / 2, (1 + share) / 2))
    return float(low), float(high)
