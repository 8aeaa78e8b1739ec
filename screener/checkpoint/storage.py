"""How weights are stored: as float32, as float16, or in 8 bits with a scale for each output channel.

Knows arrays and the names of convolutions. Does not know architectures, files or contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from screener.checkpoint.tensors import HEAD, Array, Layout, as_array, require_values
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


def to_stored(weights: Mapping[str, Any], storage: Storage) -> dict[str, Array]:
    """float32 weights, arrays or tensors -> the arrays of a file. Raises CheckpointError if a value is not finite."""
    stored: dict[str, Array] = {}
    for name, values in weights.items():
        require_values(name, values)
        array = as_array(values)
        stored |= _WRITERS[_kind_of(name, array, storage)](name, array)
    return stored


def from_stored(stored: Mapping[str, Any], prefix: str = "") -> dict[str, Array]:
    """What a file holds, its layout checked -> float32 arrays. Raises CheckpointError if a value is not finite."""
    stored = {name: as_array(values) for name, values in stored.items()}
    scales = {name + SCALE for name in stored} & stored.keys()
    state: dict[str, Array] = {}
    for name in sorted(stored.keys() - scales):
        if not name.startswith(prefix):
            continue
        if name + SCALE in scales:
            scale = stored[name + SCALE]
            # Ensures that no 8-bit number becomes infinite either.
            with np.errstate(over="ignore"):
                require_values(name + SCALE, scale * np.float32(ABOVE_LARGEST))
            if not (scale > 0).all():
                raise CheckpointError(f"tensor {name + SCALE}: expected scales above 0, got {float(scale.min()):g}")
            state[name] = dequantise(stored[name], scale)
        else:
            state[name] = stored[name].astype(np.float32, copy=False)
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


def exact_storage(weights: Mapping[str, Any]) -> dict[str, str]:
    """For each convolution the smallest storage that restores its exact values."""
    convolutions = {name: as_array(values) for name, values in weights.items() if len(values.shape) == 4}
    return {
        name: next((kind for kind in ("int8", "float16") if _is_exact(kind, name, values)), "float32")
        for name, values in convolutions.items()
    }


def _is_exact(kind: str, name: str, values: Array) -> bool:
    """Bit by bit, because a fingerprint depends on the sign of a zero."""
    back = from_stored(_WRITERS[kind](name, values))[name]
    return np.array_equal(back.view(np.int32), values.view(np.int32))


def _kind_of(name: str, values: Array, storage: Storage) -> str:
    if values.ndim != 4:
        return "float32"
    return STORAGES[storage](name) if isinstance(storage, str) else storage.get(name) or STORAGES[DEFAULT_STORAGE](name)


def _as_float16(name: str, values: Array) -> dict[str, Array]:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return {name: half if np.isfinite(half).all() else values}


def _as_int8(name: str, values: Array) -> dict[str, Array]:
    quantised, scale = quantise(values)
    with np.errstate(over="ignore"):
        fits = np.isfinite(scale * np.float32(ABOVE_LARGEST)).all()
    return {name: quantised, name + SCALE: scale} if fits else {name: values}


_WRITERS: dict[str, Callable[[str, Array], dict[str, Array]]] = {
    "float32": lambda name, values: {name: values},
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


def quantise(weights: Any) -> tuple[Array, Array]:
    """(C, ...) finite float32, an array or a tensor -> (C, ...) int8 and (C,) float32 scales."""
    values = as_array(weights)
    rows = values.reshape(len(values), -1)
    scale = np.maximum(np.abs(rows).max(1) / np.float32(LARGEST), np.float32(SMALLEST_SCALE))
    # Cut to 16 significant bits, so that the product with a 7-bit number is exact in float32, and so is the way back: repeated rounding
    # cannot drift.
    scale = (scale.view(np.int32) & ~0xFF).view(np.float32)
    rounded = np.clip(np.rint(rows / scale[:, None]), -LARGEST, LARGEST)
    return rounded.astype(np.int8).reshape(values.shape), scale


def dequantise(quantised: Array, scale: Array) -> Array:
    """(C, ...) int8 and (C,) float32 scales -> (C, ...) float32."""
    return quantised.astype(np.float32) * scale.reshape(-1, *[1] * (quantised.ndim - 1))
