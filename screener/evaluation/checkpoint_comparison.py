"""Compares two checkpoints on the same videos: the paired difference of each figure, with its interval.

Both are resampled with the same videos at the same time, so that what makes a video hard for both cancels out; the interval of the
difference is far narrower than those of the two figures (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 16.2). Knows
scores of videos. Does not scan, write or show anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from screener.datasets import LabelledItem
from screener.evaluation.assembly import calibration_of, evaluation_of, pooling_of
from screener.evaluation.figures import FIGURE_NAMES, SCHEMA_VERSION, Evaluation, Figure, to_plain
from screener.evaluation.measurement import (
    RESAMPLES,
    SEED,
    Ingredients,
    Sample,
    completeness_figures,
    scored_figures,
    spread_of_difference,
    value_of,
)
from screener.evaluation.resampling import Counts, draws, strata_of
from screener.evaluation.results import Origin, Row
from screener.evaluation.same_files import content_of, copies_in
from screener.evaluation.slices import headline_of, slices_of
from screener.evaluation.videos import scores_of

COMPARED_KINDS = ("family", "method", "generator", "source", "compression")
"""Kinds of slices that do not depend on a checkpoint's results."""


@dataclass(frozen=True)
class Side:
    """One of the two. name: for display. rows: the result of each item, in the order of the items."""

    name: str
    rows: tuple[Row, ...]
    origin: Origin


@dataclass(frozen=True)
class Difference:
    """One figure of one slice on both sides. a, b: None if undefined, with the reason in `note`. difference: b - a, with its interval.

    reals, fakes: number of videos behind it, scored on both sides; for `coverage`, `decided` and `decided_accuracy` all videos.
    """

    kind: str
    name: str
    figure: str
    reals: int
    fakes: int
    a: float | None
    b: float | None
    difference: float | None
    interval: tuple[float, float] | None
    note: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Comparison:
    """A and B on the same items. scored_by_both, only_a, only_b, neither: number of items by which side scored them."""

    name_a: str
    name_b: str
    a: Evaluation
    b: Evaluation
    scored_by_both: int
    only_a: int
    only_b: int
    neither: int
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        plain: dict[str, Any] = to_plain(self)
        return {"schema_version": SCHEMA_VERSION, **plain, "a": self.a.to_dict(), "b": self.b.to_dict()}

    def of(self, kind: str) -> dict[str, dict[str, Difference]]:
        """Differences of a kind of slice, by name of the slice and of the figure."""
        found: dict[str, dict[str, Difference]] = {}
        for one in self.differences:
            if one.kind == kind:
                found.setdefault(one.name, {})[one.figure] = one
        return found


def comparison_of(items: Sequence[LabelledItem], a: Side, b: Side, data_name: str) -> Comparison:
    """Both evaluations and the paired differences between them. Raises DatasetError and CheckpointError as `evaluation_of` does."""
    copies = copies_in(items, [content_of(row.get("sha256"), row["coverage"]) for row in a.rows])
    items = [items[i] for i in copies.kept]
    a, b = (replace(side, rows=tuple(side.rows[i] for i in copies.kept)) for side in (a, b))
    evaluations = [evaluation_of(items, side.rows, side.origin, data_name) for side in (a, b)]
    scores = scores_of(items, a.rows)
    samples = [Sample.of(scores_of(items, side.rows), calibration_of(side.origin), pooling_of(side.origin)) for side in (a, b)]
    scored_a, scored_b = (~np.isnan(sample.p_fake) for sample in samples)
    parts = slices_of(scores)
    divisions = [("headline", *headline_of(scores)), *((kind, name, mask) for kind in COMPARED_KINDS for name, mask in parts.get(kind, []))]
    differences: list[Difference] = []
    for kind, name, mask in divisions:
        both = [sample.where(mask & scored_a & scored_b) for sample in samples]
        rests_on_scores = [scored_figures(sample, side.origin.threshold) for sample, side in zip(both, (a, b), strict=True)]
        differences += _differences(kind, name, both[0], rests_on_scores)
        asked = [sample.where(mask) for sample in samples]
        differences += _differences(kind, name, asked[0], [completeness_figures(sample) for sample in asked])
    return Comparison(
        name_a=a.name,
        name_b=b.name,
        a=evaluations[0],
        b=evaluations[1],
        scored_by_both=int((scored_a & scored_b).sum()),
        only_a=int((scored_a & ~scored_b).sum()),
        only_b=int((~scored_a & scored_b).sum()),
        neither=int((~scored_a & ~scored_b).sum()),
        differences=tuple(differences),
    )


def _differences(kind: str, name: str, sample: Sample, sides: list[dict[str, Ingredients]]) -> list[Difference]:
    """The difference of each figure. sample: the videos, whose labels both sides share."""
    counts = draws(strata_of(sample.labels, sample.units), RESAMPLES, SEED)
    reals, fakes = (int((sample.labels == label).sum()) for label in (0, 1))
    names = [figure for figure in FIGURE_NAMES if figure in sides[0]]
    return [Difference(kind, name, figure, reals, fakes, *_paired(figure, sides[0][figure], sides[1][figure], counts)) for figure in names]


def _paired(
    figure: str, a: Ingredients, b: Ingredients, counts: Counts
) -> tuple[float | None, float | None, float | None, tuple[float, float] | None, str]:
    """Both values, their difference, its interval, and a note."""
    (one, enough), (other, as_well) = value_of(figure, a), value_of(figure, b)
    note = one.note or other.note
    if one.value is None or other.value is None:
        return one.value, other.value, None, None, note
    difference = other.value - one.value
    if not (enough and as_well):
        return one.value, other.value, difference, None, note or "no interval from a single video"
    found = spread_of_difference(Figure(difference, note=note), b.resampled(counts) - a.resampled(counts))
    return one.value, other.value, difference, found.interval, found.note
