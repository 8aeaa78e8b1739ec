"""Values that weights may have, and the fingerprint of a backbone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from screener.checkpoint import backbone_fingerprint
from screener.checkpoint.tensors import as_array, require_values, weights_of
from screener.errors import CheckpointError


def test_tensors_and_arrays_of_every_precision_become_float32() -> None:
    values = [0.5, -1.25, 3.0]
    given = {str(dtype): torch.tensor(values, dtype=dtype) for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
    given |= {f"array {dtype}": np.array(values, dtype) for dtype in ("f2", "f4", "f8")}
    read = weights_of({**given, "bn.num_batches_tracked": torch.tensor(3)})
    assert read.keys() == given.keys()
    for name, array in read.items():
        assert array.dtype == np.float32 and array.tolist() == values, name
    assert as_array(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
    with pytest.raises(CheckpointError, match=r"tensor steps: expected floating point, got torch\.int64"):
        weights_of({"steps": torch.tensor([1])})


def test_values_that_are_no_numbers_are_counted() -> None:
    require_values("fc.weight", np.array([1.0, -2.0], np.float32))
    with pytest.raises(CheckpointError, match=r"^tensor fc\.weight: holds NaN or infinite values, 1 of 3$"):
        require_values("fc.weight", np.array([1.0, np.nan, 2.0], np.float32))
    require_values("bn.running_var", np.array([0.0, 2.0], np.float32))
    with pytest.raises(CheckpointError, match=r"^tensor bn\.running_var: holds a negative variance$"):
        require_values("bn.running_var", np.array([1.0, -1e-9], np.float32))


def test_fingerprint_sees_names_shapes_values_and_only_the_backbone(state: dict[str, Tensor]) -> None:
    original = backbone_fingerprint(state)
    name = "backbone.conv1.weight"
    assert backbone_fingerprint({**state, "head.fc.bias": torch.ones(2)}) == original
    assert backbone_fingerprint(dict(reversed(state.items()))) == original
    assert backbone_fingerprint({**state, name: state[name].contiguous(memory_format=torch.channels_last)}) == original
    assert (
        backbone_fingerprint({key: values.double() if values.is_floating_point() else values for key, values in state.items()}) == original
    )
    assert backbone_fingerprint({**state, name: state[name] + 1e-3}) != original
    assert backbone_fingerprint({**state, name: state[name].flatten()}) != original
    assert backbone_fingerprint({**state, "backbone.more": torch.ones(1)}) != original
