"""Area averages against PyTorch's own interpolation: bit-identical."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from screener.faces.area import AreaSums

PICTURES = np.random.default_rng(3).integers(0, 256, (2, 61, 83, 3), dtype=np.uint8)
AS_FLOATS = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float()
CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [(61, 83), (37, 50), (12, 13), (2, 1), (61, 1), (60, 82)])
def test_reduced_pictures(size: tuple[int, int]) -> None:
    torch.testing.assert_close(AreaSums(PICTURES, CPU).reduced(*size), interpolate(AS_FLOATS, size=size, mode="area"), rtol=0, atol=0)


def test_crops_smaller_and_larger_than_their_new_size() -> None:
    pictures = torch.tensor([0, 1, 1, 0])
    boxes = torch.tensor([[0, 0, 83, 61], [5, 7, 6, 8], [40, 20, 71, 44], [82, 0, 83, 61]])
    crops = AreaSums(PICTURES, CPU).crops(pictures, boxes, 24)
    for crop, picture, (x0, y0, x1, y1) in zip(crops, pictures, boxes, strict=True):
        expected = interpolate(AS_FLOATS[picture : picture + 1, :, y0:y1, x0:x1], size=(24, 24), mode="area")[0]
        torch.testing.assert_close(crop, expected, rtol=0, atol=0)


def test_no_boxes_no_crops() -> None:
    crops = AreaSums(PICTURES, CPU).crops(torch.zeros(0, dtype=torch.int64), torch.zeros((0, 4), dtype=torch.int64), 24)
    assert crops.shape == (0, 3, 24, 24)


def test_sums_stay_exact_in_bright_and_large_pictures() -> None:
    bright = np.full((1, 1920, 1920, 3), 255, np.uint8)
    assert AreaSums(bright, CPU).reduced(2, 2).unique().tolist() == [255.0]
