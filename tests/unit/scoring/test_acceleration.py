"""Accelerated execution gives the same results; if it fails, scoring continues with a single warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from builders import TINY_PREPROCESSING, tiny_network
from scipy.special import expit

from screener.scoring import TOLERANCE_P_FAKE, TorchEngine
from screener.scoring.acceleration import ACCELERATIONS, Answers, CapturedGraph, Compiled

CROPS = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)


def answers(crops: torch.Tensor) -> Answers:
    return crops.float().mean((1, 2, 3)), crops.float()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("acceleration", sorted(set(ACCELERATIONS) - {"none"}))
def test_on_a_card_the_scores_are_the_plain_ones(acceleration: str) -> None:
    plain = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cuda", "float32").logits(CROPS)
    engine = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cuda", "float32", acceleration=acceleration)
    for count in (5, 2, 5):
        assert np.abs(expit(engine.logits(CROPS[:count])) - expit(plain[:count])).max() <= TOLERANCE_P_FAKE["float32"]


def test_without_a_card_a_graph_is_the_plain_pass() -> None:
    plain = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32").logits(CROPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32", acceleration="graph").logits(CROPS), plain)


def test_a_failing_capture_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_stream(device: torch.device) -> None:
        raise RuntimeError("no stream to capture on")

    monkeypatch.setattr(torch.cuda, "Stream", no_stream)
    forward = CapturedGraph(answers, torch.device("cuda"))
    crops = torch.from_numpy(CROPS)
    with pytest.warns(RuntimeWarning, match="no stream to capture on"):
        assert torch.equal(forward(crops)[0], answers(crops)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(forward(crops[:2])[0], answers(crops[:2])[0])


def test_a_failing_compiler_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(crops: torch.Tensor) -> Answers:
        raise AttributeError("no compiler here")

    monkeypatch.setattr(torch, "compile", lambda forward, dynamic: fails)
    forward = Compiled(answers, torch.device("cpu"))
    crops = torch.from_numpy(CROPS)
    with pytest.warns(UserWarning, match="AttributeError"):
        assert torch.equal(forward(crops)[0], answers(crops)[0])
    assert torch.equal(forward(crops)[1], answers(crops)[1])
