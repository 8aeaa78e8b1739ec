"""The fingerprint of a backbone."""

from __future__ import annotations

import torch
from torch import Tensor

from screener.checkpoint import backbone_fingerprint


def test_fingerprint_sees_names_shapes_values_and_only_the_backbone(state: dict[str, Tensor]) -> None:
    original = backbone_fingerprint(state)
    name = "backbone.conv1.weight"
    assert backbone_fingerprint({**state, "head.fc.bias": torch.ones(2)}) == original
    assert backbone_fingerprint(dict(reversed(state.items()))) == original
    assert backbone_fingerprint({**state, name: state[name].contiguous(memory_format=torch.channels_last)}) == original
    assert backbone_fingerprint({**state, name: state[name] + 1e-3}) != original
    assert backbone_fingerprint({**state, name: state[name].flatten()}) != original
    assert backbone_fingerprint({**state, "backbone.more": torch.ones(1)}) != original
