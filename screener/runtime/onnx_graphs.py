"""Writes a small network as an ONNX model, layer by layer, for libraries that read such models from memory.

Encodes the few messages of ONNX that this needs by itself, because the `onnx` package takes longer to import than a short clip takes to
judge; a test reads what is written with that package. Does not know what a network is for.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3, protocol buffers' wire format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IR_VERSION, OPSET = 8, 13
FLOAT = 1
"""`TensorProto.DataType` of float32."""

Value = str
"""Name of an input or of a layer's result."""


class OnnxGraph:
    """A network that grows by one layer with each call. Layers take the names of their inputs and return the name of their result.

    Values are (N, C, H, W) float32.
    """

    def __init__(self, taken: Value, shape: Sequence[int | str]) -> None:
        """taken: name of the input; shape: its sides, a name for one that may vary."""
        self._inputs = _text(1, taken) + _message(2, _tensor_type(shape))
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def convolved(self, x: Value, kernel: NDArray[Any], bias: NDArray[Any], stride: int = 1, padding: int = 0) -> Value:
        """kernel: (outputs, inputs, h, w). bias: (outputs,)."""
        attributes = _ints("strides", [stride] * 2) + _ints("pads", [padding] * 4) + _ints("kernel_shape", kernel.shape[2:])
        return self._add("Conv", [x, self._constant(kernel), self._constant(bias)], attributes)

    def pooled(self, x: Value, side: int, stride: int, padding: int = 0, reaches_past: bool = False) -> Value:
        """The largest of each window. reaches_past: whether the last window may reach past the edge."""
        attributes = _ints("kernel_shape", [side] * 2) + _ints("strides", [stride] * 2) + _ints("pads", [padding] * 4)
        return self._add("MaxPool", [x], attributes + _int("ceil_mode", int(reaches_past)))

    def rectified(self, x: Value) -> Value:
        """The positive part."""
        return self._add("Relu", [x])

    def leaky(self, x: Value, slopes: NDArray[Any]) -> Value:
        """Negative values times their channel's slope. slopes: (C,)."""
        return self._add("PRelu", [x, self._constant(slopes.reshape(-1, 1, 1))])

    def added(self, x: Value, y: Value) -> Value:
        """The sum of two values of one shape."""
        return self._add("Add", [x, y])

    def averaged(self, x: Value) -> Value:
        """(N, C, H, W) -> (N, C, 1, 1): the mean over all places."""
        return self._add("GlobalAveragePool", [x])

    def certain(self, x: Value) -> Value:
        """The logistic function of each value."""
        return self._add("Sigmoid", [x])

    def encoded(self, answers: Sequence[tuple[Value, Sequence[int | str]]]) -> bytes:
        """The whole model, whose outputs are these values of these shapes."""
        outputs = [_text(1, name) + _message(2, _tensor_type(shape)) for name, shape in answers]
        graph = b"".join(_message(1, node) for node in self._nodes) + _text(2, "network")
        graph += b"".join(_message(5, constant) for constant in self._constants) + _message(11, self._inputs)
        graph += b"".join(_message(12, output) for output in outputs)
        return _number(1, IR_VERSION) + _message(7, graph) + _message(8, _text(1, "") + _number(2, OPSET))

    def _add(self, kind: str, taken: Sequence[Value], attributes: bytes = b"") -> Value:
        name = f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(b"".join(_text(1, value) for value in taken) + _text(2, name) + _text(3, name) + _text(4, kind) + attributes)
        return name

    def _constant(self, values: NDArray[Any]) -> Value:
        name = f"constant{len(self._constants)}"
        data = np.ascontiguousarray(values, "<f4").tobytes()
        self._constants.append(b"".join(_number(1, side) for side in values.shape) + _number(2, FLOAT) + _text(8, name) + _message(9, data))
        return name


def _tensor_type(shape: Sequence[int | str]) -> bytes:
    sides = b"".join(_message(1, _text(2, side) if isinstance(side, str) else _number(1, side)) for side in shape)
    return _message(1, _number(1, FLOAT) + _message(2, sides))


def _int(name: str, value: int) -> bytes:
    return _message(5, _text(1, name) + _number(3, value) + _number(20, 2))


def _ints(name: str, values: Sequence[int]) -> bytes:
    return _message(5, _text(1, name) + b"".join(_number(8, int(value)) for value in values) + _number(20, 7))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
