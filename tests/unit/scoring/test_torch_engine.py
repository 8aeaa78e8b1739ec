"""Normalisation on the device is bit-identical with `preprocessing.normalise`."""

from __future__ import annotations

import numpy as np
import torch

from screener.model.preprocessing import Preprocessing, normalise
from screener.scoring import Normalisation


def test_every_level_of_every_channel_comes_out_alike() -> None:
    levels = np.arange(256, dtype=np.uint8)
    crops = np.stack(
        [np.broadcast_to(levels.reshape(16, 16, 1), (16, 16, 3)), np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)]
    )
    for contract in (Preprocessing(), Preprocessing(mean_rgb=(0.1, 0.5, 0.9), std_rgb=(0.3, 0.01, 1.0))):
        found = Normalisation(contract)(torch.from_numpy(crops))
        assert np.array_equal(found.numpy(), normalise(crops, contract))
        assert found.is_contiguous(memory_format=torch.channels_last)
