"""Initial weights of a head, the choice of the best epoch, and early stopping."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from builders import TINY, tiny_network

from screener.model.network import Head
from screener.settings import HEAD_STARTS, L1_SCOPES, TrainSettings
from screener.training.head_state import PENALISED, STARTS, best_epoch, has_stalled, new_state, starting_weights, weights_of
from screener.training.updates import EpochFigures

CPU = torch.device("cpu")


def history(*scores: tuple[float, float]) -> list[EpochFigures]:
    """(AUC, loss) of each epoch."""
    return [EpochFigures(1, number, 1e-3, 0.5, 0.0, loss, auc, 0.5, 0.5, 1.0) for number, (auc, loss) in enumerate(scores, 1)]


def test_every_name_in_the_settings_has_its_function() -> None:
    assert set(STARTS) == set(HEAD_STARTS)
    assert set(PENALISED) == set(L1_SCOPES)


def test_what_each_start_takes_from_the_checkpoint() -> None:
    network = tiny_network(5)
    state = network.state_dict()
    same = {start: starting_weights(state, TINY, start, 0) for start in STARTS}
    theirs = {name.removeprefix("head."): tensor for name, tensor in state.items() if name.startswith("head.")}
    kept = {start: {name for name in theirs if torch.equal(found[name], theirs[name])} for start, found in same.items()}
    assert kept["checkpoint"] == set(theirs)
    assert {name for name in theirs if name.startswith("layer4.")} <= kept["layer4"]
    assert "fc.weight" not in kept["layer4"]
    assert not {"fc.weight", "layer4.0.conv1.weight"} & kept["random"]
    for found in same.values():
        Head(TINY, 0.0).load_state_dict(found)


def test_new_weights_follow_the_seed_and_leave_the_checkpoint_alone() -> None:
    state = tiny_network().state_dict()
    before = state["head.fc.weight"].clone()
    first, again, other = (starting_weights(state, TINY, "layer4", seed)["fc.weight"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    starting_weights(state, TINY, "checkpoint", 0)["fc.weight"].zero_()
    assert torch.equal(state["head.fc.weight"], before)


def test_weights_without_batch_norms_counters_are_enough() -> None:
    stored = {name: tensor for name, tensor in tiny_network().state_dict().items() if not name.endswith("num_batches_tracked")}
    run = new_state(TINY, starting_weights(stored, TINY, "checkpoint", 0), TrainSettings(average_decay=0.9), CPU)
    assert run.judged is run.average
    assert torch.equal(run.head.fc.weight, stored["head.fc.weight"])


def test_a_state_put_away_is_taken_up_whole() -> None:
    settings = TrainSettings(average_decay=0.9)
    start = starting_weights(tiny_network().state_dict(), TINY, "checkpoint", 0)
    run = new_state(TINY, start, settings, CPU)
    run.head(torch.rand(4, TINY.feature_channels, 4, 4)).sum().backward()
    run.optimiser.step()
    run.epoch, run.step, run.loss_sum, run.best = 2, 3, 1.25, weights_of(run.head)
    run.history = history((0.5, 0.7), (0.6, 0.6))
    other = new_state(TINY, start, settings, CPU)
    other.take_up(run.to_dict())
    assert (other.epoch, other.step, other.loss_sum, other.history) == (2, 3, 1.25, run.history)
    for one, two in ((run.head, other.head), (run.average, other.average)):
        assert one is not None
        assert two is not None
        assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    moments, others = run.optimiser.state_dict()["state"], other.optimiser.state_dict()["state"]
    assert all(torch.equal(moments[k]["exp_avg"], others[k]["exp_avg"]) for k in moments)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.6, 0.7), (0.8, 0.6), (0.7, 0.1)], 2),
        ([(0.8, 0.7), (0.8, 0.6), (0.8, 0.65)], 2),
        ([(0.8, 0.6), (0.8, 0.6)], 1),
    ],
)
def test_the_best_epoch(scores: list[tuple[float, float]], best: int) -> None:
    assert best_epoch(history(*scores)) == best


def test_patience_counts_from_the_best_epoch() -> None:
    falling = history((0.8, 0.5), (0.7, 0.5), (0.7, 0.5))
    assert not has_stalled(falling[:2], 2)
    assert has_stalled(falling, 2)
    assert not has_stalled(falling, 0)
    assert not has_stalled([], 2)
    risen = [*falling, replace(falling[0], epoch=4, validation_auc=0.9)]
    assert not has_stalled(risen, 2)
