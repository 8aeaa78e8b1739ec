"""Non-maximum suppression, by torchvision's own kernel, without importing torchvision, which takes a second.

Knows boxes. Does not know what they hold.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LIBRARY_SUFFIXES = (".so", ".pyd", ".dylib")


def surest_of_groups(boxes_xyxy: Tensor, certainties: Tensor, groups: Tensor, most_iou: float) -> Tensor:
    """Indices, the surest first, of the boxes (n, 4) that overlap no surer one of their group (n,) by more than `most_iou`.

    As `torchvision.ops.batched_nms` does it: groups are moved so far apart that they cannot meet.
    """
    if not len(boxes_xyxy):
        return torch.zeros(0, dtype=torch.int64, device=boxes_xyxy.device)
    apart = groups.to(boxes_xyxy) * (boxes_xyxy.max() + 1)
    kept: Tensor = _kernel()(boxes_xyxy + apart[:, None], certainties, most_iou)
    return kept


@cache
def _kernel() -> Any:
    """torchvision registers it with PyTorch when its library is loaded, by whomever."""
    found = importlib.util.find_spec("torchvision")  # finds the package without importing it
    for folder in (found.submodule_search_locations or ()) if found else ():
        for library in sorted(Path(folder).glob("_C*")):
            if library.suffix in LIBRARY_SUFFIXES:
                try:
                    torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
                    return torch.ops.torchvision.nms.default
                except (OSError, AttributeError, RuntimeError):
                    break
    from torchvision.ops import nms  # laid out differently: the long way

    return nms
