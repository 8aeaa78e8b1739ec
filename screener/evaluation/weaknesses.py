"""Finds where a checkpoint fails, by fixed rules over its figures, so that nothing is selected by hand. Knows figures only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from screener.evaluation.figures import KINDS, NO_SPREAD, Evaluation, Figure, Slice

CHANCE_AUC = 0.5

LEAST_COVERAGE = 0.90

MOST_CALIBRATION_ERROR = 0.10

WHOLE = ("headline", "source")
"""Kinds of slices with their own fakes and reals; others share one of the two with all slices."""


@dataclass(frozen=True)
class Weakness:
    """kind, name: of the slice. finding: what is wrong, in words. figure_name, figure: that show it."""

    kind: str
    name: str
    finding: str
    figure_name: str
    figure: Figure

    @property
    def where(self) -> str:
        """`method AniTalker`: the slice, in words."""
        return f"{KINDS[self.kind]} {self.name}" if self.kind in KINDS else self.name


def weaknesses_of(evaluation: Evaluation) -> list[Weakness]:
    """All slices that violate a rule, in order. The rules:

    - AUC: a slice whose interval lies below 0.5, or reaches below it.
    - Flagged reals: of all, of a data set or of a kind of reals, the interval lies above the operating point's false-positive rate.
    - Coverage of all or of a data set below 90 %.
    - On groups not fitted to: calibration error above 0.10, or more than twice as many reals flagged as the threshold was chosen for.
    """
    found = list(_of_slice(evaluation.headline, evaluation))
    for parts in evaluation.slices.values():
        for part in parts:
            found += _of_slice(part, evaluation)
    # A slice with the same videos as another adds nothing, such as a family with a single method.
    seen: dict[tuple[object, ...], Weakness] = {}
    for weakness in found:
        seen.setdefault((weakness.finding, weakness.figure), weakness)
    return [*seen.values(), *_held_out(evaluation)]


def _of_slice(part: Slice, evaluation: Evaluation) -> Iterator[Weakness]:
    auc = part.figures["video_auc"]
    # Where every fake scores below every real, resampling shows no spread.
    always_below = auc.value is not None and auc.value < CHANCE_AUC and auc.note == NO_SPREAD
    if always_below or (auc.interval is not None and auc.interval[1] < CHANCE_AUC):
        yield Weakness(part.kind, part.name, "taken for more genuine than real videos", "AUC", auc)
    elif auc.interval is not None and auc.interval[0] < CHANCE_AUC:
        yield Weakness(part.kind, part.name, "may be no better than chance", "AUC", auc)
    rate, promised = part.figures["false_positive_rate"], evaluation.operating_point.get("fpr")
    if promised is not None and rate.interval is not None and rate.interval[0] > promised and part.kind in (*WHOLE, "real"):
        yield Weakness(part.kind, part.name, f"flags more than the {100 * promised:g} % of the operating point", "reals flagged", rate)
    coverage = part.figures["coverage"]
    if part.kind in WHOLE and coverage.value is not None and coverage.value < LEAST_COVERAGE:
        yield Weakness(part.kind, part.name, "many videos could not be scored", "coverage", coverage)


def _held_out(evaluation: Evaluation) -> Iterator[Weakness]:
    means = {name: sum(values) / len(values) for name, values in evaluation.held_out.figures.items()}
    if means.get("ece", 0.0) > max(MOST_CALIBRATION_ERROR, means.get("ece_by_luck", 0.0)):
        yield Weakness("", "calibration", "scores are off as probabilities on groups not fitted to", "mean ECE", Figure(means["ece"]))
    if means.get("real_flagged", 0.0) > 2 * evaluation.held_out.fpr:
        finding = f"flags more than twice the {100 * evaluation.held_out.fpr:.3g} % it was chosen for, on groups not fitted to"
        yield Weakness("", "threshold", finding, "mean share of reals flagged", Figure(means["real_flagged"]))
