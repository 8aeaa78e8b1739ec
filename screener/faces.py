"""Frames -> face boxes, with facenet-pytorch's MTCNN; the only importer of `facenet_pytorch`.

Knows pictures and boxes. Does not know people, time, or what is done with a face. A further detector is one class with the methods of
`FaceDetector` and one line in `DETECTORS`.

Source: Zhang et al. 2016, Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, arXiv:1604.02878; the
weights are those that ship inside facenet-pytorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from screener.records import FaceBox

LONG_SIDE_PX = 640
"""Pictures are reduced to this long side for the first look."""

SECOND_LOOK_LONG_SIDE_PX = 1920
"""Long side for the second look, at frames in which the first found nothing."""

MIN_FACE_PX = 20
"""Smallest face searched for, pixels of the reduced picture."""


class FaceDetector(Protocol):
    """What the pipeline needs of a face detector."""

    name: str

    def detect(self, picture_rgb: NDArray[np.uint8]) -> list[FaceBox]:
        """Every face of an (H, W, 3) uint8 picture, in pixels of that picture, the most confident first; an empty list if none."""
        ...

    def contract(self) -> dict[str, Any]:
        """The settings that change which boxes come out; stored in checkpoints."""
        ...


class MtcnnDetector:
    """MTCNN on a reduced picture, and once more on a finer one when nothing was found."""

    name = "mtcnn"

    def __init__(self, device: torch.device | str = "cpu", long_side_px: int = LONG_SIDE_PX, confidence_threshold: float = 0.9) -> None:
        with warnings.catch_warnings():
            # facenet-pytorch unpickles its own weights and warns about it on newer PyTorch.
            warnings.simplefilter("ignore")
            from facenet_pytorch import MTCNN

            self._mtcnn = MTCNN(keep_all=True, device=torch.device(device), min_face_size=MIN_FACE_PX, post_process=False).eval()
        self._long_side_px = long_side_px
        self._confidence_threshold = confidence_threshold
        for network in (self._mtcnn.pnet, self._mtcnn.rnet, self._mtcnn.onet):
            network.to(memory_format=torch.channels_last)
            network.register_forward_pre_hook(_to_channels_last)

    def contract(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "long_side_px": self._long_side_px,
            "second_look_long_side_px": SECOND_LOOK_LONG_SIDE_PX,
            "min_face_px": MIN_FACE_PX,
            "stage_thresholds": [float(v) for v in self._mtcnn.thresholds],
            "confidence_threshold": self._confidence_threshold,
        }

    def detect(self, picture_rgb: NDArray[np.uint8]) -> list[FaceBox]:
        picture_rgb = as_rgb(picture_rgb)
        found = self._look(picture_rgb, self._long_side_px)
        if not found and max(picture_rgb.shape[:2]) > self._long_side_px:
            found = self._look(picture_rgb, SECOND_LOOK_LONG_SIDE_PX)
        return found

    def _look(self, picture_rgb: NDArray[np.uint8], long_side_px: int) -> list[FaceBox]:
        height, width = picture_rgb.shape[:2]
        scale = min(1.0, long_side_px / max(height, width))
        small = picture_rgb
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            small = np.asarray(cv2.resize(picture_rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        # MTCNN's first network needs 12 pixels of a face of MIN_FACE_PX; below that its image pyramid is empty and it fails.
        if min(small.shape[:2]) < MIN_FACE_PX:
            return []
        back_xy = np.array([width / small.shape[1], height / small.shape[0]], np.float32)
        with torch.inference_mode():
            boxes, confidences, landmarks = self._mtcnn.detect(small, landmarks=True)
        if boxes is None:
            return []
        return [
            FaceBox(np.asarray(box, np.float32) * np.tile(back_xy, 2), float(confidence), np.asarray(points, np.float32) * back_xy)
            for box, confidence, points in sorted(zip(boxes, confidences, landmarks, strict=True), key=lambda item: -float(item[1]))
            if confidence is not None and float(confidence) >= self._confidence_threshold and _is_sound(box)
        ]


DETECTORS: dict[str, Callable[..., FaceDetector]] = {"mtcnn": MtcnnDetector}
"""Every face detector by name; each takes `device`."""


def as_rgb(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Any picture array -> (H, W, 3) uint8: gray is repeated, alpha dropped, 16 bit reduced to 8, other types clipped."""
    array = np.asarray(picture)
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif array.dtype != np.uint8:
        array = np.clip(np.nan_to_num(array.astype(np.float32)), 0, 255).astype(np.uint8)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ValueError(f"picture: expected (H, W), (H, W, 1 to 4) with at least one pixel, got {array.shape}")
    if array.shape[2] in (1, 2):
        array = np.repeat(array[..., :1], 3, axis=2)
    return np.ascontiguousarray(array[..., :3])


def _is_sound(box: NDArray[Any]) -> bool:
    x0, y0, x1, y1 = (float(v) for v in box)
    return all(np.isfinite((x0, y0, x1, y1))) and x1 - x0 >= 1 and y1 - y0 >= 1


def _to_channels_last(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Same numbers, about a third faster on CPU: MTCNN hands its networks pictures in the slow memory order."""
    return tuple(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs)
