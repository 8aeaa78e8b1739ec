"""One frame -> the faces in it, each with its person, and the scores of those fit to be judged: the stages of a scan, one frame at a time.

All faces of a frame are scored together. Knows no time but the frame's, and no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.pipeline import Screener
from screener.preprocess import crop_face, sharpness
from screener.records import FaceBox, FaceCrop, FaceScore, Frame
from screener.tracks import Tracker
from screener.verdict import calibrated


@dataclass(frozen=True, eq=False)
class Sight:
    """One face in one frame. flaw: why it is not judged, "too_small" or "too_blurred", or empty. crop_rgb: (S, S, 3), of a judged one."""

    track_id: int
    box: FaceBox
    flaw: str = ""
    score: FaceScore | None = None
    crop_rgb: NDArray[np.uint8] | None = None


class Looker:
    """Follows people from frame to frame; whoever is met after `start_segment` is someone new."""

    def __init__(self, screener: Screener) -> None:
        self._screener = screener
        self._contract = screener.checkpoint.contract
        chosen = screener.settings.min_sharpness
        self._least_sharpness = screener.limits.sharpness[0] if chosen is None else chosen
        self._highest_id = 0
        self.start_segment()

    def start_segment(self) -> None:
        """Frames from here on have nothing to do with those before."""
        self._tracker = Tracker()
        self._ids_before = self._highest_id

    def look(self, frame: Frame) -> list[Sight]:
        """Every face that is found, in the detector's order."""
        boxes = self._screener.detector.detect(frame.picture_rgb)
        found = self._tracker.update(frame, boxes)
        ids = [self._ids_before + track_id for track_id in found]
        self._highest_id = max([self._highest_id, *ids])
        sights = [self._inspected(frame, box, track_id) for box, track_id in zip(boxes, ids, strict=True)]
        crops = [sight for sight in sights if isinstance(sight, FaceCrop)]
        scored = iter(self._scored(crops)) if crops else iter(())
        return [next(scored) if isinstance(sight, FaceCrop) else sight for sight in sights]

    def _inspected(self, frame: Frame, box: FaceBox, track_id: int) -> FaceCrop | Sight:
        """A crop that is fit to be scored, or what is wrong with the face."""
        if box.size_px < self._screener.settings.min_face_px:
            return Sight(track_id, box, "too_small")
        picture = crop_face(frame.picture_rgb, box.box_xyxy, self._contract.preprocessing)
        sharp = sharpness(picture)
        if sharp < self._least_sharpness:
            return Sight(track_id, box, "too_blurred")
        return FaceCrop(picture, box, frame.index, frame.pts_seconds, track_id, sharp)

    def _scored(self, crops: list[FaceCrop]) -> list[Sight]:
        calibration = self._contract.calibration
        return [
            Sight(
                crop.track_id,
                crop.box,
                score=FaceScore(
                    track_id=crop.track_id,
                    frame_index=crop.frame_index,
                    pts_seconds=crop.pts_seconds,
                    logit=float(logit),
                    p_fake=calibrated(float(logit), calibration.temperature, calibration.bias),
                    box_xyxy=crop.box.box_xyxy,
                    confidence=crop.box.confidence,
                    face_px=crop.box.size_px,
                    sharpness=crop.sharpness,
                ),
                crop_rgb=crop.crop_rgb,
            )
            for crop, logit in zip(crops, self._screener.scorer.score(crops), strict=True)
        ]
