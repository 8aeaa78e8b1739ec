"""How robust verdicts are: labelled items judged again after each perturbation at each strength, by the same path as every scan.

This tests the whole tool, because a frame is perturbed before faces are found in it. Results are kept like those of an evaluation, in a
file for each condition, so that a stop costs one item and a repeated run finishes the work. Does not show anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from screener.datasets import LabelledItem
from screener.evaluation import metrics
from screener.evaluation.assembly import calibration_of, pooling_of
from screener.evaluation.figures import SCHEMA_VERSION, Figure, to_plain
from screener.evaluation.measurement import RESAMPLES, SEED, Sample, share_of, spread_of_difference, spread_over
from screener.evaluation.metrics import Floats, Labels
from screener.evaluation.perturbed_screener import PerturbedScreener
from screener.evaluation.resampling import Places, draws, number_of_votes, numbered, strata_of, unit_weights
from screener.evaluation.results import Origin, Row
from screener.evaluation.run import Guard, judge
from screener.evaluation.same_files import each_once
from screener.evaluation.slices import headline_of
from screener.evaluation.videos import scores_of
from screener.perturbation.applied import Applied
from screener.perturbation.kinds import PERTURBATIONS, STRENGTHS
from screener.report import ScanProgress

Clean = tuple[list[Row], Origin]
"""Results of the unperturbed items, and their origin; see `run.judge`."""

StartCondition = Callable[[str, int, int], ScanProgress]
"""Called with (condition in words, items judged already, items still to judge) for each condition."""

AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Condition:
    """The headline's fakes against all reals after one perturbation. kind: empty and strength 0 for unperturbed items.

    parameter: the level in words. reals, fakes: number of videos; reals_scored, fakes_scored: number of those that could be judged.
    auc: of videos that could be judged. change: of the AUC from the unperturbed items, over those judged both times.
    caught, flagged: share of all fakes, and of all reals, with the outcome `fake`. coverage: share of all that could be judged.
    """

    kind: str
    strength: int
    parameter: str
    reals: int
    fakes: int
    reals_scored: int
    fakes_scored: int
    auc: Figure
    change: Figure
    caught: Figure
    flagged: Figure
    coverage: Figure


@dataclass(frozen=True)
class Robustness:
    """subject: the fakes that the figures are about. conditions: unperturbed first, then by kind and strength."""

    subject: str
    threshold: float
    checkpoint: dict[str, Any]
    conditions: tuple[Condition, ...]

    @property
    def clean(self) -> Condition:
        """The unperturbed condition, with which the others are compared."""
        return self.conditions[0]

    def of(self, kind: str) -> tuple[Condition, ...]:
        """The conditions of a kind, weakest first."""
        return tuple(condition for condition in self.conditions if condition.kind == kind)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of perturbation that were applied, in order."""
        return tuple(dict.fromkeys(condition.kind for condition in self.conditions[1:]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON; numbers to six places."""
        plain: dict[str, Any] = to_plain(self)
        return {"schema_version": SCHEMA_VERSION, **plain}


def perturbed_evaluation(
    items: Sequence[LabelledItem],
    screener: PerturbedScreener,
    start: StartCondition,
    kinds: Sequence[str] = tuple(PERTURBATIONS),
    strengths: Sequence[int] = STRENGTHS,
    folder: Path | None = None,
    clean: Clean | None = None,
    guard: Guard = nullcontext,
) -> Robustness:
    """Judge every item unperturbed and after each kind of perturbation at each strength.

    folder: where the results are kept, a file for each condition, and read from in a repeated run; None keeps nothing. clean: results of
    the unperturbed items, if they exist already. guard: see `run.judge`. Raises SettingsError, and DatasetError and OutputError as `judge`
    does.
    """
    conditions = [Applied(kind, strength) for kind in kinds for strength in sorted(set(strengths))]
    if clean is None:
        clean = _judged(items, screener, None, start, folder, guard)
    items, rows, _ = each_once(items, clean[0])
    clean = rows, clean[1]
    base = _sample(items, clean)
    subject, mask = headline_of(base.scores)
    base = base.where(mask)
    found = [_condition("", 0, "", base, base)]
    for applied in conditions:
        sample = _sample(items, _judged(items, screener, applied, start, folder, guard)).where(mask)
        parameter = applied.perturbation.described(applied.strength)
        found.append(_condition(applied.kind, applied.strength, parameter, sample, base))
    return Robustness(subject, clean[1].threshold, clean[1].checkpoint, tuple(found))


def _judged(
    items: Sequence[LabelledItem],
    screener: PerturbedScreener,
    applied: Applied | None,
    start: StartCondition,
    folder: Path | None,
    guard: Guard,
) -> Clean:
    words, name = (applied.words, f"{applied.kind}-{applied.strength}.jsonl") if applied else (AS_IT_IS, "as-it-is.jsonl")
    screener.applied = applied
    try:
        return judge(items, screener, lambda kept, waiting: start(words, kept, waiting), folder / name if folder else None, guard)
    finally:
        screener.applied = None


def _sample(items: Sequence[LabelledItem], results: Clean) -> Sample:
    rows, origin = results
    return Sample.of(scores_of(items, rows), calibration_of(origin), pooling_of(origin))


def _condition(kind: str, strength: int, parameter: str, sample: Sample, base: Sample) -> Condition:
    labels, units, scored = sample.labels, sample.units, ~np.isnan(sample.p_fake)
    called = np.array([score.outcome == "fake" for score in sample.scores], np.float64)
    return Condition(
        kind=kind,
        strength=strength,
        parameter=parameter,
        reals=int((labels == 0).sum()),
        fakes=int((labels == 1).sum()),
        reals_scored=int((labels[scored] == 0).sum()),
        fakes_scored=int((labels[scored] == 1).sum()),
        auc=_auc(labels[scored], sample.p_fake[scored], units[scored]),
        change=_change(sample, base) if kind else Figure(None, note="this is what the others are held against"),
        caught=_share(labels[labels == 1], called[labels == 1], units[labels == 1], "fake"),
        flagged=_share(labels[labels == 0], called[labels == 0], units[labels == 0], "real"),
        coverage=_share(labels, scored.astype(np.float64), units, "item"),
    )


SINGLE = "no interval from a single item"


def _auc(labels: Labels, p_fake: Floats, units: Places) -> Figure:
    """The AUC with its bootstrap interval by unit, see `Sample.units`."""
    missing = [name for label, name in enumerate(("real", "fake")) if not (labels == label).any()]
    if missing:
        return Figure(None, note=f"no {' and no '.join(missing)} could be judged")
    value = metrics.roc_auc(labels, p_fake)
    if _is_single(labels, units):
        return Figure(value, note=SINGLE)
    units = numbered(map(str, units))
    return spread_over(Figure(value), metrics.roc_auc.resampled(labels, p_fake, units, draws(strata_of(labels, units), RESAMPLES, SEED)))


def _is_single(labels: Labels, units: Places) -> bool:
    """Whether all fakes or all reals count as one."""
    return min(len(np.unique(units[labels == label])) for label in (0, 1)) < 2


def _share(labels: Labels, values: Floats, units: Places, name: str) -> Figure:
    """The share of items with the value 1, in which those of a unit have one vote, with Wilson's interval. name: of the items."""
    if not len(labels):
        return Figure(None, note=f"no {name} could be judged")
    figure = Figure(metrics.mean(labels, values, unit_weights(labels, units)))
    return share_of(figure, number_of_votes(labels, units)) if len(np.unique(units)) > 1 else replace(figure, note=SINGLE)


def _change(sample: Sample, base: Sample) -> Figure:
    """AUC minus that of the unperturbed items, both over the items judged both times and resampled alike (see `checkpoint_comparison`)."""
    both = ~np.isnan(sample.p_fake) & ~np.isnan(base.p_fake)
    labels, units, after, before = sample.labels[both], sample.units[both], sample.p_fake[both], base.p_fake[both]
    auc = _auc(labels, after, units)
    if auc.value is None or _is_single(labels, units):
        return Figure(None, note=auc.note)
    units = numbered(map(str, units))
    counts = draws(strata_of(labels, units), RESAMPLES, SEED)
    moved = metrics.roc_auc.resampled(labels, after, units, counts) - metrics.roc_auc.resampled(labels, before, units, counts)
    return spread_of_difference(Figure(auc.value - metrics.roc_auc(labels, before)), moved)
