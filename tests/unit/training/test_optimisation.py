"""The formulas of a step against hand computations and PyTorch's autograd."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from screener.settings import OPTIMISERS as NAMED_OPTIMISERS
from screener.settings import SCHEDULES as NAMED_SCHEDULES
from screener.settings import TrainSettings
from screener.training.optimisation import (
    OPTIMISERS,
    SCHEDULES,
    add_l1_gradient,
    class_weights,
    l1_term,
    learning_rate,
    mix,
    new_optimiser,
    row_losses,
    update_average,
)

CPU = torch.device("cpu")


def small_net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def test_every_name_in_the_settings_has_its_function() -> None:
    assert set(OPTIMISERS) == set(NAMED_OPTIMISERS)
    assert set(SCHEDULES) == set(NAMED_SCHEDULES)


def test_the_l1_gradient_is_that_of_the_sum_of_absolute_weights() -> None:
    one, other = small_net(), small_net()
    inputs, labels = torch.randn(6, 5), torch.tensor([0, 1, 0, 1, 1, 0])
    nn.functional.cross_entropy(one(inputs), labels).backward()
    add_l1_gradient(one.parameters(), 0.03)
    penalty = 0.03 * sum(p.abs().sum() for p in other.parameters())
    (nn.functional.cross_entropy(other(inputs), labels) + penalty).backward()
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-7)
    assert l1_term(other.parameters(), 0.03) == pytest.approx(float(penalty.detach()), rel=1e-6)


def test_published_adam_adds_the_decay_to_the_gradient_of_every_weight() -> None:
    """The first step of Adam with coupled decay is the learning rate in the direction of the sign of gradient + decay x weight."""
    settings = TrainSettings(learning_rate=0.01, weight_decay=0.5)
    weight, bias = nn.Parameter(torch.tensor([[2.0, -3.0]])), nn.Parameter(torch.tensor([4.0]))
    optimiser = new_optimiser([weight, bias], settings, CPU)
    weight.grad, bias.grad = torch.tensor([[-0.9, 1.6]]), torch.tensor([-1.0])
    optimiser.step()
    # -0.9 + 0.5 x 2 > 0, 1.6 - 0.5 x 3 > 0, -1 + 0.5 x 4 > 0
    assert torch.allclose(weight.detach(), torch.tensor([[1.99, -3.01]]), atol=1e-5)
    assert torch.allclose(bias.detach(), torch.tensor([3.99]), atol=1e-5)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_the_others_leave_biases_and_scales_undecayed(name: str) -> None:
    settings = TrainSettings(optimiser=name, learning_rate=0.1, weight_decay=0.5)
    weight, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    optimiser = new_optimiser([weight, bias], settings, CPU)
    weight.grad, bias.grad = torch.zeros(2, 2), torch.zeros(2)
    optimiser.step()
    assert torch.equal(bias.detach(), torch.ones(2))
    assert torch.allclose(weight.detach(), torch.full((2, 2), 0.95 if name == "adamw" else 1 - 0.1 * 0.5 * 1.9))


def test_the_learning_rate_rises_and_then_follows_the_schedule() -> None:
    constant = TrainSettings(learning_rate=0.4, epochs=3)
    assert [learning_rate(constant, step, 5) for step in range(15)] == [0.4] * 15
    cosine = replace(constant, schedule="cosine", warm_up_epochs=1.0)
    rates = [learning_rate(cosine, step, 4) for step in range(12)]
    assert rates[:5] == pytest.approx([0.08, 0.16, 0.24, 0.32, 0.4])
    assert rates[8] == pytest.approx(0.4 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert rates == sorted(rates[:5]) + sorted(rates[5:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_balanced_classes_weigh_the_same_and_a_mean_row_one() -> None:
    labels = np.array([0] * 9 + [1] * 3)
    weights = class_weights(labels, True, CPU)
    assert weights is not None
    assert weights.tolist() == pytest.approx([12 / 18, 12 / 6])
    assert float(weights[0]) * 9 == pytest.approx(float(weights[1]) * 3)
    assert class_weights(labels, False, CPU) is None


def test_the_loss_of_a_row_by_hand() -> None:
    logits, targets = torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    weights = torch.tensor([2.0, 0.5])
    log_p = np.array([1.0, 3.0]) - np.log(np.e + np.e**3)
    smooth = 0.8 * np.array([0.25, 0.75]) + 0.1
    expected = [-(2 * smooth[0] * log_p[0] + 0.5 * smooth[1] * log_p[1]), np.log(2) * (2 * 0.9 + 0.5 * 0.1)]
    assert row_losses(logits, targets, weights, 0.2).tolist() == pytest.approx(expected, rel=1e-5)


@given(st.floats(0.05, 2.0), st.integers(1, 9), st.integers(0, 10**6))
def test_mixing_keeps_what_a_batch_holds_in_all(alpha: float, rows: int, seed: int) -> None:
    features = torch.arange(rows, dtype=torch.float32)[:, None, None, None].expand(-1, 2, 2, 2).contiguous()
    targets = torch.stack([torch.arange(rows) % 2, 1 - torch.arange(rows) % 2], 1).float()
    mixed, shares = mix(features, targets, alpha, np.random.default_rng(seed))
    assert float(mixed.sum()) == pytest.approx(float(features.sum()), abs=1e-2)
    assert torch.allclose(shares.sum(1), torch.ones(rows), atol=1e-6)
    assert torch.allclose(shares.sum(0), targets.sum(0), atol=1e-4)
    assert float(mixed.min()) >= 0
    assert float(mixed.max()) <= rows - 1 + 1e-5


def test_features_and_targets_are_mixed_in_the_same_shares() -> None:
    features = torch.eye(4).reshape(4, 4, 1, 1)
    mixed, shares = mix(features, torch.eye(4), 1.0, np.random.default_rng(3))
    assert torch.allclose(mixed[:, :, 0, 0], shares)
    assert not torch.allclose(shares, torch.eye(4))


def test_the_average_follows_slowly_and_takes_the_statistics_along() -> None:
    current, average = small_net(0), small_net(1)
    before = copy.deepcopy(average.state_dict())
    current(torch.randn(8, 5))
    update_average(average, current, decay=0.9, updates=10**6)
    for name, kept in average.state_dict().items():
        new = current.state_dict()[name]
        expected = 0.9 * before[name] + 0.1 * new if kept.is_floating_point() else new
        assert torch.allclose(kept, expected, atol=1e-6), name
    update_average(average, current, decay=0.9, updates=0)
    assert torch.allclose(
        average[0].weight, 0.1 * (0.9 * before["0.weight"] + 0.1 * current[0].weight) + 0.9 * current[0].weight, atol=1e-6
    )
