"""Pictures of the training have the arithmetic of scanning."""

from __future__ import annotations

import numpy as np
import torch

from screener.model.preprocessing import Preprocessing, normalise
from screener.training.preparing import prepare


def test_preparing_is_the_arithmetic_of_scanning() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    prepared = prepare(torch.from_numpy(pictures))
    assert np.allclose(prepared.numpy(), normalise(pictures, Preprocessing()), atol=1e-5)
    assert prepared.is_contiguous(memory_format=torch.channels_last)
