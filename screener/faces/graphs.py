"""MTCNN's three networks as ONNX models for OpenCV, from the same weights file as `networks`.

Each takes pixels from 0 to 255, for its normalisation is folded into its first convolution, and gives one output with a channel for the
log-odds of a face, four for the box regression, and in ONet ten for the landmarks. Fully connected layers are written as convolutions.
Does not know how the networks are run.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from screener.errors import DeviceError
from screener.faces.networks_file import WEIGHTS, broken
from screener.runtime.onnx_graphs import OnnxGraph, Value

Weights = dict[str, NDArray[np.float32]]

POOLED = {"pnet": (2, None, None), "rnet": (3, 3, None), "onet": (3, 3, 2, None)}
"""Side of the pooling window after each convolution, with stride 2; None for no pooling."""

DENSE = {"pnet": None, "rnet": ("dense4", "prelu4", 3), "onet": ("dense5", "prelu5", 3)}
"""The fully connected layer, its activation, and the side of the map that it reads."""

ANSWERS = {"pnet": ("conv4_1", "conv4_2"), "rnet": ("dense5_1", "dense5_2"), "onet": ("dense6_1", "dense6_2", "dense6_3")}
"""The last layers: class, box, and landmarks."""

MEAN, SCALE = 127.5, 0.0078125


@cache
def models() -> dict[str, bytes]:
    """The encoded models of `pnet`, `rnet` and `onet`. Raises DeviceError if the weights file is missing or broken."""
    try:
        weights = load_file(WEIGHTS)
        return {name: _model(name, _of(name, weights)) for name in POOLED}
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise DeviceError(broken(error)) from error


def _of(name: str, weights: Weights) -> Weights:
    """The weights of one network, without its name before theirs."""
    return {key.removeprefix(f"{name}."): values for key, values in weights.items() if key.startswith(f"{name}.")}


def _model(name: str, weights: Weights) -> bytes:
    graph = OnnxGraph("pixels", ("n", 3, "h", "w"))
    x: Value = "pixels"
    for number, window in enumerate(POOLED[name], 1):
        kernel, bias = (weights[f"conv{number}.{part}"] for part in ("weight", "bias"))
        if number == 1:
            kernel, bias = kernel * SCALE, bias - kernel.sum((1, 2, 3)) * SCALE * MEAN
        x = graph.leaky(graph.convolved(x, kernel, bias), weights[f"prelu{number}.weight"])
        if window:
            x = graph.pooled(x, window, 2, reaches_past=True)
    if dense := DENSE[name]:
        layer, activation, side = dense
        x = graph.convolved(x, _as_kernel(weights[f"{layer}.weight"], side), weights[f"{layer}.bias"])
        x = graph.leaky(x, weights[f"{activation}.weight"])
    kernels, biases = zip(*((_last(weights[f"{layer}.weight"]), weights[f"{layer}.bias"]) for layer in ANSWERS[name]), strict=True)
    # Of two classes only the difference counts: the softmax of two values is the logistic function of it.
    kernel, bias = (np.concatenate([parts[0][1:] - parts[0][:1], *parts[1:]]) for parts in (kernels, biases))
    answer = graph.convolved(x, kernel, bias)
    return graph.encoded([(answer, ("n", len(bias), "rows", "columns"))])


def _as_kernel(dense: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(outputs, inputs) -> (outputs, C, side, side): the weights come from a framework that stores columns before rows, channels last."""
    return dense.reshape(len(dense), side, side, -1).transpose(0, 3, 2, 1)


def _last(layer: NDArray[np.float32]) -> NDArray[np.float32]:
    return layer.reshape(*layer.shape[:2], 1, 1)
