"""The contract of a checkpoint: everything besides the weights that is needed to use them right, checked field by field.

Knows names, numbers and ranges. Does not know files or weights, nor how the contract is fulfilled: `preprocessing`, `faces`, `verdict` do
that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from screener.checkpoint.json_fields import read, refuse, to_plain
from screener.checkpoint.localisation import localisation_of
from screener.checkpoint.rates import every_rate
from screener.checkpoint.upgrading import FORMAT_VERSION, upgraded
from screener.errors import CheckpointError
from screener.model.architecture import CLASS_NAMES, Architecture
from screener.model.copies import NO_COPIES, Copies
from screener.model.preprocessing import Preprocessing
from screener.model.reference import NO_REFERENCE, Reference

SPLIT_POINT = "layer3"
"""Last layer of the frozen backbone."""

RANGE_NAMES = ("face_px", "sharpness")
"""What a valid range can be given for: shorter side of the face box in pixels, and `preprocessing.sharpness`."""

MOST_BLOCKS = 64
"""Maximum number of bottlenecks in a layer; more would be an attempt to exhaust the memory."""


@dataclass(frozen=True)
class Calibration:
    """From a logit to a probability: p_fake = sigmoid(logit / temperature + bias) (Guo et al. 2017, arXiv:1706.04599)."""

    temperature: float = 1.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not 1e-3 <= self.temperature <= 1e3:
            refuse("temperature", "a number from 0.001 to 1000", self.temperature)
        if not -1e3 <= self.bias <= 1e3:
            refuse("bias", "a number from -1000 to 1000", self.bias)


@dataclass(frozen=True)
class OperatingPoint:
    """The decision thresholds at one false-positive rate, measured on validation videos.

    fpr: share of real videos that `threshold` calls fake. threshold: p_fake at or above it is fake. genuine_below: p_fake below it is
    genuine; in between is undecided. real_videos, fake_videos: number of validation videos behind the two numbers.
    """

    fpr: float
    threshold: float
    genuine_below: float
    real_videos: int
    fake_videos: int

    def __post_init__(self) -> None:
        if not 0 < self.fpr < 1:
            refuse("fpr", "a rate between 0 and 1", self.fpr)
        if not 0 <= self.threshold <= 1:
            refuse("threshold", "a probability", self.threshold)
        if not 0 <= self.genuine_below <= self.threshold:
            refuse("genuine_below", f"a probability of at most the threshold {self.threshold:g}", self.genuine_below)
        if self.real_videos < 1:
            refuse("real_videos", "at least 1, for a false-positive rate is measured on real videos", self.real_videos)
        if self.fake_videos < 0:
            refuse("fake_videos", "a count", self.fake_videos)


@dataclass(frozen=True)
class DataSet:
    """Data that the weights were trained on. sha256: of its manifest or archive. pictures: number of pictures used."""

    name: str
    sha256: str
    pictures: int
    licence: str

    def __post_init__(self) -> None:
        _require_text("name", self.name)
        _require_sha256("sha256", self.sha256)
        _require_text("licence", self.licence)
        if self.pictures < 0:
            refuse("pictures", "a count", self.pictures)


@dataclass(frozen=True)
class Contract:
    """Everything besides the weights. The constructor checks ranges; `from_dict` and `save_checkpoint` check types too.

    architecture: of the whole network. copies: how often each channel, stored once, occurs in it.
    class_names: in the order of the logits. split_point: last layer of the backbone.
    detector: as given by `FaceDetector.contract()`. sampling: such as {"frames": 32}. pooling: rule over one person's frames.
    valid_range: (lowest, highest) of each of `RANGE_NAMES` that the checkpoint was calibrated on; outside it there is no verdict.
    backbone_fingerprint: see `backbone_fingerprint`; empty until the checkpoint is saved.
    limits: what the weights cannot do, in words. figures: measured results, free-form except `localisation` and `rates`.
    code_version: of the screener that made it. reference: the recompressed copy that scores are relative to, if any.
    """

    name: str
    format_version: int
    architecture: Architecture
    class_names: tuple[str, str]
    split_point: str
    preprocessing: Preprocessing
    detector: dict[str, Any]
    sampling: dict[str, Any]
    pooling: str
    calibration: Calibration
    operating_points: tuple[OperatingPoint, ...]
    valid_range: dict[str, tuple[float, float]]
    backbone_fingerprint: str
    training_data: tuple[DataSet, ...]
    licence: str
    limits: str
    figures: dict[str, Any]
    code_version: str
    copies: Copies = NO_COPIES
    reference: Reference = NO_REFERENCE

    def __post_init__(self) -> None:
        if self.format_version != FORMAT_VERSION:
            refuse("format_version", f"{FORMAT_VERSION}, the one that this screener writes", self.format_version)
        for field in ("name", "pooling", "licence", "code_version"):
            _require_text(field, getattr(self, field))
        if max(self.architecture.blocks) > MOST_BLOCKS:
            refuse("architecture.blocks", f"at most {MOST_BLOCKS} in each layer", self.architecture.blocks)
        try:
            self.copies.narrowed(self.architecture)
        except ValueError as error:
            raise CheckpointError(f"copies: {error}") from error
        if self.reference.side > self.preprocessing.input_size:
            refuse("reference.side", f"at most that of the crops, {self.preprocessing.input_size}", self.reference.side)
        if tuple(self.class_names) != CLASS_NAMES:
            refuse("class_names", f"{CLASS_NAMES}, so that the second logit is fake", self.class_names)
        if self.split_point != SPLIT_POINT:
            refuse("split_point", repr(SPLIT_POINT), self.split_point)
        if not isinstance(self.detector.get("name"), str):
            refuse("detector.name", "the name of a face detector", self.detector.get("name"))
        if self.backbone_fingerprint:
            _require_sha256("backbone_fingerprint", self.backbone_fingerprint)
        rates = [point.fpr for point in self.operating_points]
        if len(set(rates)) < len(rates):
            refuse("operating_points", "each false-positive rate once", rates)
        for name, (low, high) in self.valid_range.items():
            if name not in RANGE_NAMES:
                refuse("valid_range", f"ranges of {' and '.join(RANGE_NAMES)}", name)
            if not 0 <= low < high:
                refuse(f"valid_range.{name}", "lowest and highest value, in this order", (low, high))
        localisation_of(self.figures)
        every_rate(self.figures)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Contract:
        """The contract in `values`, of this format or an older one.

        Raises CheckpointError naming the first invalid field.
        """
        # The version first, because another version may have other fields.
        contract: Contract = read("", cls, upgraded(values) if isinstance(values, dict) and "format_version" in values else values)
        return contract

    def operating_point(self, fpr: float) -> OperatingPoint:
        """The point measured at this false-positive rate. Raises CheckpointError, listing the available ones, if there is none."""
        for point in self.operating_points:
            if abs(point.fpr - fpr) <= 1e-9:
                return point
        available = ", ".join(f"{point.fpr:g}" for point in sorted(self.operating_points, key=lambda point: point.fpr))
        if not available:
            raise CheckpointError(f"checkpoint {self.name!r} has no operating points; set a threshold or use a calibrated checkpoint")
        raise CheckpointError(
            f"fpr: checkpoint {self.name!r} was measured at {available}, not at {fpr:g}; choose one of these or set a threshold"
        )


def _require_text(field: str, value: str) -> None:
    if not value.strip():
        refuse(field, "some text", value)


def _require_sha256(field: str, value: str) -> None:
    if not re.fullmatch("[0-9a-f]{64}", value):
        refuse(field, "a SHA-256 in 64 lower-case hexadecimal digits", value)
