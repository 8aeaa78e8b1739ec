"""Labelled videos' logits -> temperature, bias and operating points. Pure numpy and scipy; knows pooling, not networks or files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from screener.checkpoint import Calibration, OperatingPoint
from screener.errors import DatasetError
from screener.evaluation.metrics import RATE_SLACK, first_beyond, threshold_at
from screener.evaluation.resampling import numbered, unit_weights
from screener.verdict.judging import POOLING

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

Logits = Floats | tuple[Floats, ...]
"""A video's logits: (n,) of its only person's frames, or of several people's, each (n,)."""

MISSED_SHARE = 0.10
"""The default for `genuine_below`: at most this share of the fake videos scores below it."""

LEAST_EXPECTED_FALSE_ALARMS = 1.0
"""A false-positive rate is supported only if at least this many of the real videos would be flagged at it: 5 % needs 20, 1 % needs 100."""


def pooled_p_fake(logits: Sequence[Logits], calibration: Calibration, pooling: str) -> Floats:
    """One pooled probability per video from the logits of its frames; of several people the highest, as any of them makes a video fake.

    Raises ValueError if a video or one of its people has no frame.
    """
    people_of = [video if isinstance(video, tuple) else (video,) for video in logits]
    if (empty := next((i for i, people in enumerate(people_of) if not people or not all(map(len, people))), None)) is not None:
        raise ValueError(f"logits: expected at least one frame of every video, video {empty} has none")
    everyone = [frames for people in people_of for frames in people]
    lengths = np.array([len(frames) for frames in everyone])
    pooled = np.empty(len(everyone))
    # People with the same number of frames are pooled together, because a fit needs hundreds of evaluations.
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length).tolist()
        frames = np.stack([everyone[i] for i in same])
        pooled[same] = POOLING[pooling](1 / (1 + np.exp(-np.clip(frames / calibration.temperature + calibration.bias, -60, 60))))
    starts = np.cumsum([0, *map(len, people_of)])[:-1]
    return np.maximum.reduceat(pooled, starts) if len(everyone) else pooled


def fit_calibration(logits: Sequence[Logits], labels: Labels, pooling: str, units: Sequence[str] | None = None) -> Calibration:
    """Temperature and bias that minimise the log loss of the pooled probabilities, with equal weight for both classes.

    The prior of fakes among what a user screens is unknown; equal weights make 0.5 mean "as likely fake as real, if both were equally
    common". Perfectly separated videos would need infinite confidence, so the targets are softened to what n videos support, (n + 1) / (n +
    2) instead of 1 (Platt 1999). units: as in `operating_point`; samples of one unit share its weight, so that many pictures of one video
    neither decide the fit nor make it more confident. Raises DatasetError if a class is missing.
    """
    reals, fakes = (number_of_units(labels, label, units) for label in (0, 1))
    if not fakes or not reals:
        raise DatasetError(f"calibration needs real and fake videos, got {reals} real and {fakes} fake ones")
    each = np.ones(len(labels)) if units is None else unit_weights(labels, numbered(units))
    weights = each * np.where(labels == 1, 0.5 / fakes, 0.5 / reals)
    truth = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))

    def loss(parameters: Floats) -> float:
        p = np.clip(pooled_p_fake(logits, Calibration(float(np.exp(parameters[0])), float(parameters[1])), pooling), 1e-6, 1 - 1e-6)
        return float(-(weights * (truth * np.log(p) + (1 - truth) * np.log(1 - p))).sum())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", bounds=[(-4, 4), (-20, 20)], options={"xatol": 1e-4, "fatol": 1e-7})
    return Calibration(float(np.exp(best.x[0])), float(best.x[1]))


def operating_point(labels: Labels, p_fake: Floats, fpr: float, missed: float, units: Sequence[str] | None = None) -> OperatingPoint:
    """The threshold at `fpr`, and the score below which at most a share `missed` of the fakes lies.

    units: (N,) what each sample counts as, see `LabelledItem.unit`; by itself if left out. Samples of one unit share its vote, as they do
    in the number of videos behind the point. Raises DatasetError if there are too few real videos for the rate, or if no threshold meets
    it.
    """
    reals, fakes = p_fake[labels == 0], p_fake[labels == 1]
    weights = np.ones(len(labels)) if units is None else unit_weights(labels, numbered(units))
    behind_reals, behind_fakes = (number_of_units(labels, label, units) for label in (0, 1))
    if behind_reals * fpr < LEAST_EXPECTED_FALSE_ALARMS - RATE_SLACK:
        needed = int(np.ceil(LEAST_EXPECTED_FALSE_ALARMS / fpr - RATE_SLACK))
        raise DatasetError(f"{behind_reals} real videos cannot promise a false-positive rate of {fpr:g}; at least {needed} are needed")
    threshold = max(threshold_at(reals, fpr, weights[labels == 0]), 1e-6)
    if threshold > 1:
        raise DatasetError(
            f"more than {fpr:g} of the {behind_reals} real videos score 1, so no threshold keeps to that false-positive rate"
        )
    threshold = _between(reals, threshold)
    genuine_below = _between(fakes, _passed_by(fakes, weights[labels == 1], missed)) if len(fakes) else threshold
    return OperatingPoint(fpr, threshold, min(threshold, genuine_below), behind_reals, behind_fakes)


def _passed_by(fakes: Floats, weights: Floats, missed: float) -> float:
    """The highest of the scores (N,) below which at most a share `missed` of the weight lies."""
    order = np.argsort(fakes, kind="stable")
    return float(fakes[order][first_beyond(weights[order], missed)])


def number_of_units(labels: Labels, label: int, units: Sequence[str] | None = None) -> int:
    """How many independent ones are behind the samples of a label; units as in `operating_point`."""
    chosen = np.flatnonzero(labels == label)
    return len(chosen) if units is None else len({units[place] for place in chosen.tolist()})


def _between(scores: Floats, bound: float) -> float:
    """A bound that separates the scores as `bound` does, but midway between two of them, so that rounding moves no video to the
    other side.
    """
    below, above = scores[scores < bound], scores[scores >= bound]
    if not len(below) or not len(above):
        return bound
    middle = round(float(below.max() + above.min()) / 2, 4)
    return middle if below.max() < middle <= above.min() else bound
