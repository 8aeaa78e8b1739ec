"""The network run by OpenCV on the processor, in float32: ready in a tenth of the time that PyTorch takes to load, in half the memory.

Batch norms are folded into the convolutions. Knows the names that `Network` gives to its tensors.
Does not know checkpoints.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.model.architecture import Architecture, layer_stride
from screener.model.preprocessing import Preprocessing, normalise
from screener.runtime.borrowing import Borrowing
from screener.runtime.onnx_graphs import OnnxGraph, Value
from screener.scoring.engine import PROCESSOR, Device

Weights = Mapping[str, NDArray[np.float32]]

NORM_EPSILON = 1e-5
"""Added to variances, as `torch.nn.BatchNorm2d` does."""


class OpenCvEngine:
    """A network ready to run, in several threads at once if need be."""

    name = "opencv"
    dtype_name = "float32"

    def __init__(self, weights: Weights, backbone: Architecture, head: Architecture, contract: Preprocessing) -> None:
        """weights: of the distinct channels, with the names of `Network.state_dict()`. backbone, head: their architectures."""
        self.device: Device = PROCESSOR
        self._contract = contract
        model, self._outputs = _model(weights, backbone, head)
        # One for each side of pictures: a network that gets another side than before allocates all its memory anew.
        self._networks: dict[int, Borrowing[Any]] = defaultdict(
            lambda: Borrowing(lambda: cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8)))
        )

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """See `Engine.logits`."""
        return self._run(crops_rgb)[0].reshape(-1).astype(np.float64)

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See `Engine.logits_and_maps`."""
        logits, maps = self._run(crops_rgb)
        return logits.reshape(-1).astype(np.float64), np.array(maps[:, 0], np.float32)

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """See `Engine.bare_pass`."""
        ready = np.ascontiguousarray(normalise(crops_rgb, self._contract))
        return lambda: self._answers(ready)

    def _run(self, crops_rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return self._answers(np.ascontiguousarray(normalise(crops_rgb, self._contract)))

    def _answers(self, pictures: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Logits and maps. OpenCV gives all outputs or one, and the map costs next to nothing."""
        with self._networks[pictures.shape[-1]].one() as network:
            network.setInput(pictures)
            # Copies, because the memory of the results is reused.
            return [np.array(answer, np.float32) for answer in network.forward(self._outputs)]


def _model(weights: Weights, backbone: Architecture, head: Architecture) -> tuple[bytes, list[Value]]:
    """The encoded network, and the names of its outputs: the logit (N, 1, 1, 1) and the map of blending (N, 1, S/16, S/16)."""
    graph = OnnxGraph("pictures", ("n", 3, "side", "side"))
    x = graph.rectified(graph.convolved("pictures", *_folded(weights, "backbone.conv1", "backbone.bn1"), 2, 3))
    x = graph.pooled(x, 3, 2, 1)
    for number in (1, 2, 3):
        x = _layer(graph, x, weights, f"backbone.layer{number}", backbone.blocks[number - 1], layer_stride(number))
    # The head may read each of the features several times: its weights for them are added up.
    times = head.feature_channels // backbone.feature_channels
    features, read_once = x, _read_once(weights, times)
    x = graph.averaged(_layer(graph, features, read_once, "head.layer4", head.blocks[3], layer_stride(4)))
    (real, fake), bias = weights["head.fc.weight"], weights["head.fc.bias"]
    logit = graph.convolved(x, (fake - real).reshape(1, -1, 1, 1), bias[1:] - bias[:1])
    blend = graph.certain(graph.convolved(features, read_once["locator.weight"], weights["locator.bias"]))
    return graph.encoded([(logit, ("n", 1, 1, 1)), (blend, ("n", 1, "rows", "columns"))]), [logit, blend]


def _layer(graph: OnnxGraph, x: Value, weights: Weights, name: str, blocks: int, stride: int) -> Value:
    for block in range(blocks):
        first = f"{name}.{block}"
        steps = stride if block == 0 else 1
        inner = graph.rectified(graph.convolved(x, *_folded(weights, f"{first}.conv1", f"{first}.bn1")))
        inner = graph.rectified(graph.convolved(inner, *_folded(weights, f"{first}.conv2", f"{first}.bn2"), steps, 1))
        outgoing = graph.convolved(inner, *_folded(weights, f"{first}.conv3", f"{first}.bn3"))
        if block == 0:
            x = graph.convolved(x, *_folded(weights, f"{first}.downsample.0", f"{first}.downsample.1"), steps)
        x = graph.rectified(graph.added(outgoing, x))
    return x


def _folded(weights: Weights, convolution: str, norm: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Kernel and bias of a convolution with its batch norm."""
    gain, shift, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gain / np.sqrt(variance + NORM_EPSILON)
    return weights[f"{convolution}.weight"] * factor[:, None, None, None], shift - mean * factor


def _read_once(weights: Weights, times: int) -> Weights:
    """The weights of a head and locator that read each feature `times` times, as if it came once."""
    readers = ("head.layer4.0.conv1.weight", "head.layer4.0.downsample.0.weight", "locator.weight")
    summed = {name: weights[name].reshape(len(weights[name]), -1, times, 1, 1).sum(2) for name in readers}
    return {**weights, **summed}
