"""Max pooling with stride 2, as in MTCNN.

Equals `torch.nn.functional.max_pool2d(..., stride=2, ceil_mode=True)`, which on a CPU spends most of its time recording the positions of
the maxima. Does not know the networks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def largest_of_windows(x: Tensor, side: int) -> Tensor:
    """(N, C, h, w) -> (N, C, h', w'), channels last in memory; windows of 2 x 2 or 3 x 3, of which the last may reach past the edge."""
    if x.device.type != "cpu":
        return F.max_pool2d(x, side, 2, ceil_mode=True)
    return _along(_along(x.permute(0, 2, 3, 1), 1, side), 2, side).permute(0, 3, 1, 2)


def _along(x: Tensor, dimension: int, side: int) -> Tensor:
    """Max pooling along one dimension."""
    even, odd = (_every_other(x, dimension, first) for first in (0, 1))
    pairs = odd.shape[dimension]
    if side == 2 and pairs < even.shape[dimension]:
        found = even.clone()
        _raise(found, odd, dimension, pairs)
        return found
    found = torch.maximum(even.narrow(dimension, 0, pairs), odd)
    if side == 3:
        thirds = min(pairs, even.shape[dimension] - 1)
        _raise(found, even.narrow(dimension, 1, thirds), dimension, thirds)
    return found


def _every_other(x: Tensor, dimension: int, first: int) -> Tensor:
    return x[:, first::2] if dimension == 1 else x[:, :, first::2]


def _raise(values: Tensor, others: Tensor, dimension: int, count: int) -> None:
    """Replace the first `count` values by those of `others` that are larger, in place."""
    begin = values.narrow(dimension, 0, count)
    torch.maximum(begin, others, out=begin)
