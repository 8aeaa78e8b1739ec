"""MTCNN on a reduced picture, and again on a less reduced one if it found nothing.

`cascade` runs the networks on the processor, `torch_cascade` on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.faces.candidates import Found, Rules, RunsNetworks
from screener.faces.cascade import Cascade
from screener.faces.detector import as_rgb
from screener.records import FaceBox

LONG_SIDE_PX = 640
"""Pictures are first reduced to this long side."""

SECOND_LOOK_LONG_SIDE_PX = 1920
"""Long side for the second search, if the first found nothing."""

MIN_FACE_PX = 20
"""Smallest face searched for, in pixels of the reduced picture."""

COARSE_FACE_PX = 28
"""Smallest face, in pixels of the reduced picture, that is surely found without the finest scales (`scripts/measure_following.py`)."""

STAGE_THRESHOLDS = (0.6, 0.7, 0.7)
SCALE_FACTOR = 0.709
"""Between consecutive scales, as published and as in facenet-pytorch."""

RULES = Rules(STAGE_THRESHOLDS, SCALE_FACTOR, MIN_FACE_PX)

PICTURES_AT_ONCE = {"cpu": 1, "cuda": 16, "mps": 8}
"""Batch size by device: one picture keeps the cores of a CPU busy, but not a GPU."""


class MtcnnDetector:
    """Zhang et al. 2016, with the published weights."""

    name = "mtcnn"

    def __init__(self, device: object = "cpu", long_side_px: int = LONG_SIDE_PX, confidence_threshold: float = 0.9) -> None:
        """device: a name or a device of PyTorch. Raises DeviceError if the networks' file is missing or broken."""
        kind = str(device).partition(":")[0]
        self._cascade = Cascade(RULES) if kind == "cpu" else _on_gpu(device)
        self._long_side_px = long_side_px
        self._confidence_threshold = confidence_threshold
        self.pictures_at_once = PICTURES_AT_ONCE.get(kind, 1)

    def contract(self) -> dict[str, Any]:
        """See `FaceDetector.contract`."""
        return {
            "name": self.name,
            "long_side_px": self._long_side_px,
            "second_look_long_side_px": SECOND_LOOK_LONG_SIDE_PX,
            "min_face_px": MIN_FACE_PX,
            "stage_thresholds": list(STAGE_THRESHOLDS),
            "confidence_threshold": self._confidence_threshold,
        }

    def detect(self, picture_rgb: NDArray[np.uint8]) -> list[FaceBox]:
        """See `FaceDetector.detect`."""
        return self.detect_all([picture_rgb])[0]

    def detect_all(self, pictures_rgb: Sequence[NDArray[np.uint8]]) -> list[list[FaceBox]]:
        """See `FaceDetector.detect_all`: on reduced pictures, and again on less reduced ones where nothing was found."""
        pictures = [as_rgb(picture) for picture in pictures_rgb]
        found = self._look(pictures, self._long_side_px)
        again = [n for n, boxes in enumerate(found) if not boxes and max(pictures[n].shape[:2]) > self._long_side_px]
        for n, boxes in zip(again, self._look([pictures[n] for n in again], SECOND_LOOK_LONG_SIDE_PX), strict=True):
            found[n] = boxes
        return found

    def follow(self, picture_rgb: NDArray[np.uint8], faces: Sequence[FaceBox]) -> list[FaceBox]:
        """See `FaceDetector.follow`: without the finest scales, and with the earlier positions as candidates."""
        picture = as_rgb(picture_rgb)
        small = _reduced(picture, self._long_side_px)
        if not faces or min(small.shape[:2]) < MIN_FACE_PX:
            return []
        there_xy = np.array([small.shape[1] / picture.shape[1], small.shape[0] / picture.shape[0]], np.float32)
        boxes = np.stack([face.box_xyxy for face in faces]) * np.tile(there_xy, 2)
        return self._boxes(self._cascade.follow(small, boxes), picture.shape, small.shape)

    def is_small(self, face: FaceBox, size_wh: tuple[int, int]) -> bool:
        """See `FaceDetector.is_small`."""
        return face.size_px * min(1.0, self._long_side_px / max(size_wh)) < COARSE_FACE_PX

    def _look(self, pictures: list[NDArray[np.uint8]], long_side_px: int) -> list[list[FaceBox]]:
        """Search pictures, batched by size."""
        found: list[list[FaceBox]] = [[] for _ in pictures]
        reduced = [_reduced(picture, long_side_px) for picture in pictures]
        sizes: dict[tuple[int, ...], list[int]] = {}
        for n, small in enumerate(reduced):
            # PNet needs 12 pixels of a face of MIN_FACE_PX; a smaller picture contains nothing to find.
            if min(small.shape[:2]) >= MIN_FACE_PX:
                sizes.setdefault(small.shape, []).append(n)
        for numbers in sizes.values():
            for start in range(0, len(numbers), self.pictures_at_once):
                group = numbers[start : start + self.pictures_at_once]
                for n, faces in zip(group, self._cascade.find(np.stack([reduced[n] for n in group])), strict=True):
                    found[n] = self._boxes(faces, pictures[n].shape, reduced[n].shape)
        return found

    def _boxes(self, faces: Found, full_hw: tuple[int, ...], small_hw: tuple[int, ...]) -> list[FaceBox]:
        """In pixels of the full-size picture, most confident first, without those below the threshold and degenerate boxes."""
        back_xy = np.array([full_hw[1] / small_hw[1], full_hw[0] / small_hw[0]], np.float32)
        return [
            FaceBox(faces.boxes_xyxy[n] * np.tile(back_xy, 2), float(faces.confidences[n]), faces.landmarks_xy[n] * back_xy)
            for n in np.argsort(-faces.confidences, kind="stable")
            if float(faces.confidences[n]) >= self._confidence_threshold and _is_sound(faces.boxes_xyxy[n])
        ]


def _on_gpu(device: Any) -> RunsNetworks:
    from screener.faces.torch_cascade import TorchCascade  # which loads PyTorch

    return TorchCascade(RULES, device)


def _reduced(picture_rgb: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    height, width = picture_rgb.shape[:2]
    scale = min(1.0, long_side_px / max(height, width))
    if scale == 1:
        return picture_rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _is_sound(box: NDArray[Any]) -> bool:
    x0, y0, x1, y1 = (float(v) for v in box)
    return all(np.isfinite((x0, y0, x1, y1))) and x1 - x0 >= 1 and y1 - y0 >= 1
