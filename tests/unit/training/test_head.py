"""The training loop on a tiny head: it learns, evaluation changes nothing, and a kill leaves no trace."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import TINY, tiny_network
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from screener.errors import DatasetError, OutputError, SettingsError
from screener.model.network import Head
from screener.settings import TrainSettings
from screener.training import head as head_module
from screener.training.fold_parts import FoldParts, parts_of
from screener.training.folds import FeatureFold, FoldSplit
from screener.training.head import FoldJob, TrainedHead, head_logits, train_head
from screener.training.head_state import starting_weights
from screener.training.resuming import load_state
from screener.training.updates import EpochFigures, QuietWatch
from screener.training.workers import Workers

from .feature_folds import feature_fold

ALONE = Workers(torch.device("cpu"))
QUICK = TrainSettings(epochs=3, batch_size=8, learning_rate=3e-3, weight_decay=0.0, l1_factor=0.0, dtype="float32")
EVERYTHING = TrainSettings.from_mapping(
    {"preset": "improved", "epochs": 4, "batch_size": 7, "patience": 0, "save_every_seconds": 1e-9, "dtype": "float32"}
)


@dataclass
class Notes(QuietWatch):
    """Remembers what it heard; fails like a kill after so many steps."""

    steps: list[tuple[int, int, int]] = field(default_factory=list)
    epochs: list[EpochFigures] = field(default_factory=list)
    killed_after: int | None = None

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        self.steps.append((epoch, rows_done, rows))
        if len(self.steps) == self.killed_after:
            raise KeyboardInterrupt

    def epoch(self, figures: EpochFigures) -> None:
        self.epochs.append(figures)


def job(folder: Path, settings: TrainSettings = QUICK, parts: FoldParts | None = None, start: str = "checkpoint") -> FoldJob:
    folder.mkdir(exist_ok=True)
    its = parts or parts_of(feature_fold(), 0.2, 0)
    weights = starting_weights(tiny_network().state_dict(), TINY, start, settings.seed)
    return FoldJob(1, its, TINY, weights, settings, folder / "state")


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    watch = Notes()
    trained = train_head(job(tmp_path, replace(QUICK, epochs=8), start="layer4"), ALONE, watch)
    assert trained.history == watch.epochs
    assert [row.epoch for row in trained.history] == list(range(1, 9))
    assert trained.epoch == 8
    assert trained.history[-1].validation_auc > 0.9
    assert trained.history[-1].training_loss < 0.8 * trained.history[0].training_loss


def test_it_learns_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    parts = parts_of(feature_fold(signal=0.0, sizes={"train": 60, "validation": 60}), 0.2, 0)
    trained = train_head(job(tmp_path, parts=parts), ALONE, QuietWatch())
    assert 0.25 < trained.history[-1].validation_auc < 0.75


def test_progress_counts_the_rows_of_each_epoch(tmp_path: Path) -> None:
    watch = Notes()
    train_head(job(tmp_path, replace(QUICK, epochs=2)), ALONE, watch)
    assert watch.steps == [(epoch, rows, 24) for epoch in (1, 2) for rows in (8, 16, 24)]


def test_one_published_step_is_adam_on_cross_entropy_and_l1(tmp_path: Path) -> None:
    """Against the textbook: autograd through the penalty, PyTorch's own Adam with its coupled decay, one batch of everything."""
    settings = TrainSettings(epochs=1, batch_size=24, dropout=0.0, dtype="float32")
    task = job(tmp_path, settings)
    trained = train_head(task, ALONE, QuietWatch())
    head = Head(TINY, 0.0).train()
    head.load_state_dict(task.start)
    part = task.parts.train
    logits = head(torch.from_numpy(part.features(np.arange(24))).float())
    cross_entropy = nn.functional.cross_entropy(logits, torch.from_numpy(part.labels))
    penalty = 0.001 * sum(p.abs().sum() for p in head.parameters())
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-3, weight_decay=0.1)
    (cross_entropy + penalty).backward()
    optimiser.step()
    for name, expected in head.state_dict().items():
        assert torch.allclose(trained.state[name].float(), expected.float(), atol=2e-5), name
    row = trained.history[0]
    assert row.training_loss == pytest.approx(cross_entropy.item(), rel=1e-4)
    assert row.l1_penalty == pytest.approx(0.001 * sum(p.abs().sum().item() for p in head.parameters()), rel=1e-4)


def test_judging_moves_nothing_and_uses_no_dropout() -> None:
    torch.manual_seed(0)
    head = Head(TINY, dropout=0.9)
    head.load_state_dict(starting_weights(tiny_network().state_dict(), TINY, "checkpoint", 0))
    head.train()
    before = copy.deepcopy(head.state_dict())
    part = parts_of(feature_fold(), 0.2, 0).validation
    first, again = (head_logits(head, part, QUICK, ALONE) for _ in range(2))
    assert head.training
    assert same(head.state_dict(), before)
    assert np.array_equal(first, again)
    with torch.inference_mode():
        answers = head.eval()(torch.from_numpy(part.features(np.arange(len(part)))).float())
    assert np.allclose(first, (answers[:, 1] - answers[:, 0]).numpy(), atol=1e-5)
    one_by_one = head_logits(head, part, replace(QUICK, batch_size=2), ALONE)
    assert np.allclose(one_by_one, first, atol=1e-5)


def test_the_figures_of_an_epoch_are_those_of_the_weights_kept(tmp_path: Path) -> None:
    task = job(tmp_path)
    trained = train_head(task, ALONE, QuietWatch())
    head = Head(TINY, 0.0)
    head.load_state_dict(trained.state)
    part = task.parts.validation
    logits = head_logits(head, part, QUICK, ALONE)
    assert trained.history[-1].validation_auc == pytest.approx(roc_auc_score(part.labels, logits))
    assert trained.history[-1].validation_accuracy == pytest.approx(((logits >= 0) == (part.labels == 1)).mean())


def test_validation_data_does_not_change_what_is_learnt(tmp_path: Path) -> None:
    """The published run let validation move batch norm."""
    fold = feature_fold()
    other = feature_fold(number=2)
    parts = parts_of(fold, 0.2, 0)
    swapped = FoldParts(parts.train, parts_of(other, 0.2, 0).validation, None)
    one = train_head(job(tmp_path / "a", parts=parts), ALONE, QuietWatch())
    two = train_head(job(tmp_path / "b", parts=swapped), ALONE, QuietWatch())
    assert one.history[-1].validation_loss != two.history[-1].validation_loss
    assert same(one.state, two.state)


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    runs = []
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(number)  # What the caller draws must not matter.
        runs.append(train_head(job(tmp_path / str(number), replace(QUICK, seed=seed)), ALONE, QuietWatch()))
    assert same(runs[0].state, runs[1].state)
    assert not same(runs[0].state, runs[2].state)


def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    task = job(tmp_path, replace(QUICK, epochs=1))
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train_head(task, ALONE, QuietWatch())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("settings", [EVERYTHING, replace(QUICK, save_every_seconds=1e-9)], ids=["improved", "plain"])
@pytest.mark.parametrize("killed_after", [1, 4, 5, 9])
def test_a_killed_run_ends_as_if_it_had_not_been(tmp_path: Path, settings: TrainSettings, killed_after: int) -> None:
    whole = train_head(job(tmp_path / "whole", settings), ALONE, QuietWatch())
    task, watch = job(tmp_path / "killed", settings), Notes(killed_after=killed_after)
    with pytest.raises(KeyboardInterrupt):
        train_head(task, ALONE, watch)
    saved = load_state(task.state_path)
    if killed_after > 1:
        assert saved is not None
    after = Notes()
    resumed = train_head(task, ALONE, after)
    assert same(resumed.state, whole.state)
    assert [replace(row, seconds=0) for row in resumed.history] == [replace(row, seconds=0) for row in whole.history]
    # What was done before the kill is not done again.
    assert len(watch.steps) + len(after.steps) <= len(whole.history) * -(-24 // settings.batch_size) + 1
    assert [row.epoch for row in after.epochs] == list(range(1, settings.epochs + 1))


def test_a_finished_run_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = job(tmp_path)
    first = train_head(task, ALONE, QuietWatch())
    monkeypatch.setattr(head_module, "training_batches", None)
    again = train_head(task, ALONE, QuietWatch())
    assert same(first.state, again.state)


def test_states_are_kept_no_more_often_than_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(head_module, "save_state", lambda path, content: saved.append(content["epoch"]))
    train_head(job(tmp_path, replace(QUICK, save_every_seconds=3600)), ALONE, QuietWatch())
    assert saved == [3]


def scripted(monkeypatch: pytest.MonkeyPatch, aucs: list[float]) -> None:
    """Validation AUC by epoch as a script says; the loss the same in all."""
    left = iter(aucs)
    real = head_module.figures

    def figures(*arguments: Any) -> dict[str, float]:
        return {**real(*arguments), "auc": next(left), "log_loss": 0.5}

    monkeypatch.setattr(head_module, "figures", figures)


def test_patience_ends_training_and_the_best_weights_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.5, 0.9, 0.8, 0.7, 0.95])
    settings = replace(QUICK, epochs=5, patience=2, keep="best")
    stopped = train_head(job(tmp_path / "stopped", settings), ALONE, QuietWatch())
    assert (len(stopped.history), stopped.epoch) == (4, 2)
    monkeypatch.undo()
    two = train_head(job(tmp_path / "two", replace(QUICK, epochs=2)), ALONE, QuietWatch())
    assert same(stopped.state, two.state)


def test_the_last_weights_are_kept_where_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.9, 0.5, 0.5])
    assert train_head(job(tmp_path), ALONE, QuietWatch()).epoch == 3


def test_the_average_is_what_is_judged_and_kept(tmp_path: Path) -> None:
    plain = train_head(job(tmp_path / "plain"), ALONE, QuietWatch())
    averaged = train_head(job(tmp_path / "average", replace(QUICK, average_decay=0.999)), ALONE, QuietWatch())
    saved = load_state(tmp_path / "average" / "state")
    assert saved is not None
    assert same(saved["head"], plain.state)
    assert same(saved["average"], averaged.state)
    assert not same(averaged.state, plain.state)


def test_a_row_that_is_no_number_stops_the_run_by_name(tmp_path: Path) -> None:
    fold = feature_fold()
    values = np.array(fold.splits["train"].features[np.arange(24)])
    values[5, 0, 0, 0] = np.nan
    broken = FeatureFold(
        fold.folder, 1, "", fold.preprocessing, fold.feature_shape,
        {**fold.splits, "train": FoldSplit("train", fold.splits["train"].rows, values)},
    )  # fmt: skip
    with pytest.raises(DatasetError, match=r"row 5 of split train \(train-5\.png\)"):
        train_head(job(tmp_path, parts=parts_of(broken, 0.2, 0)), ALONE, QuietWatch())


def test_a_loss_that_explodes_is_said_and_not_kept(tmp_path: Path) -> None:
    task = job(tmp_path, replace(QUICK, optimiser="sgd", learning_rate=1e30, save_every_seconds=1e-9))
    with pytest.raises(SettingsError, match=r"training of fold 1 diverged in epoch \d: the loss is no number; lower learning_rate"):
        train_head(task, ALONE, QuietWatch())


def test_a_last_step_that_explodes_is_said_too(tmp_path: Path) -> None:
    """Its own loss is of the weights before it."""
    task = job(tmp_path, replace(QUICK, optimiser="sgd", learning_rate=1e30, epochs=1, batch_size=24, warm_up_epochs=0))
    with pytest.raises(SettingsError, match="training of fold 1 diverged in epoch 1: the loss is no number; lower learning_rate"):
        train_head(task, ALONE, QuietWatch())


def test_a_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="No space left on device"):
        train_head(job(tmp_path), ALONE, QuietWatch())
    assert not list(tmp_path.iterdir())


def test_bfloat16_learns_too(tmp_path: Path) -> None:
    trained: TrainedHead = train_head(job(tmp_path, replace(QUICK, epochs=6, dtype="bfloat16"), start="layer4"), ALONE, QuietWatch())
    assert trained.history[-1].validation_auc > 0.9
    assert trained.state["fc.weight"].dtype == torch.float32
