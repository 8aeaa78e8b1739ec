"""The weights of a network: which names, shapes and values are valid, and the fingerprint of a backbone.

Knows tensors and architectures. Does not know files, contracts or how weights are stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

from screener.errors import CheckpointError
from screener.model.architecture import Architecture
from screener.model.copies import BACKBONE, NO_COPIES, Copies
from screener.model.network import Network
from screener.model.widening import repeated

HEAD = "head."

UNSTORED = "num_batches_tracked"
"""Batch norm's counter, which affects no result; a state may be loaded without it."""

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Name -> safetensors' type ("F32", "F16" or "I8") and shape."""


def empty_network(architecture: Architecture, copies: Copies = NO_COPIES) -> Network:
    """A network with each distinct channel once, with shapes but no memory for its weights."""
    backbone, head = copies.narrowed(architecture)
    with torch.device("meta"):
        return Network(backbone, head=head)


@cache
def expected_shapes(architecture: Architecture, copies: Copies = NO_COPIES) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that a state must have."""
    state = empty_network(architecture, copies).state_dict()
    return {name: tuple(t.shape) for name, t in state.items() if not name.endswith(UNSTORED)}


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


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Name -> shape."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def require_values(name: str, tensor: Tensor) -> None:
    """Raise CheckpointError unless all values of a float32 tensor are finite, and those of a variance not negative."""
    if not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(f"tensor {name}: holds NaN or infinite values, {int((~torch.isfinite(tensor)).sum())} of {tensor.numel()}")
    if name.endswith("running_var") and bool((tensor < 0).any()):
        raise CheckpointError(f"tensor {name}: holds a negative variance")


def weights_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's state -> its weights as float32 on the CPU, without batch norm's counters. Raises CheckpointError for other types."""
    weights = {}
    for name, tensor in state.items():
        if name.endswith(UNSTORED):
            continue
        if not tensor.is_floating_point():
            raise CheckpointError(f"tensor {name}: expected floating point, got {tensor.dtype}")
        weights[name] = tensor.detach().to("cpu", torch.float32).contiguous()
    return weights


def backbone_fingerprint(state: Mapping[str, Tensor], copies: Copies = NO_COPIES) -> str:
    """SHA-256 over the names, shapes and float32 values of the `backbone.` tensors, in the order of their names, with all copies expanded.

    So it identifies the backbone, however its file stores it. copies: how often each channel of `state` occurs. Computed on the values as
    read back: storing a state in 8 bits changes its fingerprint.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        if name.startswith(BACKBONE) and not name.endswith(UNSTORED):
            values = repeated(state[name].detach().to("cpu", torch.float32), *copies.of(name)).contiguous()
            digest.update(f"{name} {tuple(values.shape)}\n".encode())
            digest.update(values.numpy().astype("<f4", copy=False).data)
    return digest.hexdigest()
