"""float32 weights <-> 8-bit weights with one scale per output channel, and back without drift.

Knows tensors. Does not know which tensors of a network are worth it, nor files.

Symmetric, per output channel, as in Krishnamoorthi 2018, arXiv:1806.08342. Quantising what was dequantised gives the very same numbers, so
a backbone keeps its fingerprint through any number of saves and loads. The largest weight of a channel sets its scale: ending the scale
below it and clipping gained nothing on trained convolutions, and at most two hundredths of the error on random ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST = 127

SMALLEST_SCALE = 2.0**-96
"""Keeps channels of zeros, and of numbers no one could tell from zero, off scale 0."""


def quantise(weights: Tensor) -> tuple[Tensor, Tensor]:
    """(C, ...) finite float32 -> (C, ...) int8 and (C,) float32 scales."""
    rows = weights.detach().reshape(weights.shape[0], -1)
    scale = (rows.abs().amax(1) / LARGEST).clamp_min(SMALLEST_SCALE)
    # Cut to 16 significant bits: times a number of 7 bits that is exact in float32, and so is the way back. Repeated rounding cannot drift.
    scale = (scale.view(torch.int32) & ~0xFF).view(torch.float32)
    rounded = (rows / scale[:, None]).round_().clamp_(-LARGEST, LARGEST)
    return rounded.to(torch.int8).reshape(weights.shape), scale


def dequantise(quantised: Tensor, scale: Tensor) -> Tensor:
    """(C, ...) int8 and (C,) float32 scales -> (C, ...) float32."""
    # In two steps: multiplying int8 by float32 in one is half as fast.
    return quantised.to(torch.float32).mul_(scale.reshape(-1, *[1] * (quantised.dim() - 1)))
