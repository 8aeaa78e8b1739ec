"""`area.AreaSums` for a batch of pictures on a device of PyTorch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class AreaSums:
    """Summed-area tables of a batch of pictures of one size."""

    def __init__(self, pictures_rgb: NDArray[np.uint8], device: torch.device) -> None:
        """pictures_rgb: (N, H, W, 3) uint8. Sums are exact up to 8 million pixels."""
        self._count, self.height, self.width = pictures_rgb.shape[:3]
        pictures = torch.from_numpy(np.ascontiguousarray(pictures_rgb)).to(device, torch.int32)
        table = torch.zeros((self._count, self.height + 1, self.width + 1, 3), dtype=torch.int32, device=device)
        table[:, 1:, 1:] = pictures.cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32)
        self._table = table

    def reduced(self, height: int, width: int) -> Tensor:
        """Every picture resized: (N, 3, height, width) float32, 0 to 255, channels last in memory."""
        device = self._table.device
        (top, bottom), (left, right) = _edges_of(self.height, height, device), _edges_of(self.width, width, device)
        rows = self._table.index_select(1, bottom).sub_(self._table.index_select(1, top))
        sums = rows.index_select(2, right).sub_(rows.index_select(2, left))
        return _means(sums, bottom - top, right - left)

    def crops(self, pictures: Tensor, boxes_xyxy: Tensor, side: int) -> Tensor:
        """Rectangles of pictures, resized to (side, side): (K, 3, side, side) float32, channels last in memory.

        pictures: (K,) index of the picture. boxes_xyxy: (K, 4) whole pixels inside it, right and bottom exclusive, not empty.
        """
        x0, y0, x1, y1 = boxes_xyxy.unbind(1)
        top, bottom = _edges(y1 - y0, side)
        left, right = _edges(x1 - x0, side)
        top, bottom, left, right = top + y0[:, None], bottom + y0[:, None], left + x0[:, None], right + x0[:, None]
        flat = self._table.view(-1, 3)
        stride = self.width + 1
        start = (pictures * (self.height + 1))[:, None]

        def corners(rows: Tensor, columns: Tensor) -> Tensor:
            index = ((start + rows) * stride)[:, :, None] + columns[:, None, :]
            return flat.index_select(0, index.flatten()).view(-1, side, side, 3)

        sums = corners(bottom, right).sub_(corners(top, right)).sub_(corners(bottom, left)).add_(corners(top, left))
        return _means(sums, bottom - top, right - left)


def _means(sums: Tensor, heights: Tensor, widths: Tensor) -> Tensor:
    """(N, h, w, 3) sums over cells of (h,) or (N, h) by (w,) or (N, w) pixels -> (N, 3, h, w) float32 means, channels last in memory."""
    rows = sums.float().flatten(2)  # in long rows: dividing only three numbers at a time takes several times as long
    rows.div_(heights[..., None]).div_(widths.float().repeat_interleave(3, -1)[..., None, :])
    return rows.view(sums.shape).permute(0, 3, 1, 2)


@lru_cache(maxsize=256)
def _edges_of(length: int, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """`_edges` for one length; cached, because all frames of a video have the same size."""
    return _edges(torch.tensor(length, device=device), count)


def _edges(length: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """First pixel and end of each of `count` cells over `length` pixels; cells overlap if they do not divide it evenly.

    length: () or (K,) integers -> two tensors of (count,) or (K, count).
    """
    cells = torch.arange(count, device=length.device)
    length = length[..., None]
    return cells * length // count, -(-(cells + 1) * length // count)
