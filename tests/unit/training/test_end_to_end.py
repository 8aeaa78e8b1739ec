"""The training loop on a tiny network: it learns, averages weights, stops and resumes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from builders import TINY, labelled_face
from torch import Tensor

from screener.errors import OutputError
from screener.model.network import Network, fake_logit
from screener.training import end_to_end
from screener.training.end_to_end import Stage, State, new_state, step, train_stage
from screener.training.pairs import PairMaker
from screener.training.preparing import prepare
from screener.training.stream import Batch

STAGE = Stage(minutes=1 / 60, input_size=64, pairs=4, learning_rate=3e-3, hardness=(0.0, 0.5), strength=(1.0, 0.5), warm_up_pictures=8)


def fresh(seed: int = 0, stage: Stage = STAGE) -> State:
    torch.manual_seed(seed)
    return new_state(Network(TINY, dropout=0.0).initialise(torch.Generator().manual_seed(seed)), stage)


def easy_batch(seed: int, pairs: int = 4) -> Batch:
    """Dark is real, bright is fake, and bright all over is the map."""
    rng = np.random.default_rng(seed)
    levels = np.repeat([60, 190], pairs)[:, None, None, None] + rng.integers(-40, 41, (2 * pairs, 64, 64, 3))
    labels = torch.arange(2).repeat_interleave(pairs)
    maps = labels.float()[:, None, None].expand(-1, 4, 4).clone()
    return Batch(torch.from_numpy(levels.astype(np.uint8)), labels, maps, torch.ones(2 * pairs, dtype=torch.bool))


def tick_by(seconds: float, now: list[float]) -> Callable[[], float]:
    def tick() -> float:
        now[0] += seconds
        return now[0]

    return tick


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes by a fiftieth of a second with every look at it, so that no test depends on the machine's speed."""
    now = [0.0]
    monkeypatch.setattr(end_to_end.time, "monotonic", tick_by(0.02, now))
    return now


def easy_stream(seeds: list[int]) -> Callable[..., Iterator[Batch]]:
    """Easy batches in place of pairs; notes the seeds that it was asked for."""

    def stream(maker: object, recipe: object, progress: object, pairs: int, seed: int, workers: int) -> Iterator[Batch]:
        seeds.append(seed)
        yield from (easy_batch(seed + number, pairs) for number in count())

    return stream


@dataclass
class Trained:
    state: State
    path: Path
    start: dict[str, Tensor]
    seeds: list[int]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One whole stage on the easy task, for several tests to look at."""
    state, path, seeds = fresh(), tmp_path_factory.mktemp("run") / "run.pt", list[int]()
    start = {name: tensor.clone() for name, tensor in state.average.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(end_to_end.time, "monotonic", tick_by(0.02, [0.0]))
        patch.setattr(end_to_end, "batches", easy_stream(seeds))
        train_stage(state, STAGE, None, path, 0, lambda _: None)  # type: ignore[arg-type]
    return Trained(state, path, start, seeds)


def answers(network: Network) -> list[int]:
    pictures, *_ = easy_batch(12345)
    with torch.inference_mode():
        return network.eval()(prepare(pictures)).argmax(1).tolist()


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def losses_of(network: Network, batch: Batch) -> tuple[float, float]:
    """Of label and map, of one step of a copy."""
    state = new_state(copy.deepcopy(network), STAGE)
    step(state, batch, STAGE)
    return state.mean_losses()


def test_loss_falls_on_an_easy_task_and_the_answers_are_right(trained: Trained) -> None:
    label_before, map_before = losses_of(fresh().network, easy_batch(900))
    label_after, map_after = losses_of(trained.state.network, easy_batch(900))
    assert label_before == pytest.approx(0.7, abs=0.2)
    assert map_before == pytest.approx(0.7, abs=0.2)
    assert label_after < 0.3
    assert map_after < 0.3
    assert answers(copy.deepcopy(trained.state.network)) == [0] * 4 + [1] * 4


def test_the_average_follows_the_network_and_is_kept(trained: Trained) -> None:
    average, learned = trained.state.average, trained.state.network.state_dict()
    assert not same(average, trained.start)
    assert not same(average, learned)
    averaged = Network(TINY)
    averaged.load_state_dict(average)
    assert answers(averaged) == [0] * 4 + [1] * 4
    assert same(torch.load(trained.path, weights_only=True)["average"], average)
    # Counts are not averaged: they are whole numbers.
    assert torch.equal(average["backbone.bn1.num_batches_tracked"], learned["backbone.bn1.num_batches_tracked"])


def test_the_average_by_hand() -> None:
    """Its decay starts low, (1 + n) / (10 + n) after n steps, so that it soon forgets the random start."""
    state = fresh()
    name = "head.fc.weight"
    expected = state.average[name].clone()
    for n in (1, 2, 3):
        step(state, easy_batch(n), STAGE)
        decay = (1 + n) / (10 + n)
        expected = decay * expected + (1 - decay) * state.network.state_dict()[name]
    assert torch.allclose(state.average[name], expected, atol=1e-6)


def test_the_average_does_not_share_its_tensors_with_the_network() -> None:
    state = fresh()
    with torch.no_grad():
        state.network.head.fc.weight.fill_(7.0)
    assert not (state.average["head.fc.weight"] == 7).any()


def test_a_resumed_run_goes_on_exactly(tmp_path: Path) -> None:
    """Two steps, a save, and two more: the same as four in a row, optimiser and average included."""
    straight, first, resumed = fresh(), fresh(), fresh(seed=99)
    straight.seconds = first.seconds = 0.25
    for n in range(4):
        step(straight, easy_batch(n), STAGE)
    for n in range(2):
        step(first, easy_batch(n), STAGE)
    first.save(tmp_path / "run.pt")
    resumed.load(tmp_path / "run.pt")
    assert (resumed.pictures, resumed.seconds) == (16, 0.25)
    for n in (2, 3):
        step(resumed, easy_batch(n), STAGE)
    assert same(resumed.network.state_dict(), straight.network.state_dict())
    assert same(resumed.average, straight.average)
    assert resumed.pictures == straight.pictures == 32


def test_a_stage_ends_when_its_minutes_are_spent_and_not_before(trained: Trained) -> None:
    assert 1.0 <= trained.state.seconds < 1.1
    assert trained.seeds == [0]


def test_a_finished_stage_does_nothing_when_started_again(trained: Trained, tmp_path: Path) -> None:
    again = fresh(seed=1)
    again.load(trained.path)
    train_stage(again, STAGE, None, tmp_path / "run.pt", 0, lambda _: None)  # type: ignore[arg-type]
    assert again.pictures == trained.state.pictures
    assert same(again.network.state_dict(), trained.state.network.state_dict())


def test_a_stopped_stage_resumes_with_new_pictures_and_only_the_time_that_is_left(
    tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, state, seeds = tmp_path / "run.pt", fresh(), list[int]()
    monkeypatch.setattr(end_to_end, "batches", easy_stream(seeds))
    often, taken = replace(STAGE, save_every_seconds=0.2), [0]

    def stopped(*arguments: Any) -> None:
        taken[0] += 1
        if taken[0] == 30:
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(end_to_end, "step", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_stage(state, often, None, path, 5, lambda _: None)  # type: ignore[arg-type]
    resumed = fresh(seed=1)
    resumed.load(path)
    assert 0.2 <= resumed.seconds < state.seconds
    assert 0 < resumed.pictures < state.pictures
    seeds.clear()
    left = 1.0 - resumed.seconds
    pictures = resumed.pictures
    train_stage(resumed, STAGE, None, path, 5, lambda _: None)  # type: ignore[arg-type]
    assert seeds[0] == 5 + pictures
    assert (resumed.pictures - pictures) / 8 <= left / 0.02 + 1


def test_saving_never_leaves_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, state = tmp_path / "run.pt", fresh()
    state.save(path)
    before = path.read_bytes()

    def full(content: object, to: BinaryIO) -> None:
        to.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(end_to_end.torch, "save", full)
    with pytest.raises(OutputError, match="no space left"):
        state.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_rate_warms_up_holds_and_falls_to_its_end() -> None:
    stage = Stage(1, 64, 4, learning_rate=1e-3, hardness=(0, 0), strength=(1, 1), warm_up_pictures=16)
    rates = [stage.rate(done, seen) for done, seen in ((0.0, 0), (0.0, 8), (0.0, 16), (0.5, 16), (1.0, 16))]
    assert rates == pytest.approx([1e-3 / 16, 1e-3 * 9 / 16, 1e-3, 1e-3 * 0.51, 1e-3 * 0.02])
    held = replace(stage, hold=0.6)
    assert [held.rate(done, 16) for done in (0.3, 0.6, 0.8, 1.0)] == pytest.approx([1e-3, 1e-3, 1e-3 * 0.51, 1e-3 * 0.02])
    state = fresh(stage=stage)
    state.seconds = 30.0
    step(state, easy_batch(0), stage)
    assert {group["lr"] for group in state.optimiser.param_groups} == {stage.rate(0.5, 0)}


def test_the_recipe_hardens_over_two_thirds_and_stays() -> None:
    stage = Stage(
        1, 64, 4, 1e-3, hardness=(0.2, 0.8), strength=(1.0, 0.7), moments=3, video=0.4, tone=0.1, same_route=0.9, level=0.6,
        crop_margin=1.2, shown_px=(50.0, 70.0),
    )  # fmt: skip
    recipes = [stage.recipe(done) for done in (0.0, 1 / 3, 2 / 3, 1.0)]
    assert [recipe.hardness for recipe in recipes] == pytest.approx([0.2, 0.5, 0.8, 0.8])
    assert [recipe.strength for recipe in recipes] == pytest.approx([1.0, 0.85, 0.7, 0.7])
    assert {(r.input_size, r.moments, r.video, r.tone, r.same_route) for r in recipes} == {(64, 3, 0.4, 0.1, 0.9)}
    assert {(r.level, r.crop_margin, r.shown_px) for r in recipes} == {(0.6, 1.2, (50.0, 70.0))}


@pytest.mark.parametrize("frozen", [True, False])
def test_statistics_are_kept_only_if_frozen(frozen: bool) -> None:
    """And then training sees what scanning sees: the logits of a batch do not depend on who else is in it."""
    state = fresh()
    before = {name: value.clone() for name, value in state.network.state_dict().items()}
    step(state, easy_batch(0), replace(STAGE, frozen_statistics=frozen))
    after = state.network.state_dict()
    moved = {name for name in after if "running" in name and not torch.equal(after[name], before[name])}
    assert bool(moved) is not frozen
    assert not torch.equal(after["backbone.bn1.weight"], before["backbone.bn1.weight"])


def test_ranking_sets_pairs_apart() -> None:
    """With labels that say nothing, the order of the pairs alone teaches."""

    def apart(ranking: float) -> float:
        state, stage = fresh(), replace(STAGE, ranking=ranking)
        for n in range(30):
            batch = easy_batch(n)
            step(state, batch._replace(labels=torch.ones_like(batch.labels), is_known=torch.zeros(8, dtype=torch.bool)), stage)
        with torch.inference_mode():
            real, fake = fake_logit(state.network.eval()(prepare(easy_batch(77).pictures))).chunk(2)
        return float((fake - real).mean())

    assert apart(5.0) > 1.0 > abs(apart(0.0))


def test_an_unknown_map_teaches_nothing() -> None:
    """The locator of a batch of which no map is known gets no gradient, and the loss is not divided by zero."""
    batch, state = easy_batch(0), fresh()
    before = state.network.locator.weight.detach().clone()
    for group in state.optimiser.param_groups:
        group["weight_decay"] = 0.0
    step(state, batch._replace(is_known=torch.zeros(8, dtype=torch.bool)), STAGE)
    assert state.mean_losses()[1] == 0
    assert torch.equal(state.network.locator.weight, before)


def test_only_weights_of_more_than_one_dimension_decay() -> None:
    state = fresh()
    decayed, plain = state.optimiser.param_groups
    assert {p.dim() > 1 for p in decayed["params"]} == {True}
    assert {p.dim() > 1 for p in plain["params"]} == {False}
    assert (decayed["weight_decay"], plain["weight_decay"]) == (STAGE.weight_decay, 0.0)
    assert len(decayed["params"]) + len(plain["params"]) == len(list(state.network.parameters()))


def test_the_whole_loop_on_made_up_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    """Through the real stream and its worker process: what is said is measured, and a look's time is not the stage's."""
    stream, progress, said = end_to_end.batches, list[float](), list[str]()

    def listening(maker: PairMaker, recipe: Any, shared: Any, *rest: Any) -> Iterator[Batch]:
        for batch in stream(maker, recipe, shared, *rest):
            progress.append(shared.value)
            clock[0] += 61
            yield batch

    def look(state: State) -> str:
        clock[0] += 10_000
        return f"looked at {state.pictures}"

    monkeypatch.setattr(end_to_end, "batches", listening)
    monkeypatch.setattr(end_to_end, "LOOK_EVERY_SECONDS", 100.0)
    stage = Stage(minutes=4, input_size=64, pairs=2, learning_rate=1e-3, hardness=(0.0, 0.5), strength=(1.0, 0.5))
    state = fresh(stage=stage)
    maker = PairMaker([labelled_face("real", n, side=96) for n in range(3)])
    train_stage(state, stage, maker, tmp_path / "run.pt", 0, said.append, look=look)
    assert state.pictures == 4 * 2 * 2
    assert progress == pytest.approx([0.0, 0.25, 0.51, 0.76], abs=0.02)
    words = [line.split()[2] for line in said if "pictures" in line]
    assert words == ["4", "8", "12", "16"]
    assert [line for line in said if line.startswith("looked")] == ["looked at 8", "looked at 16"]
    assert state.seconds < 250
    assert (tmp_path / "run.pt").exists()
    assert all(bool(torch.isfinite(tensor.float()).all()) for tensor in state.average.values())


def test_a_teachers_answers_are_learnt_in_place_of_labels_and_maps() -> None:
    """It says the opposite of the labels, only further from zero."""
    batch = easy_batch(900)

    def teacher(pictures: Tensor) -> tuple[Tensor, Tensor]:
        assert torch.equal(pictures, batch.pictures)
        return torch.where(batch.labels == 1, -3.0, 3.0), torch.where(batch.labels == 1, -4.0, 4.0)[:, None, None].expand(-1, 4, 4)

    state = fresh()
    step(state, batch, STAGE, teacher)
    loss, map_loss = state.mean_losses()
    assert loss == pytest.approx(9, abs=3)  # squares, of answers that begin near zero
    assert map_loss == pytest.approx(0.7, abs=0.2)
    for _ in range(40):
        step(state, batch, STAGE, teacher)
    with torch.inference_mode():
        logits, maps = state.network.eval().forward_with_map(prepare(batch.pictures))
    assert fake_logit(logits).tolist() == pytest.approx([3.0] * 4 + [-3.0] * 4, abs=1.5)
    assert (maps.mean((1, 2)) > 0).tolist() == [True] * 4 + [False] * 4


def test_a_stage_asks_its_teacher_for_every_batch(tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    asked, said = list[int](), list[str]()

    def teacher(pictures: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(len(pictures))
        return torch.zeros(len(pictures)), torch.zeros(len(pictures), 4, 4)

    monkeypatch.setattr(end_to_end, "batches", easy_stream([]))
    monkeypatch.setattr(end_to_end, "SAY_EVERY_SECONDS", 0.1)
    state = fresh()
    train_stage(state, STAGE, None, tmp_path / "run.pt", 0, said.append, teacher=teacher)  # type: ignore[arg-type]
    assert sum(asked) == state.pictures > 0
    assert all("score " in line and "label" not in line for line in said) and said
