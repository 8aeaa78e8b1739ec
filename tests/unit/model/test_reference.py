"""The recompressed copy of a crop, and what a reference may say."""

from __future__ import annotations

import numpy as np
import pytest
from builders import portrait

from screener.model.reference import Reference, recompressed

CROPS = np.stack([portrait(seed, 64) for seed in range(5)])


def test_a_copy_loses_fine_detail_and_keeps_colours() -> None:
    copies = recompressed(CROPS, 20)
    assert copies.shape == CROPS.shape and copies.dtype == np.uint8
    assert np.abs(copies.astype(float) - CROPS).mean() > 1
    # Red stays red: the channels are not exchanged on the way.
    assert np.abs(copies.astype(float).mean((1, 2)) - CROPS.mean((1, 2))).max() < 3
    finer = recompressed(CROPS, 90)
    assert np.abs(finer.astype(float) - CROPS).mean() < np.abs(copies.astype(float) - CROPS).mean()
    assert recompressed(CROPS[:0], 20).shape == (0, 64, 64, 3)


@pytest.mark.parametrize(
    ("quality", "weight", "wrong"),
    [(101, 0.5, "quality"), (-1, 0.0, "quality"), (20, 0.0, "weight"), (0, 0.5, "weight"), (20, 1.1, "weight")],
)
def test_a_copy_has_a_quality_and_a_weight(quality: int, weight: float, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong}: expected"):
        Reference(quality, weight)
    assert Reference(20, 1.0).weight == 1
