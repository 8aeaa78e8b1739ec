"""The CSV file, and TensorBoard as far as it can be tested without the package."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from screener.errors import OutputError, SettingsError
from screener.training.metrics_log import COLUMNS, TensorBoardLog, write_metrics
from screener.training.updates import EpochFigures


def row(fold: int = 1, epoch: int = 1, **changes: Any) -> EpochFigures:
    values: dict[str, Any] = {
        "learning_rate": 1e-3, "training_loss": 0.7, "l1_penalty": 0.0, "validation_loss": 0.65432109, "validation_auc": 0.75,
        "validation_accuracy": 0.5, "validation_f1": 0.25, "seconds": 12.5,
    }  # fmt: skip
    return EpochFigures(fold, epoch, **{**values, **changes})


def test_every_epoch_is_a_row_of_plain_numbers(tmp_path: Path) -> None:
    write_metrics(tmp_path / "m.csv", [row(), row(epoch=2, validation_auc=1 / 3), row(fold=2)])
    with (tmp_path / "m.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == list(COLUMNS)
    assert [(r["fold"], r["epoch"]) for r in found] == [("1", "1"), ("1", "2"), ("2", "1")]
    assert float(found[1]["validation_auc"]) == pytest.approx(1 / 3, abs=1e-6)
    assert float(found[0]["validation_loss"]) == pytest.approx(0.65432109, abs=1e-6)


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    write_metrics(path, [row(), row(epoch=2)])
    write_metrics(path, [row()])
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(OutputError, match="cannot be written"):
        write_metrics(tmp_path / "missing" / "m.csv", [row()])


def test_tensorboard_that_is_not_there_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingsError, match="--tensorboard: TensorBoard is not installed; pip install tensorboard"):
        TensorBoardLog(tmp_path)


def test_tensorboard_gets_every_number_of_every_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str, float, int]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            self.name = Path(folder).name
            heard.append((self.name, "purged from", purge_step, 0))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            heard.append((self.name, name, value, step))

        def close(self) -> None:
            heard.append((self.name, "closed", 0, 0))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    log = TensorBoardLog(tmp_path)
    for its in (row(epoch=3), row(epoch=4), row(fold=2)):
        log.add(its)
    log.close()
    assert ("fold-1", "purged from", 3, 0) in heard
    assert ("fold-1", "validation_auc", 0.75, 4) in heard
    assert ("fold-2", "validation_loss", 0.65432109, 1) in heard
    assert [name for name, what, *_ in heard if what == "closed"] == ["fold-1", "fold-2"]
    assert not {"fold", "epoch"} & {what for _, what, *_ in heard}
