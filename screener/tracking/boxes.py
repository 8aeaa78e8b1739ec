"""Pure geometry of boxes: overlap, distance and relative size of every pair. Does not know what the boxes contain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating[Any]]
Float64 = NDArray[np.float64]


def iou_matrix(first_xyxy: Boxes, second_xyxy: Boxes) -> Float64:
    """(N, 4), (M, 4) -> (N, M): intersection over union of each pair, in [0, 1]; 0 if both boxes are empty."""
    first, second = as_boxes(first_xyxy), as_boxes(second_xyxy)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    union = _areas(first)[:, None] + _areas(second)[None] - overlap
    return np.asarray(np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0), np.float64)


def centre_distances(first_xyxy: Boxes, second_xyxy: Boxes) -> Float64:
    """(N, 4), (M, 4) -> (N, M): distance between the centres of each pair, in units of the pair's geometric mean size."""
    first, second = as_boxes(first_xyxy), as_boxes(second_xyxy)
    offset = (first[:, None, :2] + first[:, None, 2:] - second[None, :, :2] - second[None, :, 2:]) / 2
    sizes = np.sqrt(_sizes(first)[:, None] * _sizes(second)[None])
    return np.asarray(np.hypot(offset[..., 0], offset[..., 1]) / sizes, np.float64)


def size_differences(first_xyxy: Boxes, second_xyxy: Boxes) -> Float64:
    """(N, 4), (M, 4) -> (N, M): |log2| of the ratio of the sizes of each pair: 0 for equal sizes, 1 if one is twice the other."""
    ratios = _sizes(as_boxes(first_xyxy))[:, None] / _sizes(as_boxes(second_xyxy))[None]
    return np.asarray(np.abs(np.log2(ratios)), np.float64)


def as_boxes(boxes_xyxy: Boxes) -> Float64:
    """Boxes as an (N, 4) float64 array, N may be 0; raises ValueError for another shape."""
    boxes = np.asarray(boxes_xyxy, np.float64)
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes: expected shape (N, 4), got {boxes.shape}")
    return boxes


def _areas(boxes: Float64) -> Float64:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1), np.float64)


def _sizes(boxes: Float64) -> Float64:
    """Side of the square of the same area, at least one pixel, so that a degenerate box does not cause a division by zero."""
    return np.sqrt(np.maximum(_areas(boxes), 1.0))
