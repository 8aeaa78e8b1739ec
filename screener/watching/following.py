"""Estimates where faces found in one frame are in a later one. Used only for drawing, never for judging.

Points in each face are tracked by the pyramidal Lucas-Kanade method (Bouguet 2001); the box moves by the median of their steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

LONG_SIDE_PX = 320
POINTS_PER_SIDE = 5
INNER_SHARE = 0.6
"""Share of the box that is covered with points; its corners show the background."""

LEAST_POINTS = 6


class Follower:
    """Remembers one frame, reduced and grey, and the boxes in it."""

    def __init__(self) -> None:
        self._grey: UInt8 | None = None
        self._size_wh = (0, 0)
        self._boxes: dict[int, Float32] = {}

    def remember(self, picture_rgb: UInt8, boxes_xyxy: Mapping[int, Float32]) -> None:
        """Store a frame (H, W, 3) and the boxes found in it, (4,) pixels each by track id."""
        self._grey = _small_grey(picture_rgb) if boxes_xyxy else None
        self._size_wh = (picture_rgb.shape[1], picture_rgb.shape[0])
        self._boxes = dict(boxes_xyxy)

    def boxes_in(self, picture_rgb: UInt8) -> dict[int, Float32]:
        """The boxes' estimated positions in a frame a moment later; empty if the frame has another size."""
        if self._grey is None or (picture_rgb.shape[1], picture_rgb.shape[0]) != self._size_wh:
            return {}
        later = _small_grey(picture_rgb)
        scale = self._size_wh[0] / later.shape[1]
        return {track_id: _moved(self._grey, later, box, scale) for track_id, box in self._boxes.items()}


def _small_grey(picture_rgb: UInt8) -> UInt8:
    height, width = picture_rgb.shape[:2]
    scale = min(1.0, LONG_SIDE_PX / max(height, width))
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    # The green channel is close enough to brightness and needs no computation.
    return np.asarray(cv2.resize(np.ascontiguousarray(picture_rgb[..., 1]), size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _moved(before: UInt8, after: UInt8, box_xyxy: Float32, scale: float) -> Float32:
    x0, y0, x1, y1 = (float(v) / scale for v in box_xyxy)
    centre, half = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), np.array([x1 - x0, y1 - y0]) / 2 * INNER_SHARE
    steps = np.linspace(-1, 1, POINTS_PER_SIDE)
    points = (centre + np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * half).astype(np.float32)
    found, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points[:, None], None, winSize=(15, 15), maxLevel=2)  # type: ignore[call-overload]
    kept = status.ravel() == 1
    if kept.sum() < LEAST_POINTS:
        return box_xyxy
    step = np.median(found[:, 0][kept] - points[kept], axis=0) * scale
    return np.asarray(box_xyxy + np.tile(step, 2), np.float32)
