"""The record of a training, epoch by epoch: a CSV file, and TensorBoard if it is installed and requested.

Knows epochs' figures and files. Does not know how training works.
"""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from screener.errors import SettingsError
from screener.runtime.files import write_whole
from screener.training.updates import EpochFigures

COLUMNS = tuple(field.name for field in fields(EpochFigures))


def write_metrics(path: Path, rows: Sequence[EpochFigures]) -> None:
    """All rows as a CSV file, replaced atomically. Raises OutputError."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in asdict(row).items()} for row in rows)
    write_whole(path, text.getvalue())


class TensorBoardLog:
    """The same numbers for TensorBoard, a curve for each fold. Raises SettingsError if it is not installed."""

    def __init__(self, folder: Path) -> None:
        try:
            module = importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise SettingsError("--tensorboard: TensorBoard is not installed; pip install tensorboard, or leave the option out") from error
        self._folder = folder
        self._module = module
        self._writers: dict[int, Any] = {}

    def add(self, row: EpochFigures) -> None:
        """Add one epoch of one fold; if an epoch is added again, the later values count."""
        if row.fold not in self._writers:
            self._writers[row.fold] = self._module.SummaryWriter(str(self._folder / f"fold-{row.fold}"), purge_step=row.epoch)
        for name, value in asdict(row).items():
            if name not in ("fold", "epoch"):
                self._writers[row.fold].add_scalar(name, value, row.epoch)

    def close(self) -> None:
        """Close the files of all folds."""
        for writer in self._writers.values():
            writer.close()


def _cell(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
