"""Pictures as the network in training takes them: the arithmetic of a scan, on tensors.

Knows the contract's normalisation. Does not know what the pictures are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from screener.model.preprocessing import Preprocessing


def prepare(pictures: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> normalised (N, 3, S, S) float32, channels last: `preprocessing.normalise` for tensors."""
    rules = Preprocessing()
    mean = torch.tensor(rules.mean_rgb, device=pictures.device) * 255
    std = torch.tensor(rules.std_rgb, device=pictures.device) * 255
    return ((pictures.float() - mean) / std).permute(0, 3, 1, 2)
