"""Logits of labelled rows -> the figures that training reports and selects by; pure numpy, fake is the positive class.

Knows labels, logits and the metrics. Does not know networks, folds on disk or calibration: decisions are made at even odds, logit 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.evaluation.metrics import average_precision, confusion, equal_error_rate, roc_auc

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

FIGURES = ("auc", "average_precision", "equal_error_rate", "accuracy", "f1", "precision", "recall", "log_loss")
"""Figures that are averaged over folds; `video_auc` is added if rows are frames of videos."""


@dataclass(frozen=True)
class Spread:
    """Statistics of one figure over the folds. deviation: sample standard deviation, 0 for a single fold."""

    mean: float
    deviation: float
    lowest: float
    highest: float


def log_loss(labels: Labels, logits: Floats) -> float:
    """Mean of -log of the probability given to the true class, natural logarithm."""
    return float(np.logaddexp(0.0, np.where(labels == 1, -logits, logits)).mean())


def figures(labels: Labels, logits: Floats, names: Sequence[str]) -> dict[str, float]:
    """All figures of (n,) rows by name: counts always, ranking figures if both classes occur.

    names: of the picture or video of each row; the mean probability over the rows of one name is its score for `video_auc`.
    """
    reals, fakes = int((labels == 0).sum()), int((labels == 1).sum())
    found: dict[str, float] = {"rows": len(labels), "real": reals, "fake": fakes}
    if not len(labels):
        return found
    hits, alarms, missed, passed = confusion(labels, logits, 0.0)
    found["accuracy"] = (hits + passed) / len(labels)
    found["precision"] = hits / (hits + alarms) if hits + alarms else 0.0
    found["recall"] = hits / fakes if fakes else 0.0
    found["f1"] = 2 * hits / (2 * hits + alarms + missed) if hits + alarms + missed else 0.0
    found["log_loss"] = log_loss(labels, logits)
    if reals and fakes:
        found |= {
            "auc": roc_auc(labels, logits),
            "average_precision": average_precision(labels, logits),
            "equal_error_rate": equal_error_rate(labels, logits),
        }
        found |= _by_video(labels, logits, names)
    return found


def spread(rows: Sequence[dict[str, float]]) -> dict[str, Spread]:
    """Mean and spread of each figure that all rows have; empty without rows."""
    names = [name for name in (*FIGURES, "video_auc") if rows and all(name in row for row in rows)]
    found = {}
    for name in names:
        values = np.array([row[name] for row in rows])
        deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        found[name] = Spread(float(values.mean()), deviation, float(values.min()), float(values.max()))
    return found


def groups_by_name(names: Sequence[str]) -> list[NDArray[np.int64]]:
    """Positions of the rows of each name, in order of first appearance."""
    found: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        found.setdefault(name, []).append(position)
    return [np.array(positions, np.int64) for positions in found.values()]


def _by_video(labels: Labels, logits: Floats, names: Sequence[str]) -> dict[str, float]:
    groups = groups_by_name(names)
    if len(groups) == len(labels):
        return {}
    p_fake = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    video_labels = np.array([labels[group[0]] for group in groups])
    return {"videos": len(groups), "video_auc": roc_auc(video_labels, np.array([p_fake[group].mean() for group in groups]))}
