"""Folds to a checkpoint: each fold evaluated, the best one written, and no trace of a kill."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import tiny_network
from sklearn.metrics import roc_auc_score

from screener.checkpoint import load_checkpoint
from screener.errors import DatasetError, OutputError, SettingsError
from screener.settings import TrainSettings
from screener.training import head_run
from screener.training.folds import FeatureFold
from screener.training.head_run import HeadReport, train_heads
from screener.training.updates import EpochFigures, QuietWatch

from .feature_folds import feature_fold

QUICK = TrainSettings(epochs=2, batch_size=8, learning_rate=3e-3, weight_decay=0.0, l1_factor=0.0, dtype="float32", save_every_seconds=1e-9)
SIZES = {"train": 24, "validation": 40, "test": 12}


class Killed(BaseException):
    pass


class Killer(QuietWatch):
    """Ends the run after so many steps, like a kill."""

    def __init__(self, after: int) -> None:
        self.left = after

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        self.left -= 1
        if not self.left:
            raise Killed


class Notes(QuietWatch):
    def __init__(self) -> None:
        self.folds: list[tuple[int, int, int, int]] = []
        self.epochs: list[EpochFigures] = []

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        self.folds.append((number, of, training_rows, validation_rows))

    def epoch(self, figures: EpochFigures) -> None:
        self.epochs.append(figures)


@pytest.fixture(autouse=True)
def no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer to draw than a tiny head to train, and have tests of their own."""
    monkeypatch.setattr(head_run, "draw_curves", lambda stem, rows: [])


@pytest.fixture(scope="module")
def found(tiny_checkpoint: Path) -> list[FeatureFold]:
    """Three folds of which the second is the easiest."""
    fingerprint = load_checkpoint(tiny_checkpoint).contract.backbone_fingerprint
    return [feature_fold(fingerprint, number, signal, SIZES) for number, signal in ((1, 0.0), (2, 2.0), (3, 0.0))]


@pytest.fixture
def folds(found: list[FeatureFold], monkeypatch: pytest.MonkeyPatch) -> list[FeatureFold]:
    """What `open_folds` finds."""
    monkeypatch.setattr(head_run, "open_folds", lambda path: found)
    return found


@pytest.fixture(scope="module")
def whole(found: list[FeatureFold], tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a run that nothing interrupted."""
    output = tmp_path_factory.mktemp("whole") / "head.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_run, "open_folds", lambda path: found)
        patch.setattr(head_run, "draw_curves", lambda stem, rows: [])
        run(output, tiny_checkpoint, QUICK)
    return output.read_bytes()


def run(output: Path, checkpoint: Path | None, settings: TrainSettings = QUICK, **more: Any) -> HeadReport:
    report = train_heads(Path("folds"), output, settings, checkpoint, **more)
    assert report is not None
    return report


def test_an_epoch_has_the_same_figures_in_the_log_as_in_the_report(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Both are of the weights as they are stored."""
    notes = Notes()
    report = run(tmp_path / "head.safetensors", tiny_checkpoint, watch=notes)
    for fold in report.folds:
        (told,) = [row for row in notes.epochs if (row.fold, row.epoch) == (fold.number, fold.epoch)]
        assert (told.validation_loss, told.validation_auc) == (fold.validation["log_loss"], fold.validation["auc"])


def test_the_best_fold_is_written_with_all_that_was_measured(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    watch = Notes()
    report = run(tmp_path / "out" / "head.safetensors", tiny_checkpoint, watch=watch)
    assert report.chosen == 2
    assert [result.number for result in report.folds] == [1, 2, 3]
    aucs = [result.validation["auc"] for result in report.folds]
    assert report.validation["auc"].mean == pytest.approx(statistics.mean(aucs))
    assert report.validation["auc"].deviation == pytest.approx(statistics.stdev(aucs))
    assert watch.folds == [(number, 3, 24, 40) for number in (1, 2, 3)]
    assert [(row.fold, row.epoch) for row in watch.epochs] == [(fold, epoch) for fold in (1, 2, 3) for epoch in (1, 2)]
    written = load_checkpoint(report.output)
    record = written.contract.figures["head_training"]
    assert record["chosen_fold"] == 2
    assert record["validation_over_folds"]["auc"]["mean"] == pytest.approx(statistics.mean(aucs), abs=1e-6)
    assert [row["test"]["rows"] for row in record["folds"]] == [12, 12, 12]
    assert record["settings"]["epochs"] == 2
    assert "device" not in record["settings"]
    assert sorted(path.name for path in report.output.parent.iterdir() if path.suffix in (".csv", ".safetensors")) == [
        "head.metrics.csv",
        "head.safetensors",
    ]
    assert not (tmp_path / "out" / "head.safetensors.training").exists()


def test_the_checkpoint_answers_as_the_report_says(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    """The stored head on the stored backbone, asked as a scan would ask it, through the network."""
    report = run(tmp_path / "head.safetensors", tiny_checkpoint)
    written, source = load_checkpoint(report.output), load_checkpoint(tiny_checkpoint)
    backbone = {name: tensor for name, tensor in source.state.items() if name.startswith("backbone.")}
    assert all(torch.equal(written.state[name], tensor) for name, tensor in backbone.items())
    test = folds[1].splits["test"]
    with torch.inference_mode():
        answers = written.build_network().head(torch.from_numpy(np.asarray(test.features[np.arange(12)])).float())
    logits = (answers[:, 1] - answers[:, 0]).numpy()
    chosen = next(result for result in report.folds if result.number == 2)
    assert chosen.test["auc"] == pytest.approx(roc_auc_score(test.labels, logits))
    assert chosen.test["accuracy"] == pytest.approx(((logits >= 0) == (test.labels == 1)).mean())


def test_one_fold_can_be_asked_for(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    report = run(tmp_path / "head.safetensors", tiny_checkpoint, fold=3)
    assert [result.number for result in report.folds] == [3]
    assert report.chosen == 3
    with pytest.raises(SettingsError, match="fold: folds has the folds 1, 2, 3, not 7"):
        run(tmp_path / "head.safetensors", tiny_checkpoint, fold=7)


@pytest.mark.parametrize("after", [1, 6, 7, 10, 18])
def test_a_kill_anywhere_leaves_no_trace(folds: list[FeatureFold], whole: bytes, tiny_checkpoint: Path, tmp_path: Path, after: int) -> None:
    """Three batches an epoch, two epochs a fold: kills in the first step, at the ends of epochs and folds, in the last step."""
    killed = tmp_path / "head.safetensors"
    with pytest.raises(Killed):
        run(killed, tiny_checkpoint, watch=Killer(after))
    assert not killed.exists()
    run(killed, tiny_checkpoint)
    assert killed.read_bytes() == whole


def test_another_run_does_not_take_up_an_unfinished_one(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "head.safetensors"
    with pytest.raises(Killed):
        run(output, tiny_checkpoint, watch=Killer(2))
    with pytest.raises(SettingsError, match=r"unfinished run with another settings\.seed \(0 then, 1 now\)"):
        run(output, tiny_checkpoint, replace(QUICK, seed=1))
    run(output, tiny_checkpoint, replace(QUICK, device="cpu", save_every_seconds=60.0))


def test_a_finished_fold_is_not_trained_again(
    folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    real = head_run.train_head
    monkeypatch.setattr(head_run, "train_head", lambda job, *rest: trained.append(job.number) or real(job, *rest))
    with pytest.raises(Killed):
        run(tmp_path / "head.safetensors", tiny_checkpoint, watch=Killer(8))
    run(tmp_path / "head.safetensors", tiny_checkpoint)
    assert trained == [1, 2, 2, 3]


def test_features_of_another_backbone_are_refused(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_run, "open_folds", lambda path: [feature_fold("f" * 64)])
    with pytest.raises(DatasetError, match="its features come from the backbone ffffffffffff"):
        run(tmp_path / "head.safetensors", tiny_checkpoint)
    assert not list(tmp_path.iterdir())


def test_a_legacy_tree_needs_its_backbone_named(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_run, "open_folds", lambda path: [feature_fold("", sizes=SIZES)])
    monkeypatch.setattr(head_run, "backbone_named", lambda name: load_checkpoint(tiny_checkpoint))
    with pytest.raises(SettingsError, match=r"a legacy tree does not say which backbone made its features; name .* --checkpoint"):
        run(tmp_path / "head.safetensors", None)
    report = run(tmp_path / "head.safetensors", tiny_checkpoint)
    assert "legacy tree" in load_checkpoint(report.output).contract.limits


def test_published_weights_serve_as_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not stored in 8 bits, or the head would lie on another backbone than it was trained on."""
    state = {name.split(".", 1)[1]: tensor for name, tensor in tiny_network(4).state_dict().items() if not name.startswith("locator.")}
    torch.save(state, tmp_path / "published.pth")
    backbone = head_run.backbone_named(tmp_path / "published.pth")
    fold = feature_fold(backbone.contract.backbone_fingerprint, sizes=SIZES)
    monkeypatch.setattr(head_run, "open_folds", lambda path: [fold])
    report = run(tmp_path / "head.safetensors", tmp_path / "published.pth")
    assert load_checkpoint(report.output).contract.backbone_fingerprint == backbone.contract.backbone_fingerprint


def test_too_few_reals_for_a_threshold_are_said(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = load_checkpoint(tiny_checkpoint).contract.backbone_fingerprint
    monkeypatch.setattr(head_run, "open_folds", lambda path: [feature_fold(fingerprint)])
    report = run(tmp_path / "head.safetensors", tiny_checkpoint)
    assert report.operating_points == 0
    assert any("too few real validation rows for an operating point" in note for note in report.notes)


def test_a_head_that_has_learnt_nothing_is_said(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    report = run(tmp_path / "head.safetensors", tiny_checkpoint, fold=1)
    auc = report.folds[0].validation["auc"]
    assert any("no better than chance" in note for note in report.notes) == (auc < 0.55)
    assert not any("no better than chance" in note for note in run(tmp_path / "head.safetensors", tiny_checkpoint, fold=2).notes)


def test_an_output_that_is_a_folder_is_refused_before_any_work(folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"is a folder; name the checkpoint file to write"):
        run(tmp_path, tiny_checkpoint)


def test_a_disk_that_fills_up_keeps_the_old_checkpoint(
    folds: list[FeatureFold], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "head.safetensors"
    output.write_bytes(b"the one before")

    def full(*_: Any, **__: Any) -> None:
        raise OutputError(f"{output}: the checkpoint cannot be written (No space left on device)")

    with monkeypatch.context() as patch:
        patch.setattr(head_run, "write_head", full)
        with pytest.raises(OutputError, match="No space left"):
            run(output, tiny_checkpoint)
    assert output.read_bytes() == b"the one before"
    trained = len(run(output, tiny_checkpoint).folds)
    assert trained == 3
    assert load_checkpoint(output).contract.name == "head"
