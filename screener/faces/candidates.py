"""What MTCNN's steps have in common, whatever runs its networks: scales, thresholds, and which of several boxes of one face is kept.

Source: Zhang et al. 2016, Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, arXiv:1604.02878.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CELL_PX, STRIDE_PX = 12, 2
"""Receptive field and stride of PNet, in pixels of the reduced picture."""

SAME_SCALE_IOU, SAME_FACE_IOU = 0.5, 0.7
FOLLOWED_IOU = 0.45
"""Of candidates that overlap by more than these, only the most confident one goes on: at one scale, at all scales, and where faces are
followed, which needs fewer because the earlier positions are candidates too.
"""

REFINED_SIDE, SETTLED_SIDE = 24, 48
"""Input sides of RNet and ONet."""


@dataclass(frozen=True)
class Found:
    """The faces of one picture. boxes_xyxy: (n, 4) float32, pixels. confidences: (n,) float32. landmarks_xy: (n, 5, 2) float32."""

    boxes_xyxy: NDArray[np.float32]
    confidences: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]


@dataclass(frozen=True)
class Rules:
    """thresholds: minimum confidence after each network. factor: between consecutive scales. min_face_px: smallest face searched for.
    finest: number of the finest scales, which cost three quarters of all, that are left out where faces are followed.
    """

    thresholds: tuple[float, float, float]
    factor: float
    min_face_px: int
    finest: int = 2

    def scales(self, height: int, width: int) -> tuple[float, ...]:
        """From the one at which the smallest face fills a cell to the one at which the whole picture does."""
        first = CELL_PX / self.min_face_px
        count = 1 + math.floor(math.log(CELL_PX / (min(height, width) * first)) / math.log(self.factor) + 1e-9)
        return tuple(first * self.factor**n for n in range(max(0, count)))

    def coarse_scales(self, height: int, width: int) -> tuple[float, ...]:
        """Those of `scales` at which large faces are found."""
        return self.scales(height, width)[self.finest :]


class RunsNetworks(Protocol):
    """The three networks, ready to run, from several threads at once."""

    def find(self, pictures_rgb: NDArray[np.uint8]) -> list[Found]:
        """The faces in each of a batch of pictures of one size, (N, H, W, 3) uint8, with sides of at least `Rules.min_face_px`."""
        ...

    def follow(self, picture_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.float32]) -> Found:
        """The faces of one picture (H, W, 3) near their positions a moment ago, boxes (n, 4), and large ones anywhere."""
        ...


def reduced_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Of the picture at a scale, pixels."""
    return int(height * scale + 1), int(width * scale + 1)


def surest(found: Found) -> Found:
    """Without the boxes that share more than SAME_FACE_IOU of the smaller area with a more confident one; most confident first."""
    boxes = found.boxes_xyxy
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    areas = sides.prod(1)
    left = np.argsort(found.confidences, kind="stable")[::-1]
    kept = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        overlap = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2]) + 1
        shared = np.maximum(overlap, 0).prod(1) / np.minimum(areas[best], areas[left])
        left = left[shared <= SAME_FACE_IOU]
    return Found(boxes[kept], found.confidences[kept], found.landmarks_xy[kept])
