"""Statistics taken from pictures: the function is unchanged, and batch norm in training finds the same statistics."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from screener.model.batch_norm import adopt_statistics

from .test_network import pictures, tiny_network


def test_the_function_stays() -> None:
    network = tiny_network()
    with torch.inference_mode():
        before = [answer.clone() for answer in network.forward_with_map(pictures(3))]
    adopt_statistics(network, pictures(8))
    with torch.inference_mode():
        for actual, expected in zip(network.forward_with_map(pictures(3)), before, strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)


def test_statistics_are_those_of_the_pictures() -> None:
    """In training, which norms by the batch at hand, the same pictures get the answers that they get in `eval()`."""
    network = tiny_network()
    network.head.dropout.p = 0.0
    network.eval()
    with torch.no_grad():
        far = float((network.train()(pictures(8)) - network.eval()(pictures(8))).abs().max())
        adopt_statistics(network, pictures(8))
        near = float((network.train()(pictures(8)) - network.eval()(pictures(8))).abs().max())
    assert near < far / 10


def test_mean_and_variance_of_a_norm_alone() -> None:
    norm = nn.BatchNorm2d(2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -0.5]))
        norm.bias.copy_(torch.tensor([1.0, 0.0]))
        norm.running_mean.copy_(torch.tensor([0.5, -2.0]))
        norm.running_var.copy_(torch.tensor([4.0, 0.25]))
    x = torch.randn(16, 2, 5, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 0.1])[None, :, None, None] + 7
    expected = norm.eval()(x)
    adopt_statistics(norm, x)
    assert norm.running_mean.tolist() == pytest.approx(x.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert norm.running_var.tolist() == pytest.approx(x.var((0, 2, 3), unbiased=False).tolist(), rel=1e-4)
    torch.testing.assert_close(norm(x), expected, rtol=1e-4, atol=1e-4)


def test_a_channel_without_any_variance_keeps_its_value() -> None:
    norm = nn.BatchNorm2d(1).eval()
    x = torch.full((2, 1, 4, 4), 3.0)
    expected = norm(x)
    adopt_statistics(norm, x)
    torch.testing.assert_close(norm(x), expected)


def test_mode_and_hooks_are_put_back() -> None:
    network = tiny_network().train()
    network.backbone.eval()
    for given in (pictures(), torch.zeros(1, 4, 64, 64)):
        with nullcontext() if given.shape[1] == 3 else pytest.raises(RuntimeError):
            adopt_statistics(network, given)
        assert network.training and network.head.training and not network.backbone.layer2.training
        assert not any(module._forward_hooks for module in network.modules())
