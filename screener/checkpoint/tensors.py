"""The weights of a network as they lie in a file: which names, shapes and types are right, and the fingerprint of a backbone.

Knows tensors and architectures. Does not know files or contracts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import torch
from torch import Tensor

from screener.errors import CheckpointError
from screener.model.network import Architecture, Network

BACKBONE = "backbone."
HEAD = "head."
SCALE = ".scale"
"""What follows the name of an 8-bit tensor in the name of its scales."""

UNSTORED = "num_batches_tracked"
"""Batch norm's counter: it matters to no result, and loading a state without it is allowed."""

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Name -> type as safetensors calls it ("F32" or "I8") and shape."""


def empty_network(architecture: Architecture) -> Network:
    """A network without memory for its weights: shapes only, made in no time."""
    with torch.device("meta"):
        return Network(architecture)


@cache
def expected_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor that a state must have."""
    return {name: tuple(t.shape) for name, t in empty_network(architecture).state_dict().items() if not name.endswith(UNSTORED)}


def require_shapes(actual: Mapping[str, tuple[int, ...]], architecture: Architecture) -> None:
    """Raise CheckpointError unless `actual` has the names and shapes of the architecture, no more and no less."""
    expected = expected_shapes(architecture)
    kind = f"architecture {architecture.name!r}"
    if missing := sorted(expected.keys() - actual.keys()):
        raise CheckpointError(f"tensor {missing[0]}: missing, but {kind} needs it ({len(missing)} missing in all)")
    if extra := sorted(actual.keys() - expected.keys()):
        raise CheckpointError(f"tensor {extra[0]!r}: {kind} has no such tensor ({len(extra)} unknown in all)")
    for name, shape in expected.items():
        if actual[name] != shape:
            raise CheckpointError(f"tensor {name}: expected shape {shape} for {kind}, got {actual[name]}")


def require_values(name: str, tensor: Tensor) -> None:
    """Raise CheckpointError unless all values of a float32 tensor are finite, and those of a variance not negative."""
    if not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(f"tensor {name}: holds NaN or infinite values, {int((~torch.isfinite(tensor)).sum())} of {tensor.numel()}")
    if name.endswith("running_var") and bool((tensor < 0).any()):
        raise CheckpointError(f"tensor {name}: holds a negative variance")


def require_layout(layout: Layout, architecture: Architecture) -> None:
    """Raise CheckpointError unless the stored tensors are those of the architecture: float32, or 8-bit convolutions beside their scales."""
    scales = set()
    for name, (dtype, shape) in layout.items():
        if dtype == "I8" and len(shape) == 4:
            scales.add(name + SCALE)
            if layout.get(name + SCALE) != ("F32", shape[:1]):
                raise CheckpointError(f"tensor {name + SCALE!r}: expected F32 of shape {shape[:1]}, got {layout.get(name + SCALE, 'none')}")
        elif dtype != "F32":
            raise CheckpointError(f"tensor {name!r}: expected F32, or I8 for the weights of a convolution, got {dtype} of shape {shape}")
    require_shapes({name: shape for name, (_, shape) in layout.items() if name not in scales}, architecture)


def weights_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's state -> its weights as float32 on the CPU, without batch norm's counters; raises CheckpointError for other types."""
    weights = {}
    for name, tensor in state.items():
        if name.endswith(UNSTORED):
            continue
        if not tensor.is_floating_point():
            raise CheckpointError(f"tensor {name}: expected floating point, got {tensor.dtype}")
        weights[name] = tensor.detach().to("cpu", torch.float32).contiguous()
    return weights


def to_stored(state: Mapping[str, Tensor], architecture: Architecture, quantised: bool) -> dict[str, Tensor]:
    """A network's state -> the tensors of a file; raises CheckpointError when the state is not that of the architecture or not finite."""
    weights = weights_of(state)
    require_shapes({name: tuple(tensor.shape) for name, tensor in weights.items()}, architecture)
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        require_values(name, tensor)
        if quantised and tensor.dim() == 4:
            stored[name], stored[name + SCALE] = quantise(tensor)
        else:
            stored[name] = tensor
    return stored


def from_stored(names: Iterable[str], get: Callable[[str], Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a file whose layout is right -> float32 tensors in memory of their own; raises CheckpointError when a value is not finite.

    names: all stored names. get: name -> stored tensor; asked for one after another, so that only one is in memory twice.
    """
    known = set(names)
    scales = {name + SCALE for name in known} & known
    state: dict[str, Tensor] = {}
    for name in sorted(known - scales):
        if not name.startswith(prefix):
            continue
        if name + SCALE in scales:
            scale = get(name + SCALE)
            # Times 128, so that no 8-bit number can become infinite either.
            require_values(name + SCALE, scale * 128)
            if not bool((scale > 0).all()):
                raise CheckpointError(f"tensor {name + SCALE}: expected scales above 0, got {float(scale.min()):g}")
            state[name] = dequantise(get(name), scale)
        else:
            # A copy: what safetensors gives may still lie in the file, which can change or vanish.
            state[name] = get(name).clone()
            require_values(name, state[name])
    return state


def backbone_fingerprint(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over the names, shapes and float32 values of the `backbone.` tensors, in the order of their names.

    Of the values as they are read back: a state that is about to be stored in 8 bits has another fingerprint before than after.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        if name.startswith(BACKBONE) and not name.endswith(UNSTORED):
            values = state[name].detach().to("cpu", torch.float32).contiguous()
            digest.update(f"{name} {tuple(values.shape)}\n".encode())
            digest.update(values.numpy().astype("<f4", copy=False).data)
    return digest.hexdigest()


# float32 weights <-> 8-bit weights with one scale per output channel, symmetric, as in Krishnamoorthi 2018, arXiv:1806.08342.
# Quantising what was dequantised gives the very same numbers, so a backbone keeps its fingerprint through any number of saves and loads.
# The largest weight of a channel sets its scale: ending the scale below it and clipping gained nothing on trained convolutions, and at
# most two hundredths of the error on random ones.


LARGEST = 127

SMALLEST_SCALE = 2.0**-96
"""Keeps channels of zeros, and of numbers no one could tell from zero, off scale 0."""


def quantise(weights: Tensor) -> tuple[Tensor, Tensor]:
    """(C, ...) finite float32 -> (C, ...) int8 and (C,) float32 scales."""
    rows = weights.detach().reshape(weights.shape[0], -1)
    scale = (rows.abs().amax(1) / LARGEST).clamp_min(SMALLEST_SCALE)
    # Cut to 16 significant bits: times a number of 7 bits that is exact in float32, and so is the way back. Repeated rounding cannot drift.
    scale = (scale.view(torch.int32) & ~0xFF).view(torch.float32)
    rounded = (rows / scale[:, None]).round_().clamp_(-LARGEST, LARGEST)
    return rounded.to(torch.int8).reshape(weights.shape), scale


def dequantise(quantised: Tensor, scale: Tensor) -> Tensor:
    """(C, ...) int8 and (C,) float32 scales -> (C, ...) float32."""
    # In two steps: multiplying int8 by float32 in one is half as fast.
    return quantised.to(torch.float32).mul_(scale.reshape(-1, *[1] * (quantised.dim() - 1)))
