"""A folder of feature folds in, one checkpoint out: every fold is trained and evaluated, the best one calibrated and written.

Connects folds, the loop, the record and the checkpoint. Does not know how a step is made or what the terminal looks like.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint, require_checkpoint_name
from screener.checkpoint.json_fields import printable
from screener.errors import DatasetError, SettingsError
from screener.model.network import Head
from screener.runtime.files import make_folder
from screener.settings import TrainSettings
from screener.training.curves import MISSING, draw_curves
from screener.training.fold_parts import FoldParts, Part, parts_of
from screener.training.folds import FeatureFold, feature_files, open_folds, require_backbone
from screener.training.head import FoldJob, head_logits, train_head
from screener.training.head_checkpoint import (
    as_stored,
    contract_for,
    plain_record,
    preprocessing_for,
    rows_sha256,
    write_head,
)
from screener.training.head_figures import Spread, figures, spread
from screener.training.head_state import State, starting_weights
from screener.training.metrics_log import TensorBoardLog, write_metrics
from screener.training.resuming import RunFolder, load_state, save_state
from screener.training.starting_points import backbone_named
from screener.training.updates import EpochFigures, QuietWatch, TrainingWatch
from screener.training.workers import Workers, joined

UNCHANGING = ("device", "dtype", "save_every_seconds")
"""Settings that may differ when a run is resumed."""

NEAR_CHANCE_AUC = 0.55
"""Below this the report warns, because the calibrated probabilities of such a head look like any others."""


@dataclass(frozen=True, eq=False)
class FoldResult:
    """The result of training on one fold.

    epoch: that the kept weights are from, from 1. state: these weights, a `Head.state_dict()` as stored. history: of every epoch.
    validation, test: see `head_figures.figures`; test is empty if the fold has none. logits: (n,) of the validation rows.
    """

    number: int
    epoch: int
    state: State
    history: list[EpochFigures]
    validation: dict[str, float]
    test: dict[str, float]
    logits: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeadReport:
    """The report at the end. chosen: number of the fold whose head was written. notes: problems, in words."""

    output: Path
    metrics: Path
    curves: list[Path]
    folds: list[FoldResult]
    chosen: int
    validation: dict[str, Spread]
    test: dict[str, Spread]
    operating_points: int
    notes: list[str]


def train_heads(
    folder: Path,
    output: Path,
    settings: TrainSettings,
    checkpoint: str | Path | None = None,
    fold: int | None = None,
    watch: TrainingWatch | None = None,
    tensorboard: Path | None = None,
) -> HeadReport | None:
    """Train a head on every fold in `folder`, or only on fold number `fold`, and write the best by validation AUC to `output`.

    checkpoint: with the backbone that made the features, as in `starting_points.backbone_named`; None is the default one. A stop loses
    little: the same call continues from `<output>.training`. With `torchrun`, all processes call this; only the first one writes, shows and
    returns the report. Raises DatasetError, CheckpointError, SettingsError, DeviceError and OutputError, and then leaves `output`
    unchanged.
    """
    require_checkpoint_name(output)
    backbone = backbone_named(checkpoint)
    folds = _chosen_folds(open_folds(folder), fold, folder)
    if checkpoint is None and not all(f.backbone_fingerprint for f in folds):
        raise SettingsError(
            f"{folder}: a legacy tree does not say which backbone made its features; name the checkpoint that holds it with --checkpoint"
        )
    parts = [_checked_parts(f, backbone, settings) for f in folds]
    with joined(settings.device) as workers:
        run = _HeadRun(output, settings, backbone, folds, parts, workers)
        return run.all(watch if watch and workers.is_first else QuietWatch(), tensorboard)


def _chosen_folds(folds: list[FeatureFold], number: int | None, folder: Path) -> list[FeatureFold]:
    chosen = [fold for fold in folds if number in (None, fold.number)]
    if not chosen:
        raise SettingsError(f"fold: {folder} has the folds {', '.join(str(f.number) for f in folds)}, not {number}")
    return chosen


def _checked_parts(fold: FeatureFold, backbone: Checkpoint, settings: TrainSettings) -> FoldParts:
    require_backbone(fold, backbone.contract.backbone_fingerprint)
    preprocessing_for(fold, backbone)
    return parts_of(fold, settings.validation_share, settings.seed)


class _HeadRun:
    """One call of `train_heads`, in one process."""

    def __init__(
        self,
        output: Path,
        settings: TrainSettings,
        backbone: Checkpoint,
        folds: list[FeatureFold],
        parts: list[FoldParts],
        workers: Workers,
    ) -> None:
        self._output, self._settings, self._backbone = output, settings, backbone
        self._folds, self._parts, self._workers = folds, parts, workers
        self._folder = RunFolder(output)
        self._metrics = output.with_name(f"{output.stem}.metrics.csv")

    def all(self, watch: TrainingWatch, tensorboard: Path | None) -> HeadReport | None:
        with self._folder:
            return self._all(watch, tensorboard)

    def _all(self, watch: TrainingWatch, tensorboard: Path | None) -> HeadReport | None:
        board = TensorBoardLog(tensorboard) if tensorboard and self._workers.is_first else None
        if self._workers.is_first:
            make_folder(self._output.parent)
            self._folder.open(self._identity(), self._files())
        self._workers.wait()
        results: list[FoldResult] = []
        with closing(board) if board else nullcontext():
            for number, (fold, parts) in enumerate(zip(self._folds, self._parts, strict=True), 1):
                watch.fold(number, len(self._folds), len(parts.train), len(parts.validation))
                listener = _Recorder(watch, board, self._metrics, results) if self._workers.is_first else QuietWatch()
                with self._kept_for_a_repeat():
                    results.append(self._one(fold, parts, listener))
        self._workers.wait()
        return self._finish(results) if self._workers.is_first else None

    @contextmanager
    def _kept_for_a_repeat(self) -> Iterator[None]:
        """Delete the saved state if features or settings are at fault: repeated, the run would fail again; corrected, it is another run."""
        try:
            yield
        except (DatasetError, SettingsError):
            if self._workers.is_first:
                self._folder.remove()
            raise

    def _identity(self) -> dict[str, Any]:
        plain = {name: value for name, value in self._settings.to_dict().items() if name not in UNCHANGING}
        data = {str(fold.number): rows_sha256(fold) for fold in self._folds}
        return {"settings": plain, "data": data, "backbone": self._backbone.sha256}

    def _files(self) -> dict[str, Path]:
        """The feature files, by their names in the folder of the folds."""
        paths = [path for fold in self._folds for path in feature_files(fold)]
        root = os.path.commonpath([path.parent for path in paths]) if paths else ""
        return {os.path.relpath(path, root): path for path in paths}

    def _one(self, fold: FeatureFold, parts: FoldParts, watch: TrainingWatch) -> FoldResult:
        """Train on a fold, resuming if possible; its result is saved, so that a kill in a later fold does not lose it."""
        done = self._folder.file(f"fold-{fold.number}.result")
        kept = load_state(done)
        if kept is not None:
            result = _result_from(kept)
            for row in result.history:
                watch.epoch(row)
            return result
        architecture, settings = self._backbone.contract.architecture, self._settings
        start = starting_weights(self._backbone.state, architecture, settings.head_start, settings.seed)
        state_path = self._folder.file(f"fold-{fold.number}.state")
        trained = train_head(FoldJob(fold.number, parts, architecture, start, settings, state_path), self._workers, watch)
        state = as_stored(trained.state)
        head = Head(architecture, settings.dropout)
        head.load_state_dict(state)
        head.to(device=self._workers.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        logits, validation = self._judge(head, parts.validation)
        test = self._judge(head, parts.test)[1] if parts.test is not None else {}
        result = FoldResult(fold.number, trained.epoch, state, trained.history, validation, test, logits)
        if self._workers.is_first:
            save_state(done, _result_to(result))
            state_path.unlink(missing_ok=True)
        return result

    def _judge(self, head: Head, part: Part) -> tuple[NDArray[np.float64], dict[str, float]]:
        logits = head_logits(head, part, self._settings, self._workers)
        return logits, figures(part.labels, logits, [row.name for row in part.rows])

    def _finish(self, results: list[FoldResult]) -> HeadReport:
        chosen = max(results, key=lambda result: (result.validation["auc"], -result.number))
        place = results.index(chosen)
        validation, test = spread([r.validation for r in results]), spread([r.test for r in results])
        record = _record(self._settings, self._backbone, results, chosen, validation, test)
        contract = contract_for(self._backbone, printable(self._output.stem), self._folds[place], self._parts[place], chosen.logits, record)
        history = [row for result in results for row in result.history]
        write_metrics(self._metrics, history)
        curves = draw_curves(self._output.with_name(f"{self._output.stem}.curves"), history)
        write_head(self._output, self._backbone, chosen.state, contract)
        self._folder.remove()
        notes = [] if curves else [MISSING]
        if chosen.validation["auc"] < NEAR_CHANCE_AUC:
            notes.append(f"a validation AUC of {chosen.validation['auc']:.2f} is no better than chance: this head has not learnt to tell")
        if not contract.operating_points:
            notes.append("too few real validation rows for an operating point; scan with --threshold, or calibrate the checkpoint first")
        return HeadReport(
            self._output,
            self._metrics,
            curves,
            results,
            chosen.number,
            validation,
            test,
            len(contract.operating_points),
            notes,
        )


class _Recorder(QuietWatch):
    """Passes everything on to the watch, and keeps the record of this fold and the earlier ones up to date on the disk."""

    def __init__(self, watch: TrainingWatch, board: TensorBoardLog | None, metrics: Path, before: Sequence[FoldResult]) -> None:
        self._watch, self._board, self._metrics = watch, board, metrics
        self._rows = [row for result in before for row in result.history]

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        self._watch.step(epoch, epochs, rows_done, rows)

    def epoch(self, figures: EpochFigures) -> None:
        self._rows.append(figures)
        write_metrics(self._metrics, self._rows)
        if self._board:
            self._board.add(figures)
        self._watch.epoch(figures)


def _record(
    settings: TrainSettings,
    backbone: Checkpoint,
    results: Sequence[FoldResult],
    chosen: FoldResult,
    validation: dict[str, Spread],
    test: dict[str, Spread],
) -> dict[str, Any]:
    """The training record for the contract: only values that another run of the same command would reproduce."""
    return plain_record(
        {
            "backbone": {"name": backbone.contract.name, "sha256": backbone.sha256},
            "settings": {name: value for name, value in settings.to_dict().items() if name not in UNCHANGING},
            "folds": [{"fold": r.number, "epoch": r.epoch, "validation": r.validation, "test": r.test} for r in results],
            "chosen_fold": chosen.number,
            "validation_over_folds": validation,
            "test_over_folds": test,
        }
    )


def _result_to(result: FoldResult) -> dict[str, Any]:
    return {
        "number": result.number,
        "epoch": result.epoch,
        "state": result.state,
        "history": [asdict(row) for row in result.history],
        "validation": result.validation,
        "test": result.test,
        "logits": torch.from_numpy(result.logits),
    }


def _result_from(content: dict[str, Any]) -> FoldResult:
    history = [EpochFigures(**row) for row in content["history"]]
    return FoldResult(**{**content, "history": history, "logits": content["logits"].numpy()})
