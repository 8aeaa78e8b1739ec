"""The weights of a network: which names, shapes and values are valid, and the fingerprint of a backbone.

Knows arrays and architectures; PyTorch's tensors are accepted and never needed, so that a checkpoint is read without it. Does not know
files, contracts or how weights are stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import CheckpointError
from screener.model.architecture import Architecture, tensor_shapes
from screener.model.copies import BACKBONE, NO_COPIES, Copies

HEAD = "head."

FLOATING = ("float", "bfloat")
"""Beginnings of the names of floating-point types."""

UNSTORED = "num_batches_tracked"
"""Batch norm's counter, which affects no result; a state may be loaded without it."""

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Name -> safetensors' type ("F32", "F16" or "I8") and shape."""


Array = NDArray[Any]


def as_array(values: Any) -> Array:
    """An array, or a tensor of PyTorch on any device, as an array, contiguous in memory; without a copy where that can be."""
    return np.ascontiguousarray(values if isinstance(values, np.ndarray) else values.detach().cpu().numpy())


@cache
def expected_shapes(architecture: Architecture, copies: Copies = NO_COPIES) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that a state must have."""
    return tensor_shapes(*copies.narrowed(architecture))


def require_shapes(actual: Mapping[str, tuple[int, ...]], architecture: Architecture, copies: Copies = NO_COPIES) -> None:
    """Raise CheckpointError unless `actual` has exactly the names and shapes of the architecture."""
    expected = expected_shapes(architecture, copies)
    kind = f"architecture {architecture.name!r}" + (" with each distinct channel once" if copies != NO_COPIES else "")
    if missing := sorted(expected.keys() - actual.keys()):
        raise CheckpointError(f"tensor {missing[0]}: missing, but {kind} needs it ({len(missing)} missing in all)")
    if extra := sorted(actual.keys() - expected.keys()):
        raise CheckpointError(f"tensor {extra[0]!r}: {kind} has no such tensor ({len(extra)} unknown in all)")
    for name, shape in expected.items():
        if actual[name] != shape:
            raise CheckpointError(f"tensor {name}: expected shape {shape} for {kind}, got {actual[name]}")


def shapes_of(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape."""
    return {name: tuple(values.shape) for name, values in state.items()}


def require_values(name: str, values: Any) -> None:
    """Raise CheckpointError unless all of the float32 values are finite, and those of a variance not negative."""
    array = as_array(values)
    if not (sound := np.isfinite(array)).all():
        raise CheckpointError(f"tensor {name}: holds NaN or infinite values, {int((~sound).sum())} of {array.size}")
    if name.endswith("running_var") and (array < 0).any():
        raise CheckpointError(f"tensor {name}: holds a negative variance")


def weights_of(state: Mapping[str, Any]) -> dict[str, Array]:
    """A network's state -> its weights as float32, without batch norm's counters. Raises CheckpointError for other types."""
    weights = {}
    for name, values in state.items():
        if name.endswith(UNSTORED):
            continue
        if not str(values.dtype).removeprefix("torch.").startswith(FLOATING):
            raise CheckpointError(f"tensor {name}: expected floating point, got {values.dtype}")
        weights[name] = as_array(values if isinstance(values, np.ndarray) else values.float()).astype(np.float32, copy=False)
    return weights


def backbone_fingerprint(state: Mapping[str, Any], copies: Copies = NO_COPIES) -> str:
    """SHA-256 over the names, shapes and float32 values of the `backbone.` tensors, in the order of their names, with all copies expanded.

    So it identifies the backbone, however its file stores it. copies: how often each channel of `state` occurs. Computed on the values as
    read back: storing a state in 8 bits changes its fingerprint.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        if name.startswith(BACKBONE) and not name.endswith(UNSTORED):
            values = _repeated(as_array(state[name]).astype(np.float32, copy=False), *copies.of(name))
            digest.update(f"{name} {tuple(values.shape)}\n".encode())
            digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()


def _repeated(values: Array, written: int, read: int) -> Array:
    """`widening.repeated`, bit by bit, of an array."""
    if values.ndim and written > 1:
        values = np.repeat(values, written, 0)
    if values.ndim > 1 and read > 1:
        values = np.repeat(values, read, 1) / np.float32(read)
    return values
