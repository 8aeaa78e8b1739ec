"""Runs MTCNN's three networks on a device of PyTorch, a batch of pictures at a time: what `cascade` does on the processor.

All scales are launched before any result is awaited. Does not know files, records or what is done with a face.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from screener.faces.candidates import (
    CELL_PX,
    FOLLOWED_IOU,
    REFINED_SIDE,
    SAME_FACE_IOU,
    SAME_SCALE_IOU,
    SETTLED_SIDE,
    STRIDE_PX,
    Found,
    Rules,
    reduced_size,
    surest,
)  # fmt: skip
from screener.faces.networks import load_networks
from screener.faces.torch_area import AreaSums


class TorchCascade:
    """The three networks on a device of PyTorch. Has no state, so several threads may use it at once."""

    def __init__(self, rules: Rules, device: torch.device | str) -> None:
        """Raises DeviceError if the networks' file is missing or broken."""
        self._rules = rules
        self._propose, self._refine, self._settle = load_networks(device)
        self._device = torch.device(device)

    def find(self, pictures_rgb: NDArray[np.uint8]) -> list[Found]:
        """See `RunsNetworks.find`."""
        with torch.inference_mode():
            sums = AreaSums(pictures_rgb, self._device)
            pictures, boxes = self._proposals(sums, len(pictures_rgb), self._rules.scales(sums.height, sums.width), SAME_FACE_IOU)
            pictures, boxes = self._refined(sums, pictures, boxes)
            return _by_picture(*self._settled(sums, pictures, boxes), len(pictures_rgb))

    def follow(self, picture_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.float32]) -> Found:
        """See `RunsNetworks.follow`."""
        with torch.inference_mode():
            sums = AreaSums(picture_rgb[None], self._device)
            _, large = self._proposals(sums, 1, self._rules.coarse_scales(sums.height, sums.width), FOLLOWED_IOU)
            boxes = torch.cat([_squares(torch.from_numpy(np.asarray(boxes_xyxy, np.float32)).to(self._device)), large])
            pictures = torch.zeros(len(boxes), dtype=torch.int64, device=self._device)
            return _by_picture(*self._settled(sums, *self._refined(sums, pictures, boxes)), 1)[0]

    def _proposals(self, sums: AreaSums, count: int, scales: tuple[float, ...], most_iou: float) -> tuple[Tensor, Tensor]:
        """Candidates of these scales, overlapping by at most `most_iou`: picture indices (K,), square boxes (K, 4).

        All scales are launched before any result is awaited.
        """
        if not scales:
            return torch.zeros(0, dtype=torch.int64, device=self._device), torch.zeros((0, 4), device=self._device)
        grids = [self._proposed(sums.reduced(*reduced_size(sums.height, sums.width, scale))) for scale in scales]
        corners, scale_numbers = _cells(scales, tuple(tuple(grid.shape[2:]) for grid in grids), self._device)
        answers = torch.cat([grid.permute(0, 2, 3, 1).reshape(count, -1, grid.shape[1]) for grid in grids], 1)
        certainties = answers[..., 0]
        pictures, cells = torch.nonzero(certainties >= self._rules.thresholds[0], as_tuple=True)
        boxes, certainties, shifts = corners[cells], certainties[pictures, cells], answers[pictures, cells, 1:]
        kept = batched_nms(boxes, certainties, pictures * len(scales) + scale_numbers[cells], SAME_SCALE_IOU)
        kept = kept[batched_nms(boxes[kept], certainties[kept], pictures[kept], most_iou)]
        boxes, shifts = boxes[kept], shifts[kept]
        sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        return pictures[kept], _squares(boxes + shifts * sides)

    def _proposed(self, pictures: Tensor) -> Tensor:
        """(N, 3, h, w) pixels -> PNet's certainty and regressions, (N, 5, h', w')."""
        shifts, certainties = self._propose(_normalised(pictures))
        return torch.cat([certainties[:, 1:], shifts], 1)

    def _refined(self, sums: AreaSums, pictures: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        pictures, boxes, crops = _cut(sums, pictures, boxes, REFINED_SIDE)
        if not len(boxes):
            return pictures, boxes
        shifts, certainties = self._refine(crops)
        sure = _where(certainties[:, 1] > self._rules.thresholds[1])
        pictures, boxes, shifts, certainties = pictures[sure], boxes[sure], shifts[sure], certainties[sure, 1]
        kept = batched_nms(boxes, certainties, pictures, SAME_FACE_IOU)
        return pictures[kept], _squares(_shifted(boxes[kept], shifts[kept]))

    def _settled(self, sums: AreaSums, pictures: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Picture indices (n,), boxes (n, 4), confidences (n,), landmarks (n, 5, 2). A face that was found twice is still in it twice."""
        pictures, boxes, crops = _cut(sums, pictures, boxes, SETTLED_SIDE)
        if not len(boxes):
            return pictures, boxes, boxes[:, 0], boxes.new_zeros((0, 5, 2))
        shifts, points, certainties = self._settle(crops)
        sure = _where(certainties[:, 1] > self._rules.thresholds[2])
        pictures, boxes, shifts, points, certainties = pictures[sure], boxes[sure], shifts[sure], points[sure], certainties[sure, 1]
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        landmarks = points.view(-1, 2, 5).permute(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        return pictures, _shifted(boxes, shifts), certainties, landmarks


def _where(true: Tensor) -> Tensor:
    """Indices of the true elements, computed once: on a GPU each selection by a mask waits for the device."""
    return torch.nonzero(true).squeeze(1)


@lru_cache(maxsize=16)
def _cells(scales: tuple[float, ...], sizes: tuple[tuple[int, int], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """The picture area that each output of PNet covers, scale by scale, row by row: boxes (C, 4), and index of the scale (C,)."""
    corners = []
    for scale, (rows, columns) in zip(scales, sizes, strict=True):
        row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        cell = torch.stack([column, row], 2).view(-1, 2).float() * STRIDE_PX
        corners.append(torch.cat([((cell + 1) / scale).floor(), ((cell + CELL_PX) / scale).floor()], 1))
    numbers = torch.arange(len(scales)).repeat_interleave(torch.tensor([len(part) for part in corners]))
    return torch.cat(corners).to(device), numbers.to(device)


def _normalised(pictures: Tensor) -> Tensor:
    return (pictures - 127.5) * 0.0078125


def _cut(sums: AreaSums, pictures: Tensor, boxes: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """The part of each box inside the picture, normalised and resized to (side, side). Boxes without such a part are dropped."""
    whole = boxes.trunc().long()
    starts = whole[:, :2].clamp(min=1) - 1
    ends = torch.minimum(whole[:, 2:], torch.tensor([sums.width, sums.height], device=boxes.device))
    inside = _where((ends > starts).all(1))
    pictures, boxes, cells = pictures[inside], boxes[inside], torch.cat([starts, ends], 1)[inside]
    return pictures, boxes, _normalised(sums.crops(pictures, cells, side))


def _shifted(boxes: Tensor, shifts: Tensor) -> Tensor:
    """Boxes moved by a network's regression output, in units of their sides (inclusive of the last pixel)."""
    return boxes + shifts * (boxes[:, 2:] - boxes[:, :2] + 1).repeat(1, 2)


def _squares(boxes: Tensor) -> Tensor:
    """The square with the longer side of each box around its centre."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.amax(1, keepdim=True)
    starts = boxes[:, :2] + sides * 0.5 - longer * 0.5
    return torch.cat([starts, starts + longer], 1)


def _by_picture(pictures: Tensor, boxes: Tensor, certainties: Tensor, landmarks: Tensor, count: int) -> list[Found]:
    """Group by picture, and keep only the most confident of boxes that lie mostly within each other."""
    values = torch.cat([pictures[:, None].to(boxes), boxes, certainties[:, None], landmarks.flatten(1)], 1).cpu().numpy()
    of_each = [values[values[:, 0] == picture] for picture in range(count)]
    return [surest(Found(own[:, 1:5], own[:, 5], own[:, 6:].reshape(-1, 5, 2))) for own in of_each]
