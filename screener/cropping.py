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

INSTANT_SECONDS = 0.2
"""Faces are followed from one frame to the next only over so short a time."""


class Cropper:
    """The faces of one video, frame after frame in the order of time. `sightings`: what was seen of each person, by track id."""

    def __init__(
        self, detector: FaceDetector, contract: Preprocessing, min_face_px: int, min_sharpness: float, detect_every: int = 1
    ) -> None:
        """min_face_px, min_sharpness: a face below either is seen, and not cropped. detect_every: of frames that follow each other within
        an instant, whole pictures are searched only every so many; in between faces are followed."""
        self._detector, self._contract = detector, contract
        self._min_face_px, self._min_sharpness = min_face_px, min_sharpness
        self._detect_every = detect_every
        self._followed = 0
        self._last: tuple[Frame, list[FaceBox]] | None = None
        self._tracker = Tracker()
        self.sightings: dict[int, Sighting] = {}

    def crops(self, frames: Sequence[Frame]) -> list[list[FaceCrop]]:
        """The crops of each of some frames, which follow those of the call before."""
        if self._detect_every > 1:
            return [self._crops(frame, self._followed_or_found(frame)) for frame in frames]
        found = self._detector.detect_all([frame.picture_rgb for frame in frames])
        return [self._crops(frame, boxes) for frame, boxes in zip(frames, found, strict=True)]

    def _followed_or_found(self, frame: Frame) -> list[FaceBox]:
        """A face that is lost, and a picture without one, are reasons to search the whole picture at once."""
        boxes: list[FaceBox] = []
        if self._last is not None and self._followed + 1 < self._detect_every:
            before, faces = self._last
            if frame.size_wh == before.size_wh and 0 <= frame.pts_seconds - before.pts_seconds <= INSTANT_SECONDS:
                boxes = self._detector.follow(frame.picture_rgb, faces)
                boxes = boxes if len(boxes) == len(faces) else []
        self._followed = self._followed + 1 if boxes else 0
        boxes = boxes or self._detector.detect(frame.picture_rgb)
        self._last = frame, boxes
        return boxes

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
