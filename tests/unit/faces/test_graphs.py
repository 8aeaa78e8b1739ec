"""The networks as OpenCV runs them against the same as PyTorch does, and the models against the `onnx` package's own rules."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
import torch

from screener.faces.graphs import MEAN, SCALE, models
from screener.faces.networks import NETWORKS, load_networks

SIZES = {"pnet": (61, 97), "rnet": (24, 24), "onet": (48, 48)}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answers_are_those_of_the_published_networks(name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, *SIZES[name])).astype(np.float32)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(models()[name], np.uint8))
    network.setInput(pixels)
    answers = network.forward()
    with torch.inference_mode():
        shifts, *points, certainties = load_networks("cpu")[list(NETWORKS).index(name)]((torch.from_numpy(pixels) - MEAN) * SCALE)
    parts = [1 / (1 + np.exp(-answers[:, :1])), answers[:, 1:5], *([answers[:, 5:]] if points else [])]
    for ours, theirs in zip(parts, (certainties[:, 1:], shifts, *points), strict=True):
        np.testing.assert_allclose(ours.ravel(), theirs.numpy().ravel(), atol=2e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_models_follow_the_format(name: str) -> None:
    onnx.checker.check_model(onnx.load_model_from_string(models()[name]), full_check=True)
