"""Area averages against PyTorch's own interpolation, on the processor and on PyTorch's devices: bit-identical."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from screener.faces import area, torch_area

PICTURES = np.random.default_rng(3).integers(0, 256, (2, 61, 83, 3), dtype=np.uint8)
AS_FLOATS = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float()
CPU = torch.device("cpu")


def on_processor(pictures: np.ndarray, height: int, width: int) -> Tensor:
    return torch.from_numpy(np.stack([area.AreaSums(picture).reduced(height, width) for picture in pictures])).permute(0, 3, 1, 2)


def on_device(pictures: np.ndarray, height: int, width: int) -> Tensor:
    return torch_area.AreaSums(pictures, CPU).reduced(height, width)


def cut_on_processor(numbers: list[int], boxes: list[list[int]], side: int) -> Tensor:
    crops = [area.AreaSums(PICTURES[n]).crops(np.array([box]), side) for n, box in zip(numbers, boxes, strict=True)]
    return torch.from_numpy(np.concatenate(crops)).permute(0, 3, 1, 2)


def cut_on_device(numbers: list[int], boxes: list[list[int]], side: int) -> Tensor:
    return torch_area.AreaSums(PICTURES, CPU).crops(torch.tensor(numbers), torch.tensor(boxes), side)


@pytest.mark.parametrize("size", [(61, 83), (37, 50), (12, 13), (2, 1), (61, 1), (60, 82)])
@pytest.mark.parametrize("reduced", [on_processor, on_device])
def test_reduced_pictures(reduced: Callable[..., Tensor], size: tuple[int, int]) -> None:
    torch.testing.assert_close(reduced(PICTURES, *size), interpolate(AS_FLOATS, size=size, mode="area"), rtol=0, atol=0)


@pytest.mark.parametrize("cut", [cut_on_processor, cut_on_device])
def test_crops_smaller_and_larger_than_their_new_size(cut: Callable[..., Tensor]) -> None:
    numbers, boxes = [0, 1, 1, 0], [[0, 0, 83, 61], [5, 7, 6, 8], [40, 20, 71, 44], [82, 0, 83, 61]]
    for crop, picture, (x0, y0, x1, y1) in zip(cut(numbers, boxes, 24), numbers, boxes, strict=True):
        expected = interpolate(AS_FLOATS[picture : picture + 1, :, y0:y1, x0:x1], size=(24, 24), mode="area")[0]
        torch.testing.assert_close(crop, expected, rtol=0, atol=0)


def test_no_boxes_no_crops() -> None:
    assert area.AreaSums(PICTURES[0]).crops(np.zeros((0, 4), np.int64), 24).shape == (0, 24, 24, 3)
    none = torch.zeros(0, dtype=torch.int64), torch.zeros((0, 4), dtype=torch.int64)
    assert torch_area.AreaSums(PICTURES, CPU).crops(*none, 24).shape == (0, 3, 24, 24)


@pytest.mark.parametrize("reduced", [on_processor, on_device])
def test_sums_stay_exact_in_bright_and_large_pictures(reduced: Callable[..., Tensor]) -> None:
    bright = np.full((1, 1920, 1920, 3), 255, np.uint8)
    assert reduced(bright, 2, 2).unique().tolist() == [255.0]
