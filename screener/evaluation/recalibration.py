"""Scores of labelled videos in, a checkpoint's new calibration, operating points and valid ranges out, with their held-out error.

Knows scores of videos and contracts. Does not scan, and reads or writes no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Calibration, Contract, OperatingPoint, Rates
from screener.checkpoint.json_fields import printable, to_plain
from screener.checkpoint.rates import FIGURE as RATES
from screener.datasets import SPLITS, LabelledItem
from screener.errors import DatasetError, SettingsError
from screener.evaluation.calibration import MISSED_SHARE, fit_calibration, operating_point, pooled_p_fake
from screener.evaluation.held_out import DIVISIONS, LEAST_OF_A_CLASS, are_enough, cross_rates
from screener.evaluation.metrics import expected_calibration_error
from screener.evaluation.same_files import content_of, copies_in
from screener.evaluation.slices import headline_of
from screener.evaluation.videos import VideoScore, halves_by_group, labels_of
from screener.settings import ScanSettings


def _everything(scores: Sequence[VideoScore]) -> tuple[str, NDArray[np.bool_]]:
    return "fakes of every kind", np.ones(len(scores), np.bool_)


CALIBRATION = "calibration"
"""Key in a contract's figures that says what a calibration is based on."""

FAMILIES = {"blending": headline_of, "all": _everything}
"""Which fakes are fitted to, by name: those of an evaluation's headline, or all. A detector of blending cannot see faces that are generated
as a whole; fitted to these too, its thresholds would be worse for the rest.
"""


@dataclass(frozen=True)
class CalibrateSettings:
    """How a checkpoint is calibrated.

    fprs: false-positive rates to find a threshold for. families: key in FAMILIES of the fakes to fit to.
    missed: at most this share of the fakes scores below the bound under which a video is called genuine.
    split: split to fit to, if the data has splits; None takes the validation split if there is one.
    """

    fprs: tuple[float, ...] = (0.01, 0.05, 0.10)
    families: str = "blending"
    missed: float = MISSED_SHARE
    split: str | None = None

    def __post_init__(self) -> None:
        if not self.fprs or len(set(self.fprs)) < len(self.fprs) or not all(0 < fpr < 1 for fpr in self.fprs):
            raise SettingsError(f"fprs: expected different rates between 0 and 1, such as 0.01 and 0.05, got {self.fprs!r}")
        if self.families not in FAMILIES:
            raise SettingsError(f"families: expected one of {', '.join(FAMILIES)}, got {self.families!r}")
        if not 0 <= self.missed < 1:
            raise SettingsError(f"missed: expected a share from 0 to below 1, got {self.missed!r}")
        if self.split is not None and self.split not in SPLITS:
            raise SettingsError(f"split: expected one of {', '.join(SPLITS)}, got {self.split!r}")


@dataclass(frozen=True)
class HeldOutError:
    """Expected calibration error on the half of the groups that was not fitted to, one value for each division into halves.

    before: with the calibration that the checkpoint had. after: with the one fitted to the other half. note: why there are none.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON: mean and range of the calibration error before and after, over the divisions."""
        if not self.after:
            return {"divisions": 0, "note": self.note}
        ends = {"before": self.before, "after": self.after}
        return {"divisions": len(self.after)} | {
            name: {"mean": round(float(np.mean(v)), 4), "low": round(min(v), 4), "high": round(max(v), 4)} for name, v in ends.items()
        }


@dataclass(frozen=True)
class Recalibration:
    """What was fitted, and to what.

    refused: false-positive rate -> why no threshold can be given for it. fakes_named: description of the fakes. real_videos, fake_videos:
    numbers fitted to, with a score. not_scored: names of videos in which nobody could be judged. left_out: method -> number of fakes of
    other families. copies: further names of duplicate files. rates: how often the verdict was right on folds that nothing was fitted to,
    one for each operating point, unless a fold has no threshold for its rate. splits: that the videos are from, if the data has any.
    """

    calibration: Calibration
    operating_points: tuple[OperatingPoint, ...]
    refused: dict[float, str]
    valid_range: dict[str, tuple[float, float]]
    held_out: HeldOutError
    fakes_named: str
    real_videos: int
    fake_videos: int
    not_scored: tuple[str, ...]
    left_out: dict[str, int]
    copies: int = 0
    rates: tuple[Rates, ...] = ()
    splits: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return {
            "calibration": to_plain(self.calibration),
            "operating_points": to_plain(self.operating_points),
            "refused": {f"{fpr:g}": why for fpr, why in self.refused.items()},
            "valid_range": to_plain(self.valid_range),
            "held_out_ece": self.held_out.to_dict(),
            RATES: to_plain(self.rates),
            "fakes": self.fakes_named,
            "real_videos": self.real_videos,
            "fake_videos": self.fake_videos,
            "not_scored": list(self.not_scored),
            "left_out": self.left_out,
            "copies": self.copies,
            "splits": list(self.splits),
        }


def recalibrate(scores: Sequence[VideoScore], before: Calibration, pooling: str, settings: CalibrateSettings) -> Recalibration:
    """Fit temperature, bias, operating points and valid ranges to the scores of labelled videos. Duplicate files count once.

    before: the calibration that the checkpoint has. Raises DatasetError if a class is missing, one file has both labels, or none of the
    false-positive rates is supported.
    """
    copies = copies_in([score.video for score in scores], [content_of(score.sha256, score.coverage) for score in scores])
    scores = [scores[i] for i in copies.kept]
    named, chosen = FAMILIES[settings.families](scores)
    taken = [score for score, take in zip(scores, chosen.tolist(), strict=True) if take]
    scored = [score for score in taken if score.is_scored]
    labels, logits = labels_of(scored), [score.people for score in scored]
    units = [score.video.unit for score in scored]
    calibration = fit_calibration(logits, labels, pooling, units)
    points, refused = _points(labels, pooled_p_fake(logits, calibration, pooling), units, settings)
    return Recalibration(
        calibration=calibration,
        operating_points=points,
        refused=refused,
        valid_range=valid_range(scored),
        held_out=held_out_error(scored, before, pooling),
        fakes_named=named,
        real_videos=int((labels == 0).sum()),
        fake_videos=int((labels == 1).sum()),
        not_scored=tuple(score.video.name for score in taken if not score.is_scored),
        left_out=dict(Counter(score.video.method for score, take in zip(scores, chosen.tolist(), strict=True) if not take)),
        copies=len(copies.left),
        rates=cross_rates(scored, pooling, [point.fpr for point in points]),
        splits=tuple(sorted({score.video.split for score in scored} - {""})),
    )


def _points(
    labels: NDArray[np.int64], p_fake: NDArray[np.float64], units: Sequence[str], settings: CalibrateSettings
) -> tuple[tuple[OperatingPoint, ...], dict[float, str]]:
    """The points that the videos support, and why the others are refused."""
    points: list[OperatingPoint] = []
    refused: dict[float, str] = {}
    for fpr in settings.fprs:
        try:
            points.append(operating_point(labels, p_fake, fpr, settings.missed, units))
        except DatasetError as error:
            refused[fpr] = str(error)
    if not points:
        raise DatasetError(f"no operating point can be promised: {'; '.join(refused.values())}")
    return tuple(points), refused


def valid_range(scored: Sequence[VideoScore]) -> dict[str, tuple[float, float]]:
    """Range of face size and sharpness covered by the videos, with some margin; outside it the checkpoint gives no verdict.

    Faces from the smallest that a scan judges to twice the largest seen; sharpness from half of the value that all but a few frames exceed.
    """
    smallest = float(ScanSettings().min_face_px)
    face_px, sharpness = (np.concatenate([getattr(score, name) for score in scored]) for name in ("face_px", "sharpness"))
    return {
        "face_px": (smallest, round(float(2 * max(face_px.max(), smallest)), 1)),
        "sharpness": (round(float(np.quantile(sharpness, 0.005) / 2), 3), round(float(4 * sharpness.max()) + 1, 1)),
    }


def held_out_error(scored: Sequence[VideoScore], before: Calibration, pooling: str, divisions: int = DIVISIONS) -> HeldOutError:
    """Error of a calibration fitted to half of the groups and tested on the other half, and of the previous calibration."""
    labels, logits = labels_of(scored), [score.people for score in scored]
    errors: dict[str, list[float]] = {"before": [], "after": []}
    for seed in range(divisions):
        half = halves_by_group(scored, seed)
        if not are_enough(scored, half):
            continue
        units = [score.video.unit for score, chosen in zip(scored, half.tolist(), strict=True) if chosen]
        fitted = fit_calibration([x for x, chosen in zip(logits, half.tolist(), strict=True) if chosen], labels[half], pooling, units)
        tested = [x for x, chosen in zip(logits, half.tolist(), strict=True) if not chosen]
        for name, calibration in (("before", before), ("after", fitted)):
            errors[name].append(expected_calibration_error(labels[~half], pooled_p_fake(tested, calibration, pooling)))
    note = f"takes at least {LEAST_OF_A_CLASS} real and {LEAST_OF_A_CLASS} fake scored videos in each half of the groups"
    return HeldOutError(tuple(errors["before"]), tuple(errors["after"]), "" if errors["after"] else note)


def recalibrated(contract: Contract, found: Recalibration, data: str, scanned_with: str) -> Contract:
    """The contract with the new values. data: name of the videos. scanned_with: SHA-256 of the checkpoint that scored them."""
    record = {
        "data": printable(data),
        "splits": list(found.splits),
        "scanned_with": scanned_with,
        "fakes": found.fakes_named,
        "not_scored": len(found.not_scored),
        "held_out_ece": found.held_out.to_dict(),
        "refused": list(found.refused),
    }
    return replace(
        contract,
        calibration=found.calibration,
        operating_points=found.operating_points,
        valid_range=found.valid_range,
        figures={**contract.figures, CALIBRATION: record, RATES: to_plain(found.rates)},
    )


def of_split(items: Sequence[LabelledItem], split: str | None) -> list[LabelledItem]:
    """The items to fit to: of the named split, else of the validation split, else all items if the data has no splits.

    Raises DatasetError if that leaves nothing, or if there are splits and none of them is for validation.
    """
    present = sorted({item.split for item in items if item.split})
    if not present and split is None:
        return list(items)
    wanted = split or "validation"
    chosen = [item for item in items if item.split == wanted]
    if not chosen:
        there = f"its splits are {', '.join(present)}; choose one with --split" if present else "it has no splits; leave --split out"
        raise DatasetError(f"no {wanted} split to calibrate on: {there}")
    return chosen
