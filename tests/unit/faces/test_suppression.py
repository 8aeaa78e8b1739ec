"""Non-maximum suppression against torchvision's, whichever way its kernel is reached."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import torch
from torchvision.ops import batched_nms

from screener.faces import suppression
from screener.faces.suppression import surest_of_groups


def boxes(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand((count, 2), generator=generator) * 60
    sides = 5 + torch.rand((count, 2), generator=generator) * 40
    certainties = torch.rand(count, generator=generator)
    return torch.cat([corners, corners + sides], 1), certainties, torch.randint(0, 3, (count,), generator=generator)


@pytest.mark.parametrize("count", [0, 1, 7, 300])
@pytest.mark.parametrize("most_iou", [0.3, 0.7])
def test_the_same_boxes_in_the_same_order(count: int, most_iou: float) -> None:
    assert surest_of_groups(*boxes(count), most_iou).tolist() == batched_nms(*boxes(count), most_iou).tolist()


def test_without_the_library_it_is_imported_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    suppression._kernel.cache_clear()
    assert surest_of_groups(*boxes(50), 0.5).tolist() == batched_nms(*boxes(50), 0.5).tolist()
    suppression._kernel.cache_clear()


def test_finding_faces_imports_none_of_the_slow_libraries() -> None:
    """Torchvision alone takes over a second; in a process of its own, for here they are loaded already."""
    code = (
        "import sys, numpy as np; from screener.scanning.screener import Screener; from screener.faces import MtcnnDetector;"
        "MtcnnDetector().detect(np.zeros((64, 64, 3), np.uint8));"
        "print([name for name in ('torchvision', 'facenet_pytorch', 'torch._dynamo', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
