"""Groups of successive frames in, the faces of each out: one whole search a group, quicker ones in between.

A quicker search finds large faces wherever they are, and small ones where they were in the frame before. So a small face that comes in
between is found with the next whole search, at most `every - 1` frames later; a large one at once. Where that could miss more (a small face
is gone, the shot changes, frames are far apart) the whole picture is searched. Each group stands for itself: what is found does not depend
on how many groups are searched at once. Does not know which faces a detector calls small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from screener.faces import FaceDetector
from screener.records import FaceBox, Frame
from screener.tracking.appearance import describe_scene, scene_distance
from screener.tracking.boxes import iou_matrix
from screener.tracking.tracker import TrackerSettings

SAME_PLACE_IOU = 0.3
"""A face counts as found again where a box overlaps its last one by this much."""

INSTANT_SECONDS = 1.0
"""Frames further apart are searched whole: too much may have changed."""


class Searching:
    """Searches one video's frames. Has no state: groups may be searched in several threads at once, and in any order."""

    def __init__(self, detector: FaceDetector, every: int) -> None:
        """every: at least every so many frames of a group are searched whole; 1 searches all of them."""
        self._detector, self._every = detector, every

    def faces(self, frames: Sequence[Frame]) -> list[list[FaceBox]]:
        """The faces of each frame of a group, most confident first."""
        if self._every == 1:
            return self._detector.detect_all([frame.picture_rgb for frame in frames])
        found: list[list[FaceBox]] = []
        quick = 0
        for number, frame in enumerate(frames):
            boxes = None
            if number and quick + 1 < self._every and found[-1] and _is_next(frames[number - 1], frame):
                boxes = self._found_again(found[-1], frame)
                # Who is lost once is mostly lost again: no more quick searches in this group.
                quick = quick + 1 if boxes is not None else self._every
            elif quick < self._every:
                quick = 0
            found.append(self._detector.detect(frame.picture_rgb) if boxes is None else boxes)
        return found

    def _found_again(self, faces: list[FaceBox], frame: Frame) -> list[FaceBox] | None:
        """The faces by the quicker search; None if a small one is missing."""
        boxes = self._detector.follow(frame.picture_rgb, faces)
        small = [face for face in faces if self._detector.is_small(face, frame.size_wh)]
        return boxes if _are_among(small, boxes) else None


def _are_among(faces: Sequence[FaceBox], found: Sequence[FaceBox]) -> bool:
    """Whether each of the faces lies where one of the found does, and none of two is missing."""
    if not faces or len(found) < len(faces):
        return not faces
    there, now = (np.stack([face.box_xyxy for face in some]).astype(float) for some in (faces, found))
    overlaps = iou_matrix(there, now) >= SAME_PLACE_IOU
    return bool(overlaps.any(1).all() and overlaps.any(0).sum() >= len(faces))


def _is_next(before: Frame, frame: Frame) -> bool:
    """Whether a frame shows what the one before it shows, a moment later."""
    if frame.size_wh != before.size_wh or not 0 <= frame.pts_seconds - before.pts_seconds <= INSTANT_SECONDS:
        return False
    return scene_distance(describe_scene(before.picture_rgb), describe_scene(frame.picture_rgb)) <= TrackerSettings.cut_limit
