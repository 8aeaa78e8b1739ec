"""The pooling is bit-identical with torch's for every size in MTCNN's networks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from screener.faces.pooling import largest_of_windows


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize(("height", "width"), [(22, 22), (9, 9), (46, 46), (21, 21), (8, 8), (215, 382), (12, 5), (3, 4), (3, 3)])
def test_the_numbers_are_those_of_max_pool2d(side: int, height: int, width: int) -> None:
    x = torch.randn(2, 5, height, width, generator=torch.Generator().manual_seed(height)).contiguous(memory_format=torch.channels_last)
    found = largest_of_windows(x, side)
    assert torch.equal(found, F.max_pool2d(x, side, 2, ceil_mode=True))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_what_is_given_stays_as_it_is() -> None:
    x = torch.randn(1, 2, 7, 7)
    before = x.clone()
    largest_of_windows(x, 2)
    largest_of_windows(x, 3)
    assert torch.equal(x, before)
