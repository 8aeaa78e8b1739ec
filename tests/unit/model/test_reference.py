"""The recompressed copy of a crop, and what a reference may say."""

from __future__ import annotations

import numpy as np
import pytest
from builders import portrait

from screener.model.reference import Reference, recompressed

CROPS = np.stack([portrait(seed, 64) for seed in range(5)])


def test_a_copy_loses_fine_detail_and_keeps_colours() -> None:
    copies = recompressed(CROPS, Reference(20, 0.5))
    assert copies.shape == CROPS.shape and copies.dtype == np.uint8
    assert np.abs(copies.astype(float) - CROPS).mean() > 1
    # Red stays red: the channels are not exchanged on the way.
    assert np.abs(copies.astype(float).mean((1, 2)) - CROPS.mean((1, 2))).max() < 3
    finer = recompressed(CROPS, Reference(90, 0.5))
    assert np.abs(finer.astype(float) - CROPS).mean() < np.abs(copies.astype(float) - CROPS).mean()


def test_a_copy_is_shrunk_after_it_was_recompressed() -> None:
    whole, shrunk = (recompressed(CROPS, Reference(20, 0.5, side)) for side in (0, 32))
    assert shrunk.shape == (5, 32, 32, 3)
    means_of_four = whole.astype(float).reshape(5, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(shrunk - means_of_four).max() <= 1


@pytest.mark.parametrize(
    ("quality", "weight", "side", "wrong"),
    [
        *[(101, 0.5, 0, "quality"), (-1, 0.0, 0, "quality"), (20, 0.0, 0, "weight"), (0, 0.5, 0, "weight"), (20, 1.1, 0, "weight")],
        *[(0, 0.0, 112, "side"), (20, 0.5, 100, "side"), (20, 0.5, 16, "side"), (20, 0.5, 1040, "side")],
    ],
)
def test_a_copy_has_a_quality_a_weight_and_a_side(quality: int, weight: float, side: int, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{wrong}: expected"):
        Reference(quality, weight, side)
    assert Reference(20, 1.0, 112).copy_in_words == "its copy as JPEG of quality 20, shrunk to 112 pixels"
