"""The result of an evaluation: figures with their intervals, overall and by kind, and everything that they are based on. Frozen records.

Does not know how the figures are computed or shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from screener.evaluation.held_out import HeldOut

SCHEMA_VERSION = 1

INTERVAL_SHARE = 0.95
"""Coverage of all intervals here."""

NO_SPREAD = "no interval: resampling does not change it"
"""Note on a figure that is the same in almost all resamples, which says that videos are few or clear and not that the figure is exact."""

FIGURE_NAMES: dict[str, str] = {
    "video_auc": "video AUC",
    "frame_auc": "frame AUC",
    "average_precision": "average precision",
    "equal_error_rate": "equal error rate",
    "tpr_at_1_fpr": "TPR at 1 % FPR",
    "tpr_at_5_fpr": "TPR at 5 % FPR",
    "accuracy": "accuracy at the threshold",
    "f1": "F1 at the threshold",
    "recall": "recall at the threshold",
    "precision": "precision at the threshold",
    "false_positive_rate": "FPR at the threshold",
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
    "coverage": "coverage: share scored",
    "decided": "share decided",
    "decided_accuracy": "accuracy among the decided",
}
"""Every figure of a slice and its description, in reading order; fake is positive. Decided means not undecided."""

KINDS: dict[str, str] = {
    "family": "family",
    "method": "method",
    "generator": "generator",
    "real": "kind of real",
    "source": "data set",
    "compression": "compression",
    "codec": "codec",
    "resolution": "resolution",
    "face_px": "face size",
    "sharpness": "sharpness of the face",
}
"""Criteria by which the videos are divided, and their descriptions, in reading order."""


@dataclass(frozen=True)
class Figure:
    """One figure. value: None if undefined, with the reason in `note`. interval: 95 % range over videos, None without one: Wilson's for a
    share of videos, else that of bootstrap resamples.

    note: may also comment on a defined value.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Tally:
    """Number of videos by outcome."""

    genuine: int = 0
    undecided: int = 0
    fake: int = 0

    @property
    def total(self) -> int:
        """Number of all videos."""
        return self.genuine + self.undecided + self.fake


@dataclass(frozen=True)
class SameScene:
    """Fakes compared with the reals of their own scenes, which share setting, camera and compression.

    scenes: number of groups with scored reals and fakes. pairs: of a real and a fake of one scene; won: pairs in which the fake scores
    higher, ties count a half. share_won, auc: of these pairs, and over the reals and fakes of all these scenes together; resampled by
    scene.
    """

    scenes: int
    reals: int
    fakes: int
    pairs: int
    won: float
    share_won: Figure
    auc: Figure


@dataclass(frozen=True)
class Slice:
    """Some fakes compared with some reals. kind: from `KINDS`, or `headline`. name: of the slice within its kind.

    reals, fakes: number of videos. reals_scored, fakes_scored: number of those that could be judged, on which the figures are based.
    figures: by name from `FIGURE_NAMES`. real_outcomes, fake_outcomes: of all videos, at the operating point.
    same_scene: None if no scene contains both.
    """

    kind: str
    name: str
    reals: int
    fakes: int
    reals_scored: int
    fakes_scored: int
    figures: dict[str, Figure]
    real_outcomes: Tally
    fake_outcomes: Tally
    same_scene: SameScene | None


@dataclass(frozen=True)
class Data:
    """The evaluated data. name: of the data set. list_sha256: of names, labels, groups, splits, methods and sets of the items.

    content_sha256: of the names and the files' own hashes. complete, partial, unread: number of items by coverage.
    copies: number of further names of duplicate files, which count once under their first name. splits: of the items, sorted.
    """

    name: str
    items: int
    reals: int
    fakes: int
    groups: int
    sets: tuple[str, ...]
    list_sha256: str
    content_sha256: str
    complete: int
    partial: int
    unread: int
    copies: int = 0
    splits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shortfall:
    """Items without a score for one reason, from `errors.REASONS`."""

    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ItemScore:
    """One item. label: real or fake. p_fake: None without a score. face_px, sharpness: medians over the frames behind the score."""

    name: str
    label: str
    method: str
    family: str
    group: str
    set_name: str
    p_fake: float | None
    outcome: str
    coverage: str
    reasons: tuple[str, ...]
    frames_judged: int
    face_px: float | None
    sharpness: float | None


@dataclass(frozen=True)
class Evaluation:
    """An evaluation of one checkpoint on one data set; `to_dict` is the public JSON.

    checkpoint: from `Checkpoint.summary()`. settings, versions: of the scan. threshold: p_fake at or above it is called fake.
    headline: the fakes that the first figure is about; families with other kinds of traces are not pooled with them, but are in `slices`.
    slices: by kind from `KINDS`; a kind that does not divide the data is left out. held_out: calibration and threshold on videos not fitted
    to.
    """

    data: Data
    checkpoint: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    threshold: float
    operating_point: dict[str, float]
    headline: Slice
    slices: dict[str, tuple[Slice, ...]]
    held_out: HeldOut
    not_scored: tuple[Shortfall, ...]
    items: tuple[ItemScore, ...]
    schema_version: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON; numbers to six places."""
        plain: dict[str, Any] = to_plain(self)
        return {"schema_version": plain.pop("schema_version"), **plain}


def to_plain(value: Any) -> Any:
    """Records, mappings and numbers -> JSON types; numbers that are not finite become None."""
    if isinstance(value, HeldOut):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, float):
        return round(float(value), 6) if math.isfinite(value) else None
    return value
