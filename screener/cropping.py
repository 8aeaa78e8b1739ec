"""Frames -> the face crops that are worth scoring, each with the person it belongs to; every face is noted as seen.

Puts the detector, the tracker and the crop together. Does not know scores, files or threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from screener.faces import FaceDetector
from screener.preprocess import Preprocessing, crop_face, sharpness
from screener.records import FaceBox, FaceCrop, Frame
from screener.tracks import Tracker
from screener.verdict import Sighting


class Cropper:
    """The faces of one video, frame after frame in the order of time. `sightings`: what was seen of each person, by track id."""

    def __init__(self, detector: FaceDetector, contract: Preprocessing, min_face_px: int, min_sharpness: float) -> None:
        """min_face_px, min_sharpness: a face below either is seen, and not cropped."""
        self._detector, self._contract = detector, contract
        self._min_face_px, self._min_sharpness = min_face_px, min_sharpness
        self._tracker = Tracker()
        self.sightings: dict[int, Sighting] = {}

    def crops(self, frames: Sequence[Frame]) -> list[list[FaceCrop]]:
        """The crops of each of some frames, which follow those of the call before."""
        found = self._detector.detect_all([frame.picture_rgb for frame in frames])
        return [self._crops(frame, boxes) for frame, boxes in zip(frames, found, strict=True)]

    def _crops(self, frame: Frame, boxes: list[FaceBox]) -> list[FaceCrop]:
        tracks = self._tracker.update(frame, boxes)
        crops = [self._crop(frame, box, track_id) for box, track_id in zip(boxes, tracks, strict=True)]
        return [crop for crop in crops if crop is not None]

    def _crop(self, frame: Frame, box: FaceBox, track_id: int) -> FaceCrop | None:
        seen = self.sightings.setdefault(track_id, Sighting(track_id, frame.pts_seconds, frame.pts_seconds, 0, []))
        seen.last_seconds = frame.pts_seconds
        seen.frames_seen += 1
        seen.face_px.append(box.size_px)
        if box.size_px < self._min_face_px:
            seen.too_small += 1
            return None
        picture = crop_face(frame.picture_rgb, box.box_xyxy, self._contract)
        sharp = sharpness(picture)
        if sharp < self._min_sharpness:
            seen.too_blurred += 1
            return None
        return FaceCrop(picture, box, frame.index, frame.pts_seconds, track_id, sharp)
