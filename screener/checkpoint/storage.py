"""How tensors are stored: as float32, as float16, or in 8 bits with a scale for each output channel.

Knows tensors and the names of convolutions. Does not know architectures, files or contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from screener.checkpoint.tensors import HEAD, Layout, require_values
from screener.errors import CheckpointError

SCALE = ".scale"
"""Suffix, after the name of an 8-bit tensor, of the name of its scales."""

STORAGES: dict[str, Callable[[str], str]] = {
    "float32": lambda name: "float32",
    "float16": lambda name: "float16",
    "int8": lambda name: "int8",
    "mixed": lambda name: "int8" if name.startswith(HEAD) else "float16",
}
"""Name of a convolution -> how its weights are stored. Everything else is float32: it is small, and batch norm's variances need
the range.
"""

DEFAULT_STORAGE = "mixed"
"""8 bits affect scores least in `layer4`, which has most of the weights; see `scripts/measure_quantisation.py`."""

Storage = str | Mapping[str, str]
"""A key of STORAGES, or `float32`, `float16` or `int8` for each convolution by name, with DEFAULT_STORAGE for the others."""


def to_stored(weights: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """float32 weights -> the tensors of a file. Raises CheckpointError if a value is not finite."""
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        require_values(name, tensor)
        stored |= _WRITERS[_kind_of(name, tensor, storage)](name, tensor)
    return stored


def from_stored(stored: Mapping[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a file whose layout was checked -> float32 tensors. Raises CheckpointError if a value is not finite."""
    scales = {name + SCALE for name in stored} & stored.keys()
    state: dict[str, Tensor] = {}
    for name in sorted(stored.keys() - scales):
        if not name.startswith(prefix):
            continue
        if name + SCALE in scales:
            scale = stored[name + SCALE]
            # Ensures that no 8-bit number becomes infinite either.
            require_values(name + SCALE, scale * ABOVE_LARGEST)
            if not bool((scale > 0).all()):
                raise CheckpointError(f"tensor {name + SCALE}: expected scales above 0, got {float(scale.min()):g}")
            state[name] = dequantise(stored[name], scale)
        else:
            state[name] = stored[name].float()
            require_values(name, state[name])
    return state


def named_shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights in a file. Raises CheckpointError for types and scales that `from_stored` cannot read."""
    scales = set()
    for name, (dtype, shape) in layout.items():
        if dtype == "I8" and len(shape) == 4:
            scales.add(name + SCALE)
            if layout.get(name + SCALE) != ("F32", shape[:1]):
                raise CheckpointError(f"tensor {name + SCALE!r}: expected F32 of shape {shape[:1]}, got {layout.get(name + SCALE, 'none')}")
        elif dtype not in ("F32", "F16"):
            raise CheckpointError(
                f"tensor {name!r}: expected F32 or F16, or I8 for the weights of a convolution, got {dtype} of shape {shape}"
            )
    return {name: shape for name, (_, shape) in layout.items() if name not in scales}


def exact_storage(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """For each convolution the smallest storage that restores its exact values."""
    return {
        name: next((kind for kind in ("int8", "float16") if _is_exact(kind, name, tensor)), "float32")
        for name, tensor in weights.items()
        if tensor.dim() == 4
    }


def _is_exact(kind: str, name: str, tensor: Tensor) -> bool:
    """Bit by bit, because a fingerprint depends on the sign of a zero."""
    back = from_stored(_WRITERS[kind](name, tensor))[name]
    return torch.equal(back.view(torch.int32), tensor.view(torch.int32))


def _kind_of(name: str, tensor: Tensor, storage: Storage) -> str:
    if tensor.dim() != 4:
        return "float32"
    return STORAGES[storage](name) if isinstance(storage, str) else storage.get(name) or STORAGES[DEFAULT_STORAGE](name)


def _as_float16(name: str, tensor: Tensor) -> dict[str, Tensor]:
    half = tensor.half()
    return {name: half if bool(torch.isfinite(half).all()) else tensor}


def _as_int8(name: str, tensor: Tensor) -> dict[str, Tensor]:
    values, scale = quantise(tensor)
    return {name: values, name + SCALE: scale} if bool(torch.isfinite(scale * ABOVE_LARGEST).all()) else {name: tensor}


_WRITERS: dict[str, Callable[[str, Tensor], dict[str, Tensor]]] = {
    "float32": lambda name, tensor: {name: tensor},
    "float16": _as_float16,
    "int8": _as_int8,
}


# float32 weights <-> 8-bit weights with one scale per output channel, symmetric, as in Krishnamoorthi 2018, arXiv:1806.08342.
# Quantising dequantised weights gives the same numbers, so a backbone keeps its fingerprint through any number of saves and loads.
# The largest weight of a channel sets its scale: a smaller scale with clipping gained nothing on trained convolutions, and at most two
# hundredths of the error on random ones.


LARGEST, ABOVE_LARGEST = 127, 128

SMALLEST_SCALE = 2.0**-96
"""Keeps the scale of channels that are zero, or practically zero, above 0."""


def quantise(weights: Tensor) -> tuple[Tensor, Tensor]:
    """(C, ...) finite float32 -> (C, ...) int8 and (C,) float32 scales."""
    rows = weights.detach().reshape(weights.shape[0], -1)
    scale = (rows.abs().amax(1) / LARGEST).clamp_min(SMALLEST_SCALE)
    # Cut to 16 significant bits, so that the product with a 7-bit number is exact in float32, and so is the way back: repeated rounding
    # cannot drift.
    scale = (scale.view(torch.int32) & ~0xFF).view(torch.float32)
    rounded = (rows / scale[:, None]).round_().clamp_(-LARGEST, LARGEST)
    return rounded.to(torch.int8).reshape(weights.shape), scale


def dequantise(quantised: Tensor, scale: Tensor) -> Tensor:
    """(C, ...) int8 and (C,) float32 scales -> (C, ...) float32."""
    # In two steps, because multiplying int8 by float32 in one is half as fast.
    return quantised.to(torch.float32).mul_(scale.reshape(-1, *[1] * (quantised.dim() - 1)))
