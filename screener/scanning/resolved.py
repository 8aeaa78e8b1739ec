"""What settings and checkpoint say together: where the decision falls, and which detector finds the faces.

Does not know sources, frames or scores.
"""

from __future__ import annotations

from typing import Any

from screener.checkpoint import Checkpoint
from screener.errors import CheckpointError, SettingsError
from screener.faces import DETECTORS, FaceDetector
from screener.settings import ScanSettings
from screener.verdict.judging import POOLING, Limits


def limits_of(checkpoint: Checkpoint, settings: ScanSettings) -> Limits:
    """Where the decision falls: the settings' threshold, or the checkpoint's operating point at the settings' false-positive rate."""
    contract = checkpoint.contract
    pooling = settings.pooling or contract.pooling
    if pooling not in POOLING:
        raise SettingsError(f"pooling: expected one of {', '.join(POOLING)}, got {pooling!r}")
    if settings.threshold is not None:
        threshold = genuine_below = settings.threshold
    else:
        point = contract.operating_point(settings.fpr)
        threshold, genuine_below = point.threshold, point.genuine_below
    everything = (0.0, float("inf"))
    return Limits(
        threshold, genuine_below, settings.min_frames, pooling,
        contract.valid_range.get("face_px", everything), contract.valid_range.get("sharpness", everything),
    )  # fmt: skip


def operating_point_of(checkpoint: Checkpoint, settings: ScanSettings) -> dict[str, float]:
    """The operating point in use, for the report; empty when the threshold was given by hand."""
    if settings.threshold is not None:
        return {}
    point = checkpoint.contract.operating_point(settings.fpr)
    return {"fpr": point.fpr, "genuine_below": point.genuine_below, "real_videos": point.real_videos, "fake_videos": point.fake_videos}


def build_detector(name: str, device: Any, contract: dict[str, Any]) -> FaceDetector:
    """The named detector; one that would find other boxes than those the checkpoint was made with is refused."""
    if name not in DETECTORS:
        raise SettingsError(f"detector: expected one of {', '.join(DETECTORS)}, got {name!r}")
    detector = DETECTORS[name](device=device)
    if name == contract["name"] and detector.contract() != contract:
        raise CheckpointError(f"detector {name}: this screener runs it with {detector.contract()}, the checkpoint was made with {contract}")
    return detector
