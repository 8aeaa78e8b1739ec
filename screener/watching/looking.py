"""One frame in, its faces with their people and scores out: the stages of a scan, one frame at a time.

All faces of a frame are scored together. Knows no time but the frame's, and no verdict. Nothing is kept of a frame except the tracker's
bounded memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceCrop, FaceScore, Frame
from screener.runtime.cores import use_cores, use_one_core
from screener.scanning.models import Models
from screener.tracking.tracker import Tracker
from screener.verdict.judging import score_of


@dataclass(frozen=True, eq=False)
class Sight:
    """One face in one frame. box_xyxy: (4,) float32, pixels of the frame. face_px: its shorter side.

    flaw: why it is not judged, "too_small" or "too_blurred", or empty. score, crop_rgb: if it was judged; the crop is (S, S, 3) uint8.
    """

    track_id: int
    box_xyxy: NDArray[np.float32]
    face_px: float
    flaw: str = ""
    score: FaceScore | None = None
    crop_rgb: NDArray[np.uint8] | None = None


class Looker:
    """Tracks people from frame to frame; after `start_segment` everyone is a new person. For use in one thread."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._highest_id = 0
        self.start_segment()

    def start_segment(self) -> None:
        """Start anew: later frames are not continuous with earlier ones."""
        self._cropper, self._tracker = self._models.new_cropper(), Tracker()
        self._ids_before = self._highest_id

    def look(self, frame: Frame) -> list[Sight]:
        """Every face that is found, in the detector's order."""
        if self._models.scorer.device.type == "cpu":
            use_one_core()  # as in a scan: the detector's steps are too small to be shared between cores
        ((glance, crops),) = self._cropper.glances([frame])
        ids = [self._ids_before + track_id for track_id in self._tracker.follow(glance.observation)]
        self._highest_id = max([self._highest_id, *ids])
        judged = self._judged([replace(crop, track_id=ids[crop.track_id]) for crop in crops])
        boxes_xyxy = glance.observation.boxes_xyxy.astype(np.float32)
        return [
            judged[track_id] if fate == "crop" else Sight(track_id, box_xyxy, face_px, fate)
            for track_id, box_xyxy, (face_px, fate) in zip(ids, boxes_xyxy, glance.faces, strict=True)
        ]

    def _judged(self, crops: list[FaceCrop]) -> dict[int, Sight]:
        """By track id; two faces of one frame never share one."""
        if not crops:
            return {}
        use_cores(self._models.cores)
        calibration = self._models.checkpoint.contract.calibration
        judged = {}
        for crop, logit in zip(crops, self._models.scorer.score(crops), strict=True):
            score = score_of(crop, float(logit), calibration.temperature, calibration.bias)
            judged[crop.track_id] = Sight(crop.track_id, crop.box.box_xyxy, crop.box.size_px, score=score, crop_rgb=crop.crop_rgb)
        return judged
