"""Averages over rectangles of a picture, all from one summed-area table: how MTCNN makes its picture pyramid and its crops.

The results equal those of `torch.nn.functional.interpolate(mode="area")` bit by bit: sums of bytes are exact, and the divisions are the
same. Does not know faces. Source: Crow 1984, Summed-area tables for texture mapping.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

PIXEL = np.dtype("V12")
"""Three sums as one item, because NumPy would copy number by number."""


class AreaSums:
    """The summed-area table of a picture."""

    def __init__(self, picture_rgb: NDArray[np.uint8]) -> None:
        """picture_rgb: (H, W, 3) uint8. Sums are exact up to 8 million pixels."""
        self.height, self.width = picture_rgb.shape[:2]
        self._table = np.asarray(cv2.integral(picture_rgb), np.int32).view(PIXEL)[..., 0]

    def reduced(self, height: int, width: int) -> Float32:
        """The picture resized: (height, width, 3) float32, 0 to 255."""
        (top, bottom), (left, right) = _edges_of(self.height, height), _edges_of(self.width, width)
        rows = _numbers(self._table[bottom]) - _numbers(self._table[top])
        columns = rows.view(PIXEL)[..., 0]
        sums = _numbers(np.take(columns, right, 1)) - _numbers(np.take(columns, left, 1))
        return _means(sums, bottom - top, right - left)

    def crops(self, boxes_xyxy: Int64, side: int) -> Float32:
        """Rectangles of the picture, resized to (side, side): (K, side, side, 3) float32.

        boxes_xyxy: (K, 4) whole pixels inside it, right and bottom exclusive, not empty.
        """
        x0, y0, x1, y1 = boxes_xyxy.T
        top, bottom = (edge + y0[:, None] for edge in _edges(y1 - y0, side))
        left, right = (edge + x0[:, None] for edge in _edges(x1 - x0, side))
        flat, stride = self._table.reshape(-1), self.width + 1

        def corners(rows: Int64, columns: Int64) -> NDArray[np.int32]:
            return _numbers(np.take(flat, rows[:, :, None] * stride + columns[:, None, :]))

        sums = corners(bottom, right)
        sums -= corners(top, right)
        sums -= corners(bottom, left)
        sums += corners(top, left)
        return _means(sums, bottom - top, right - left)


def _numbers(pixels: NDArray[Any]) -> NDArray[np.int32]:
    """(...) pixels -> (..., 3) sums."""
    return pixels[..., None].view(np.int32)


def _means(sums: NDArray[np.int32], heights: Int64, widths: Int64) -> Float32:
    """(..., h, w, 3) sums over cells of (..., h) by (..., w) pixels -> their means as float32."""
    rows = sums.astype(np.float32).reshape(*sums.shape[:-2], 3 * sums.shape[-2])  # long rows, for dividing three numbers at a time is slow
    rows /= heights[..., None].astype(np.float32)
    rows /= np.repeat(widths.astype(np.float32), 3, -1)[..., None, :]
    return rows.reshape(sums.shape)


@lru_cache(maxsize=256)
def _edges_of(length: int, count: int) -> tuple[Int64, Int64]:
    """`_edges` for one length; cached, because all frames of a video have the same size."""
    return _edges(np.int64(length), count)


def _edges(length: Int64 | np.int64, count: int) -> tuple[Int64, Int64]:
    """First pixel and end of each of `count` cells over `length` pixels; cells overlap if they do not divide it evenly.

    length: () or (K,) integers -> two arrays of (count,) or (K, count).
    """
    cells = np.arange(count)
    length = np.asarray(length)[..., None]
    return cells * length // count, -(-(cells + 1) * length // count)
