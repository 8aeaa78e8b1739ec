"""Runs MTCNN's three networks on a batch of pictures: PNet proposes boxes at every scale, RNet refines them, ONet gives final boxes and
landmarks.

The networks and weights are those of facenet-pytorch, unchanged. The steps between them are implemented here, because facenet-pytorch
spends most of its time there: it averages pixels anew for every scale and cuts out candidates one by one. The boxes equal its boxes up to
rounding, which a test checks. Does not know files, records or what is done with a face.

Source: Zhang et al. 2016, Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, arXiv:1604.02878.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from screener.faces.area import AreaSums
from screener.faces.pooling import largest_of_windows

CELL_PX, STRIDE_PX = 12, 2
"""Receptive field and stride of PNet, in pixels of the reduced picture."""

SAME_SCALE_IOU, SAME_FACE_IOU = 0.5, 0.7
REFINED_SIDE, SETTLED_SIDE = 24, 48
PART, PART_ELSEWHERE = 24, 512
"""Batch size of candidates: on the CPU, and on other devices."""

LANES = 16
"""Channels are padded to a multiple of this, which CPUs process together."""


@dataclass(frozen=True)
class Found:
    """The faces of one picture. boxes_xyxy: (n, 4) float32, pixels. confidences: (n,) float32. landmarks_xy: (n, 5, 2) float32."""

    boxes_xyxy: NDArray[np.float32]
    confidences: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]


class Cascade:
    """The three networks, prepared for a device. Has no state, so several threads may use it at once."""

    def __init__(
        self, proposing: nn.Module, refining: nn.Module, settling: nn.Module, thresholds: Sequence[float], factor: float, min_face_px: int
    ) -> None:
        """thresholds: minimum confidence after each network. factor: between consecutive scales. min_face_px: smallest face
        searched for.
        """
        self._propose = _Proposing(proposing)
        self._refine, self._settle = (network.to(memory_format=torch.channels_last) for network in (refining, settling))
        self._thresholds = tuple(float(value) for value in thresholds)
        self._factor, self._min_face_px = factor, min_face_px
        self._device = next(proposing.parameters()).device

    def find(self, pictures_rgb: NDArray[np.uint8]) -> list[Found]:
        """The faces in each of a batch of pictures of one size, (N, H, W, 3) uint8, with sides of at least `min_face_px`."""
        with torch.inference_mode():
            sums = AreaSums(pictures_rgb, self._device)
            pictures, boxes = self._proposals(sums, len(pictures_rgb))
            pictures, boxes = self._refined(sums, pictures, boxes)
            return _by_picture(*self._settled(sums, pictures, boxes), len(pictures_rgb))

    def follow(self, picture_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.float32]) -> Found:
        """The faces of one picture (H, W, 3) near their positions a moment ago, boxes (n, 4); the picture pyramid is not searched."""
        with torch.inference_mode():
            sums = AreaSums(picture_rgb[None], self._device)
            boxes = _squares(torch.from_numpy(np.asarray(boxes_xyxy, np.float32)).to(self._device))
            pictures = torch.zeros(len(boxes), dtype=torch.int64, device=self._device)
            return _by_picture(*self._settled(sums, *self._refined(sums, pictures, boxes)), 1)[0]

    def scales(self, height: int, width: int) -> list[float]:
        """Scales from the one at which the smallest face fills a cell to the one at which the whole picture does."""
        first = CELL_PX / self._min_face_px
        count = 1 + math.floor(math.log(CELL_PX / (min(height, width) * first)) / math.log(self._factor) + 1e-9)
        return [first * self._factor**n for n in range(max(0, count))]

    def _proposals(self, sums: AreaSums, count: int) -> tuple[Tensor, Tensor]:
        """Candidates of all scales: picture indices (K,), square boxes (K, 4). All scales are launched before any result is awaited."""
        scales = tuple(self.scales(sums.height, sums.width))
        if not scales:
            return torch.zeros(0, dtype=torch.int64, device=self._device), torch.zeros((0, 4), device=self._device)
        grids = [self._propose(_normalised(sums.reduced(*_reduced_size(sums, scale)))) for scale in scales]
        corners, scale_numbers = _cells(scales, tuple(tuple(grid.shape[2:]) for grid in grids), self._device)
        answers = torch.cat([grid.permute(0, 2, 3, 1).reshape(count, -1, grid.shape[1]) for grid in grids], 1)
        # The softmax of two values is the sigmoid of their difference.
        certainties = torch.sigmoid(answers[..., 1] - answers[..., 0])
        pictures, cells = torch.nonzero(certainties >= self._thresholds[0], as_tuple=True)
        boxes, certainties, shifts = corners[cells], certainties[pictures, cells], answers[pictures, cells, 2:]
        kept = batched_nms(boxes, certainties, pictures * len(scales) + scale_numbers[cells], SAME_SCALE_IOU)
        kept = kept[batched_nms(boxes[kept], certainties[kept], pictures[kept], SAME_FACE_IOU)]
        boxes, shifts = boxes[kept], shifts[kept]
        sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        return pictures[kept], _squares(boxes + shifts * sides)

    def _refined(self, sums: AreaSums, pictures: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        pictures, boxes, crops = _cut(sums, pictures, boxes, REFINED_SIDE)
        if not len(boxes):
            return pictures, boxes
        shifts, certainties = _in_parts(self._refine, crops)
        sure = _where(certainties[:, 1] > self._thresholds[1])
        pictures, boxes, shifts, certainties = pictures[sure], boxes[sure], shifts[sure], certainties[sure, 1]
        kept = batched_nms(boxes, certainties, pictures, SAME_FACE_IOU)
        return pictures[kept], _squares(_shifted(boxes[kept], shifts[kept]))

    def _settled(self, sums: AreaSums, pictures: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Picture indices (n,), boxes (n, 4), confidences (n,), landmarks (n, 5, 2). A face that was found twice is still in it twice."""
        pictures, boxes, crops = _cut(sums, pictures, boxes, SETTLED_SIDE)
        if not len(boxes):
            return pictures, boxes, boxes[:, 0], boxes.new_zeros((0, 5, 2))
        shifts, points, certainties = _in_parts(self._settle, crops)
        sure = _where(certainties[:, 1] > self._thresholds[2])
        pictures, boxes, shifts, points, certainties = pictures[sure], boxes[sure], shifts[sure], points[sure], certainties[sure, 1]
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        landmarks = points.view(-1, 2, 5).permute(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        return pictures, _shifted(boxes, shifts), certainties, landmarks


class _Proposing:
    """PNet with its channels padded with zeros and its two outputs computed by one convolution: (N, 3, h, w) -> (N, 6, h', w')."""

    def __init__(self, network: nn.Module) -> None:
        weights = {name: parameter.detach() for name, parameter in network.named_parameters()}
        layers = [(weights[f"conv{n}.weight"], weights[f"conv{n}.bias"], weights[f"prelu{n}.weight"]) for n in (1, 2, 3)]
        width = -(-len(layers[0][1]) // LANES) * LANES
        self._first, self._second, self._third = (
            (_filled(kernel, (outputs, inputs)), _filled(bias, (outputs,)), _filled(slopes, (outputs,)))
            for (kernel, bias, slopes), outputs, inputs in zip(
                layers, (width, len(layers[1][1]), len(layers[2][1])), (3, width, len(layers[1][1])), strict=True
            )
        )
        kernel, bias = (torch.cat([weights[f"conv4_{n}.{name}"] for n in (1, 2)]) for name in ("weight", "bias"))
        self._answer = _filled(kernel, (LANES, kernel.shape[1])), _filled(bias, (LANES,))
        self._answers = len(bias)

    def __call__(self, pictures: Tensor) -> Tensor:
        weight, bias, slopes = self._first
        x = F.prelu(F.conv2d(pictures, weight, bias), slopes)
        x = largest_of_windows(x, 2)
        for weight, bias, slopes in (self._second, self._third):
            x = F.prelu(F.conv2d(x, weight, bias), slopes)
        return F.conv2d(x, *self._answer)[:, : self._answers]


def _filled(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """The tensor padded with zeros at the end of its first dimensions to this shape."""
    filled = tensor.new_zeros((*shape, *tensor.shape[len(shape) :]))
    filled[tuple(slice(0, side) for side in tensor.shape)] = tensor
    return filled.contiguous(memory_format=torch.channels_last) if filled.dim() == 4 else filled


def _in_parts(network: nn.Module, crops: Tensor) -> tuple[Tensor, ...]:
    """Run the network on crops; on the CPU in parts that fit into the cache and reuse memory, elsewhere all at once."""
    size = PART if crops.device.type == "cpu" else PART_ELSEWHERE
    answers = [network(part) for part in torch.split(crops, size)]
    return tuple(torch.cat(parts) for parts in zip(*answers, strict=True))


def _where(true: Tensor) -> Tensor:
    """Indices of the true elements, computed once: on a GPU each selection by a mask waits for the device."""
    return torch.nonzero(true).squeeze(1)


def _reduced_size(sums: AreaSums, scale: float) -> tuple[int, int]:
    return int(sums.height * scale + 1), int(sums.width * scale + 1)


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
    which, boxes_xyxy, confidences, landmarks_xy = values[:, 0], values[:, 1:5], values[:, 5], values[:, 6:].reshape(-1, 5, 2)
    found = []
    for picture in range(count):
        own = np.flatnonzero(which == picture)
        own = own[_surest(boxes_xyxy[own], confidences[own])]
        found.append(Found(boxes_xyxy[own], confidences[own], landmarks_xy[own]))
    return found


def _surest(boxes: NDArray[np.float32], certainties: NDArray[np.float32]) -> list[int]:
    """Indices, most confident first, of the boxes that share at most SAME_FACE_IOU of the smaller area with any more confident box."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    areas = sides.prod(1)
    left = np.argsort(certainties, kind="stable")[::-1]
    kept = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        overlap = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2]) + 1
        shared = np.maximum(overlap, 0).prod(1) / np.minimum(areas[best], areas[left])
        left = left[shared <= SAME_FACE_IOU]
    return kept


# Non-maximum suppression with torchvision's kernel, without importing torchvision, which takes a second.


LIBRARY_SUFFIXES = (".so", ".pyd", ".dylib")


def batched_nms(boxes_xyxy: Tensor, certainties: Tensor, groups: Tensor, most_iou: float) -> Tensor:
    """Indices, most confident first, of the boxes (n, 4) that overlap no more confident box of their group (n,) by more than `most_iou`.

    Like `torchvision.ops.batched_nms`: groups are moved so far apart that their boxes cannot overlap.
    """
    if not len(boxes_xyxy):
        return torch.zeros(0, dtype=torch.int64, device=boxes_xyxy.device)
    apart = groups.to(boxes_xyxy) * (boxes_xyxy.max() + 1)
    kept: Tensor = _kernel()(boxes_xyxy + apart[:, None], certainties, most_iou)
    return kept


@cache
def _kernel() -> Any:
    """The kernel, which torchvision registers with PyTorch when its library is loaded."""
    found = importlib.util.find_spec("torchvision")  # locates the package without importing it
    for folder in (found.submodule_search_locations or ()) if found else ():
        for library in sorted(Path(folder).glob("_C*")):
            if library.suffix in LIBRARY_SUFFIXES:
                try:
                    torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
                    return torch.ops.torchvision.nms.default
                except (OSError, AttributeError, RuntimeError):
                    break
    from torchvision.ops import nms  # unknown package layout: import it after all

    return nms
