"""The field's figures from labels and scores; pure numpy, fake = 1 and positive everywhere.

Every figure takes `labels` (N,) of 0 and 1 and `p_fake` (N,) and raises ValueError if it is undefined, usually because a class is missing.
`figure.resampled` gives the same for many bootstrap resamples at once. Does not know videos, files or networks.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from screener.evaluation.resampling import Counts, Places, draws, numbered, strata_of

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ECE_BINS = 10

RATE_SLACK = 1e-9
"""Tolerance for rounding when a share of counts is compared with a rate."""

MOST_NUMBERS = 250_000
"""Number of weights processed at a time while resampling: arrays that fit into the CPU's cache are summed several times faster."""

Kernel = Callable[[Labels, Floats, Floats], Floats]
"""labels (N,), p_fake (N,), weights (R, N): how often each sample counts -> (R,), NaN if the figure is undefined."""

Resampler = Callable[[Labels, Floats, Places, Counts], Floats]
"""labels (N,), p_fake (N,), units (N,), counts (R, U) -> (R,): a kernel's values for draws of units, computed in a faster way."""


class Metric:
    """A figure: calling it gives its value on the samples; `resampled` gives its values on resamples."""

    def __init__(self, kernel: Kernel, resampler: Resampler | None = None) -> None:
        self._kernel, self._resampler = kernel, resampler
        functools.update_wrapper(self, kernel)

    def __call__(self, labels: Labels, p_fake: Floats, weights: Floats | None = None) -> float:
        """labels (N,), p_fake (N,) -> the figure. weights: (N,), 1 each if left out. Raises ValueError if it is undefined."""
        value = float(self._kernel(labels, p_fake, np.ones((1, len(labels))) if weights is None else weights[None, :])[0])
        if np.isnan(value):
            raise ValueError(f"{self.__name__}: not defined for these {len(labels)} scores")  # type: ignore[attr-defined]
        return value

    def resampled(self, labels: Labels, p_fake: Floats, units: Places, counts: Counts, weights: Floats | None = None) -> Floats:
        """Values (R,) for the draws `counts` (R, U) of units; `units` (N,) is the index of the unit of each sample.

        weights: (N,) of the samples, 1 each if left out.
        """
        if self._resampler is not None and weights is None:
            return self._resampler(labels, p_fake, units, counts)
        step = max(1, MOST_NUMBERS // max(1, len(labels)))
        each = np.ones(len(labels)) if weights is None else weights
        parts = [self._kernel(labels, p_fake, rows[:, units] * each) for rows in _steps(counts, step)]
        return np.concatenate(parts)


def _steps(counts: Counts, step: int) -> Iterator[Counts]:
    for start in range(0, len(counts), step):
        yield counts[start : start + step]


def _both(labels: Labels) -> None:
    fakes = int((labels == 1).sum())
    reals = int((labels == 0).sum())
    if not fakes or not reals or fakes + reals != len(labels):
        raise ValueError(f"labels: expected both 0 and 1 and nothing else, got {reals} zeros and {fakes} ones in {len(labels)}")


def _passed(labels: Labels, p_fake: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Reals and fakes at or above each distinct score, highest score first, with a leading 0: (R, T + 1) each."""
    _both(labels)
    order = np.argsort(-p_fake, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p_fake[order]) != 0, True))
    falling = weights[:, order]
    both = []
    for label in (0, 1):
        passed = np.cumsum(falling * (labels[order] == label), axis=1)[:, ends]
        both.append(np.concatenate([np.zeros((len(weights), 1)), passed], axis=1))
    return both[0], both[1]


def _rates(labels: Labels, p_fake: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """False- and true-positive rates (R, T + 1), from (0, 0) to (1, 1)."""
    reals, fakes = _passed(labels, p_fake, weights)
    return reals / reals[:, -1:], fakes / fakes[:, -1:]


def roc_points(labels: Labels, p_fake: Floats) -> tuple[Floats, Floats]:
    """False- and true-positive rates at every threshold, from (0, 0) to (1, 1)."""
    fpr, tpr = _rates(labels, p_fake, np.ones((1, len(labels))))
    return fpr[0], tpr[0]


def _auc(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
    """Area under the ROC curve: the probability that a fake scores above a real, ties counting a half (Hanley and McNeil 1982)."""
    fpr, tpr = _rates(labels, p_fake, weights)
    return np.asarray((np.diff(fpr, axis=1) * (tpr[:, 1:] + tpr[:, :-1]) / 2).sum(1))


def _auc_of_draws(labels: Labels, p_fake: Floats, units: Places, counts: Counts) -> Floats:
    """From what each fake passes of the reals, which are sorted once for all resamples: the time grows with the number of scores."""
    _both(labels)
    reals, fakes = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    reals = reals[np.argsort(p_fake[reals], kind="stable")]
    below, up_to = (np.searchsorted(p_fake[reals], p_fake[fakes], side) for side in ("left", "right"))
    parts = []
    for rows in _steps(counts, max(1, MOST_NUMBERS // len(labels))):
        passed = np.zeros((len(rows), len(reals) + 1))
        np.cumsum(np.take(rows, units[reals], axis=1), axis=1, out=passed[:, 1:])
        drawn = np.take(rows, units[fakes], axis=1).astype(np.float64)
        # Whole and half numbers, so that the sums are exact. A real with the score of a fake counts a half.
        won = np.einsum("rf,rf->r", np.take(passed, below, axis=1) + np.take(passed, up_to, axis=1), drawn) / 2
        parts.append(won / passed[:, -1] / drawn.sum(1))
    return np.concatenate(parts)


roc_auc = Metric(_auc, _auc_of_draws)


@Metric
def average_precision(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
    """Sum over thresholds of (recall step) x precision, tied scores taken together."""
    reals, fakes = (passed[:, 1:] for passed in _passed(labels, p_fake, weights))
    steps = np.diff(fakes, axis=1, prepend=0) / fakes[:, -1:]
    return np.asarray((steps * fakes / np.maximum(reals + fakes, 1)).sum(1))


@Metric
def equal_error_rate(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
    """Where the false-positive rate equals the false-negative rate, interpolated between thresholds."""
    fpr, tpr = _rates(labels, p_fake, weights)
    gap = fpr - (1 - tpr)
    # The gap rises from -1 to 1, so the crossing is never the first point.
    rows, after = np.arange(len(gap)), np.argmax(gap >= 0, axis=1)
    before = after - 1
    share = -gap[rows, before] / (gap[rows, after] - gap[rows, before])
    return np.asarray(fpr[rows, before] + share * (fpr[rows, after] - fpr[rows, before]))


def true_positive_rate_at(fpr: float) -> Metric:
    """Share of fakes at or above the threshold at which at most `fpr` of the reals are flagged."""

    def true_positive_rate(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
        passed_fpr, tpr = _rates(labels, p_fake, weights)
        return np.asarray(np.where(passed_fpr <= fpr + RATE_SLACK, tpr, 0.0).max(1))

    return Metric(true_positive_rate)


def threshold_at(real_p_fake: Floats, fpr: float, weights: Floats | None = None) -> float:
    """The lowest threshold at which at most a share `fpr` of the real scores lies at or above it.

    weights: (N,) what each score counts, 1 if left out.
    """
    if not len(real_p_fake):
        raise ValueError("real_p_fake: expected at least one score, got none")
    order = np.argsort(-real_p_fake, kind="stable")
    falling, counted = real_p_fake[order], np.ones(len(order)) if weights is None else weights[order]
    allowed = first_beyond(counted, fpr, RATE_SLACK)
    return float(np.nextafter(falling[allowed], np.inf)) if allowed < len(falling) else float(falling[-1])


def first_beyond(weights: Floats, share: float, slack: float = 0.0) -> int:
    """Place of the first sample with which more than a share of all weight (N,) is reached; N if none reaches it."""
    # Rounded, because three thirds do not always add up to 1.
    reached = np.round(np.cumsum(weights), 9)
    return int(np.searchsorted(reached, share * reached[-1] + slack, side="right"))


def confusion(labels: Labels, p_fake: Floats, threshold: float) -> tuple[int, int, int, int]:
    """Counts at a threshold: true positives, false positives, false negatives, true negatives; `p_fake >= threshold` is called fake."""
    called = p_fake >= threshold
    fake = labels == 1
    return int((called & fake).sum()), int((called & ~fake).sum()), int((~called & fake).sum()), int((~called & ~fake).sum())


def _counted(labels: Labels, p_fake: Floats, weights: Floats, threshold: float) -> tuple[Floats, Floats, Floats, Floats]:
    """As `confusion`, for each resample: (R,) each."""
    called, fake = p_fake >= threshold, labels == 1
    true_positives, false_positives, false_negatives, true_negatives = (
        np.asarray(weights @ part.astype(np.float64)) for part in (called & fake, called & ~fake, ~called & fake, ~called & ~fake)
    )
    return true_positives, false_positives, false_negatives, true_negatives


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Share; NaN if the denominator is 0."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0))


def _at(name: str, threshold: float, share: Callable[[Floats, Floats, Floats, Floats], Floats]) -> Metric:
    def kernel(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
        return share(*_counted(labels, p_fake, weights, threshold))

    kernel.__name__ = name
    return Metric(kernel)


def accuracy_at(threshold: float) -> Metric:
    """Share of samples on the right side of the threshold; depends on how common fakes are in the set."""
    return _at("accuracy", threshold, lambda tp, fp, fn, tn: _ratio(tp + tn, tp + fp + fn + tn))


def recall_at(threshold: float) -> Metric:
    """Share of fakes at or above the threshold."""
    return _at("recall", threshold, lambda tp, fp, fn, tn: _ratio(tp, tp + fn))


def precision_at(threshold: float) -> Metric:
    """Share of fakes among the samples at or above the threshold; undefined if there are none."""
    return _at("precision", threshold, lambda tp, fp, fn, tn: _ratio(tp, tp + fp))


def f1_at(threshold: float) -> Metric:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), with fake positive."""
    return _at("f1", threshold, lambda tp, fp, fn, tn: _ratio(2 * tp, 2 * tp + fp + fn))


def false_positive_rate_at(threshold: float) -> Metric:
    """Share of reals at or above the threshold."""
    return _at("false_positive_rate", threshold, lambda tp, fp, fn, tn: _ratio(fp, fp + tn))


def _bins(p_fake: Floats) -> Labels:
    return np.minimum((p_fake * ECE_BINS).astype(np.int64), ECE_BINS - 1)


@Metric
def expected_calibration_error(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
    """Mean gap between confidence and frequency over ten equal-width bins, weighted by their counts (Guo et al. 2017)."""
    inside = (_bins(p_fake)[:, None] == np.arange(ECE_BINS)) * (labels - p_fake)[:, None]
    return _ratio(np.abs(weights @ inside).sum(1), weights.sum(1))


def reliability(labels: Labels, p_fake: Floats) -> list[tuple[float, float, int]]:
    """(mean p_fake, share of fakes, count) of each non-empty bin of the calibration error, lowest first."""
    bins = _bins(p_fake)
    held = [bins == b for b in range(ECE_BINS) if (bins == b).any()]
    return [(float(p_fake[b].mean()), float(labels[b].mean()), int(b.sum())) for b in held]


@Metric
def brier_score(labels: Labels, p_fake: Floats, weights: Floats) -> Floats:
    """Mean squared distance between probability and truth (Brier 1950)."""
    return _ratio(weights @ (p_fake - labels) ** 2, weights.sum(1))


@Metric
def mean(labels: Labels, values: Floats, weights: Floats) -> Floats:
    """Mean of any value of the samples, such as 1 for those that were scored and 0 for the others."""
    return _ratio(weights @ values, weights.sum(1))


def central_range(values: Floats, share: float = 0.95) -> tuple[float, float]:
    """Range of the central `share` of resampled values; resamples in which the figure is undefined are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a slice with only NaN
        low, high = np.nanquantile(values, ((1 - share) / 2, (1 + share) / 2))
    return float(low), float(high)


def bootstrap_interval(
    metric: Metric,
    labels: Labels,
    p_fake: Floats,
    share: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    groups: list[str] | None = None,
) -> tuple[float, float]:
    """Central `share` range of a metric over resampled samples (Efron 1979), each class resampled by itself so that neither can vanish.

    groups: names (N,) of what each sample belongs to, such as the video of a frame; then whole groups are drawn.
    """
    units = np.arange(len(labels)) if groups is None else numbered(groups)
    return central_range(metric.resampled(labels, p_fake, units, draws(strata_of(labels, units), resamples, seed)), share)
