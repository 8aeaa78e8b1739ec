"""Measures calibration and thresholds on videos that they were not fitted to: fitted on half of the groups, tested on the other half.

Needed if the evaluated videos were also used to choose them. Knows scores of videos. Does not know files or reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Rates
from screener.errors import DatasetError
from screener.evaluation import metrics
from screener.evaluation.calibration import MISSED_SHARE, fit_calibration, number_of_units, operating_point, pooled_p_fake
from screener.evaluation.resampling import numbered, unit_weights
from screener.evaluation.videos import VideoScore, halves_by_group, labels_of

DIVISIONS = 20

FPR = 0.05

FOLDS = 10
"""Number of folds of the groups, each judged with what was fitted to the others."""

LEAST_OF_A_CLASS = 10
"""Minimum number of videos of each class in each half; the still pictures of a group count as one."""

HELD_OUT_NAMES = {
    "ece": "calibration error (ECE)",
    "ece_by_luck": "ECE of exact probabilities, of so few videos",
    "brier": "Brier score",
    "real_flagged": "FPR at the threshold",
    "fake_caught": "recall at the threshold",
}


@dataclass(frozen=True)
class HeldOut:
    """Figures by name from `HELD_OUT_NAMES`, one value for each division of the groups; empty, with the reason, if none could be made.

    fpr: the highest false-positive rate that a threshold was chosen for: the one asked for, or the finest that each half supports.
    """

    fpr: float
    figures: dict[str, tuple[float, ...]]
    note: str = ""

    @property
    def divisions(self) -> int:
        """Number of divisions of the groups."""
        return len(next(iter(self.figures.values()), ()))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {**asdict(self), "divisions": self.divisions, "figures": {name: list(values) for name, values in self.figures.items()}}


def held_out_figures(scored: Sequence[VideoScore], pooling: str, divisions: int = DIVISIONS, fpr: float = FPR) -> HeldOut:
    """Calibration and threshold fitted on half of the groups, measured on the other half, over several random divisions.

    scored: videos of both classes, each with a score.
    """
    found: list[dict[str, float]] = []
    rates: list[float] = []
    why = f"takes at least {LEAST_OF_A_CLASS} real and {LEAST_OF_A_CLASS} fake scored videos in each half of the groups"
    for seed in range(divisions):
        half = halves_by_group(scored, seed) if scored else np.zeros(0, bool)
        if are_enough(scored, half):
            try:
                rate, figures = _one_division(scored, half, pooling, fpr)
                found.append(figures)
                rates.append(rate)
            except DatasetError as error:
                why = str(error)
    figures_of_all = {name: tuple(round(one[name], 6) for one in found) for name in HELD_OUT_NAMES} if found else {}
    return HeldOut(round(max(rates, default=fpr), 6), figures_of_all, "" if found else why)


def are_enough(scored: Sequence[VideoScore], half: NDArray[np.bool_]) -> bool:
    """Whether both halves have `LEAST_OF_A_CLASS` of each class. half: (N,) the videos of one of them."""
    labels, units = labels_of(scored), numbered(score.video.unit for score in scored)
    parts = [units[(labels == label) & part] for label in (0, 1) for part in (half, ~half)]
    return min(len(np.unique(part)) for part in parts) >= LEAST_OF_A_CLASS


def _one_division(scored: Sequence[VideoScore], half: NDArray[np.bool_], pooling: str, fpr: float) -> tuple[float, dict[str, float]]:
    """The rate that the threshold was chosen for, and the figures."""
    labels, logits = labels_of(scored), [score.people for score in scored]
    fitted_to = [score.video.unit for score, chosen in zip(scored, half, strict=True) if chosen]
    calibration = fit_calibration([x for x, chosen in zip(logits, half, strict=True) if chosen], labels[half], pooling, fitted_to)
    p_fake = pooled_p_fake(logits, calibration, pooling)
    # Half of the videos support a rate only half as fine; what matters here is the share.
    rate = max(fpr, 1.0 / number_of_units(labels[half], 0, fitted_to))
    threshold = operating_point(labels[half], p_fake[half], rate, MISSED_SHARE, fitted_to).threshold
    tested, tested_labels = p_fake[~half], labels[~half]
    units = numbered(score.video.unit for score in scored)[~half]
    weights = unit_weights(tested_labels, units)
    return rate, {
        "ece": metrics.expected_calibration_error(tested_labels, tested),
        "ece_by_luck": ece_by_luck(tested, votes=2 * units + tested_labels),
        "brier": metrics.brier_score(tested_labels, tested),
        "real_flagged": metrics.false_positive_rate_at(threshold)(tested_labels, tested, weights),
        "fake_caught": metrics.recall_at(threshold)(tested_labels, tested, weights),
    }


def cross_rates(scored: Sequence[VideoScore], pooling: str, fprs: Sequence[float], folds: int = FOLDS) -> tuple[Rates, ...]:
    """One for each false-positive rate: each fold of the groups is judged with what was fitted to all the others.

    If the other folds do not support a rate, the finest that they support is used. Pictures that count as one together (see
    `LabelledItem.unit`) do so with the share of them that is called fake. Empty if a fold leaves fewer than two real videos or no fake one
    to fit to; a rate is left out if the other folds of one have no threshold for it.
    """
    labels, logits = labels_of(scored), [score.people for score in scored]
    groups, units = (np.array(names) for names in ([s.video.group for s in scored], [s.video.unit for s in scored]))
    names = np.random.default_rng(0).permutation(np.unique(groups))
    flagged = {fpr: np.zeros(len(scored), np.bool_) for fpr in fprs}
    for names_of_fold in np.array_split(names, min(folds, len(names))):
        tested = np.isin(groups, names_of_fold)
        fitted_to = units[~tested].tolist()
        reals = number_of_units(labels[~tested], 0, fitted_to)
        if reals < 2 or not labels[~tested].any():
            return ()
        calibration = fit_calibration([x for x, left in zip(logits, tested, strict=True) if not left], labels[~tested], pooling, fitted_to)
        p_fake = pooled_p_fake(logits, calibration, pooling)
        for fpr in list(flagged):
            try:
                point = operating_point(labels[~tested], p_fake[~tested], max(fpr, 1 / reals), MISSED_SHARE, fitted_to)
            except DatasetError:
                # Too many of these reals score 1. The operating point itself may stand, fitted to all; only this is not known of it.
                del flagged[fpr]
                continue
            flagged[fpr] |= tested & (p_fake >= point.threshold)
    return tuple(
        Rates(fpr, *(count for label in (0, 1) for count in _counted(row[labels == label], units[labels == label])))
        for fpr, row in flagged.items()
    )


def _counted(flags: NDArray[np.bool_], units: NDArray[np.str_]) -> tuple[int, int]:
    """Number of units, and how many of them are flagged: the sum of the flagged shares, rounded."""
    places = numbered(units.tolist())
    sizes = np.bincount(places)
    return len(sizes), round(float((np.bincount(places, flags, len(sizes)) / sizes).sum()))


def ece_by_luck(p_fake: NDArray[np.float64], draws: int = 500, seed: int = 0, votes: NDArray[np.int64] | None = None) -> float:
    """Mean calibration error of videos whose labels are drawn with exactly these probabilities: an ECE of this size may be chance.

    The error is a mean of absolute gaps, so few videos per bin make it large by chance alone (Bröcker and Smith 2007). votes: (N,) equal
    numbers for pictures that have their label together, because they may be frames of one video; each has its own if left out.
    """
    numbers = np.arange(len(p_fake)) if votes is None else np.unique(votes, return_inverse=True)[1]
    size, rng = int(numbers.max(initial=-1)) + 1, np.random.default_rng(seed)
    truths = ((rng.random(size)[numbers] < p_fake).astype(np.int64) for _ in range(draws))  # one at a time, or they take gigabytes
    return float(np.mean([metrics.expected_calibration_error(truth, p_fake) for truth in truths]))
