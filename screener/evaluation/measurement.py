"""Scores of labelled videos in, the figures of one slice out: values, bootstrap intervals, outcomes, same-scene pairs.

Knows metrics and scores of videos. Does not know files, reports or which slices there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Calibration
from screener.evaluation import metrics
from screener.evaluation.calibration import pooled_p_fake
from screener.evaluation.figures import FIGURE_NAMES, INTERVAL_SHARE, NO_SPREAD, Figure, SameScene, Slice, Tally
from screener.evaluation.metrics import Floats, Labels, Metric
from screener.evaluation.resampling import Counts, Places, draws, numbered, strata_of, unit_weights
from screener.evaluation.videos import VideoScore, labels_of
from screener.verdict.judging import calibrated
from screener.verdict.proportion import wilson_interval

RESAMPLES = 1000
SEED = 0

STRICT_RATES = {"tpr_at_1_fpr": 0.01, "tpr_at_5_fpr": 0.05}


@dataclass(frozen=True, eq=False)
class Sample:
    """Videos and their scores. labels: (N,). p_fake: (N,) pooled and calibrated, NaN without a score.

    frames: for each video, p_fake of the frames behind its score.
    """

    scores: tuple[VideoScore, ...]
    labels: Labels
    p_fake: Floats
    frames: tuple[Floats, ...]

    @classmethod
    def of(cls, scores: Sequence[VideoScore], calibration: Calibration, pooling: str) -> Sample:
        """Scores pooled and calibrated again, with this calibration and rule."""
        p_fake = np.full(len(scores), np.nan)
        scored = [i for i, score in enumerate(scores) if score.is_scored]
        p_fake[scored] = pooled_p_fake([scores[i].logits for i in scored], calibration, pooling)
        frames = tuple(np.array([calibrated(x, calibration.temperature, calibration.bias) for x in score.logits]) for score in scores)
        return cls(tuple(scores), labels_of(scores), p_fake, frames)

    @property
    def units(self) -> Places:
        """(N,) number of what each video counts as: itself, or the pictures of its group."""
        return numbered(score.video.unit for score in self.scores)

    def where(self, mask: NDArray[np.bool_]) -> Sample:
        """The videos for which `mask` (N,) is true."""
        places = np.flatnonzero(mask).tolist()
        return Sample(
            tuple(self.scores[i] for i in places), self.labels[mask], self.p_fake[mask], tuple(self.frames[i] for i in places)
        )  # fmt: skip

    def scored(self) -> Sample:
        """The videos that have a score."""
        return self.where(~np.isnan(self.p_fake))

    def flat_frames(self) -> tuple[Labels, Floats, Places]:
        """Labels, p_fake and unit of the video for every frame, (F,) each."""
        place = np.repeat(np.arange(len(self.frames)), [len(frames) for frames in self.frames])
        return self.labels[place], np.concatenate([*self.frames, np.zeros(0)]), self.units[place]


@dataclass(frozen=True, eq=False)
class Ingredients:
    """The inputs of a figure. labels, values: (N,). units: (N,) number of what each counts as, see `Sample.units`.

    by_unit: whether the samples of a unit share one vote, so that a share is of as many as its interval is of.
    whole: (N,) of which samples the figure is a share; None if it is no share. A share gets Wilson's interval, because resampling 0 of 3
    always gives 0.
    """

    metric: Metric
    labels: Labels
    values: Floats
    units: Places
    by_unit: bool = False
    whole: NDArray[np.bool_] | None = None

    @property
    def weights(self) -> Floats | None:
        """(N,) what each sample counts; None if each counts 1."""
        return unit_weights(self.labels, self.units) if self.by_unit else None

    def value(self) -> float:
        """The metric's value. Raises ValueError if it is undefined."""
        return self.metric(self.labels, self.values, self.weights)

    def resampled(self, counts: Counts) -> Floats:
        """The metric's values (R,) for draws of videos, `counts` (R, U)."""
        return self.metric.resampled(self.labels, self.values, self.units, counts, self.weights)


VIDEO_METRICS: dict[str, Callable[[float], Metric]] = {
    "video_auc": lambda _: metrics.roc_auc,
    "average_precision": lambda _: metrics.average_precision,
    "equal_error_rate": lambda _: metrics.equal_error_rate,
    **{name: lambda _, fpr=fpr: metrics.true_positive_rate_at(fpr) for name, fpr in STRICT_RATES.items()},  # type: ignore[misc]
    "accuracy": metrics.accuracy_at,
    "f1": metrics.f1_at,
    "recall": metrics.recall_at,
    "precision": metrics.precision_at,
    "false_positive_rate": metrics.false_positive_rate_at,
    "ece": lambda _: metrics.expected_calibration_error,
    "brier": lambda _: metrics.brier_score,
}
"""Figures of videos' scores, by their name in `FIGURE_NAMES`: the threshold in use -> the metric."""


BY_UNIT = (*STRICT_RATES, "accuracy", "f1", "recall", "precision", "false_positive_rate")
"""Figures of `VIDEO_METRICS` that count videos, not scores or pairs of them: here the still pictures of a group count as one together."""


def scored_figures(scored: Sample, threshold: float) -> dict[str, Ingredients]:
    """The figures that are based on scores, by name. scored: videos that all have a score."""
    units = scored.units
    wholes = {
        "accuracy": np.ones(len(scored.labels), np.bool_),
        "recall": scored.labels == 1,
        "precision": scored.p_fake >= threshold,
        "false_positive_rate": scored.labels == 0,
    }
    found = {
        name: Ingredients(metric(threshold), scored.labels, scored.p_fake, units, name in BY_UNIT, wholes.get(name))
        for name, metric in VIDEO_METRICS.items()
    }
    return {**found, "frame_auc": Ingredients(metrics.roc_auc, *scored.flat_frames())}


def completeness_figures(sample: Sample) -> dict[str, Ingredients]:
    """Coverage, how often a decision was reached, and how often it was right, by name; over all videos, scored or not."""
    labels, units, every = sample.labels, sample.units, np.ones(len(sample.labels), np.bool_)
    is_scored = (~np.isnan(sample.p_fake)).astype(np.float64)
    decided = np.array([score.outcome != "undecided" for score in sample.scores], np.bool_)
    right = np.array([score.outcome == ("fake" if score.video.label else "genuine") for score in sample.scores], np.float64)
    return {
        "coverage": Ingredients(metrics.mean, labels, is_scored, units, True, every),
        "decided": Ingredients(metrics.mean, labels, decided.astype(np.float64), units, True, every),
        "decided_accuracy": Ingredients(metrics.mean, labels[decided], right[decided], units[decided], True, every[decided]),
    }


NEEDS: dict[str, tuple[int, ...]] = {
    "recall": (1,), "false_positive_rate": (0,), "coverage": (), "decided": (), "decided_accuracy": (),
}  # fmt: skip
"""Labels without which a figure is undefined; both if not listed here."""


def measure(kind: str, name: str, sample: Sample, threshold: float) -> Slice:
    """Every figure of the videos in `sample`; undefined ones with their reason."""
    scored = sample.scored()
    figures: dict[str, Figure] = {}
    for group, ingredients in ((scored, scored_figures(scored, threshold)), (sample, completeness_figures(sample))):
        counts = draws(strata_of(group.labels, group.units), RESAMPLES, SEED)
        figures |= {figure: _with_interval(figure, each, counts) for figure, each in ingredients.items()}
    reals, fakes = (sample.where(sample.labels == label) for label in (0, 1))
    return Slice(
        kind=kind,
        name=name,
        reals=len(reals.scores),
        fakes=len(fakes.scores),
        reals_scored=int((scored.labels == 0).sum()),
        fakes_scored=int((scored.labels == 1).sum()),
        figures={figure: figures[figure] for figure in FIGURE_NAMES},
        real_outcomes=_tally(reals),
        fake_outcomes=_tally(fakes),
        same_scene=_same_scene(scored),
    )


def value_of(name: str, given: Ingredients) -> tuple[Figure, bool]:
    """A figure without its interval, and whether there are enough videos to resample."""
    needs = NEEDS.get(name, (0, 1))
    videos = {label: len(np.unique(given.units[given.labels == label])) for label in (0, 1)}
    if missing := [label for label in needs if not videos[label]]:
        return Figure(None, note=f"no {' and no '.join(('real', 'fake')[label] for label in missing)} video could be scored"), False
    try:
        value = given.value()
    except ValueError:
        return Figure(None, note="nothing lies at or above the threshold" if name == "precision" else "no video to measure it on"), False
    note = ""
    if name in STRICT_RATES and videos[0] * STRICT_RATES[name] < 1:
        note = f"{videos[0]} real videos cannot show {100 * STRICT_RATES[name]:g} %: measured where none of them is flagged"
    return Figure(value, note=note), min([videos[label] for label in needs] or [sum(videos.values())]) > 1


def _with_interval(name: str, given: Ingredients, counts: Counts) -> Figure:
    figure, enough = value_of(name, given)
    if figure.value is None:
        return figure
    if not enough:
        return replace(figure, note="; ".join(filter(None, [figure.note, "no interval from a single video"])))
    if given.whole is not None:
        # What is called fake may be a few pictures of many groups, which weigh as much as they do in the share itself.
        votes = float(unit_weights(given.labels, given.units)[given.whole].sum())
        return share_of(figure, max(1, round(votes)))
    return spread_over(figure, given.resampled(counts))


def share_of(figure: Figure, units: int) -> Figure:
    """A share of so many units with its interval, and their number where it has no other note."""
    assert figure.value is not None
    interval = wilson_interval(figure.value, units, INTERVAL_SHARE)
    return replace(figure, interval=interval, note=figure.note or f"{round(figure.value * units)} of {units}")


def spread_over(figure: Figure, resampled: Floats) -> Figure:
    """The figure with the interval of its resamples (R,); without one, and with `NO_SPREAD` as a note, where that would have no width."""
    low, high = metrics.central_range(resampled, INTERVAL_SHARE)
    if high - low > metrics.RATE_SLACK:
        return replace(figure, interval=(low, high))
    return replace(figure, note="; ".join(filter(None, [figure.note, NO_SPREAD])))


def spread_of_difference(figure: Figure, moved: Floats) -> Figure:
    """As `spread_over`, for a difference (R,) of paired values: that two sides never differ needs no spread to be known."""
    return spread_over(figure, moved) if moved.any() else replace(figure, interval=(0.0, 0.0))


def _tally(sample: Sample) -> Tally:
    return Tally(**Counter(score.outcome for score in sample.scores))


def _same_scene(scored: Sample) -> SameScene | None:
    """The scored videos of scenes that contain both reals and fakes; None if there is no such scene."""
    group = [score.video.group for score in scored.scores]
    both = {g for g, label in zip(group, scored.labels, strict=True) if label} & {
        g for g, label in zip(group, scored.labels, strict=True) if not label
    }
    if not both:
        return None
    inside = scored.where(np.array([g in both for g in group]))
    units = numbered(score.video.group for score in inside.scores)
    counts = draws(strata_of(inside.labels, units), RESAMPLES, SEED)
    won, pairs = _pairs_won(inside, units)
    shares = (counts @ won) / (counts @ pairs)
    single = len(both) < 2
    return SameScene(
        scenes=len(both),
        reals=int((inside.labels == 0).sum()),
        fakes=int((inside.labels == 1).sum()),
        pairs=int(pairs.sum()),
        won=float(won.sum()),
        share_won=_by_scene(float(won.sum() / pairs.sum()), shares, single),
        auc=_by_scene(
            metrics.roc_auc(inside.labels, inside.p_fake), metrics.roc_auc.resampled(inside.labels, inside.p_fake, units, counts), single
        ),
    )


def _by_scene(value: float, resampled: Floats, single: bool) -> Figure:
    if single:
        return Figure(value, note="no interval from a single scene")
    return spread_over(Figure(value), resampled)


def _pairs_won(inside: Sample, units: Places) -> tuple[Floats, Floats]:
    """For each scene, the number of pairs in which the fake scores above the real (ties count a half), and of all its pairs."""
    won, pairs = np.zeros(int(units.max()) + 1), np.zeros(int(units.max()) + 1)
    for unit in range(len(won)):
        real, fake = (inside.p_fake[(units == unit) & (inside.labels == label)] for label in (0, 1))
        gap = fake[:, None] - real[None, :]
        won[unit], pairs[unit] = float((gap > 0).sum() + (gap == 0).sum() / 2), gap.size
    return won, pairs
