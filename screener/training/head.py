"""The loop that trains a head on the features of one fold.

Knows the head, batches of features and how a step is made. Does not know the backbone, which is not needed once features are extracted, nor
checkpoints. Validation runs in `eval()` under `inference_mode`, so that it changes neither batch norm nor anything else.

Everything random in a step depends only on (seed, fold, epoch, step, process), so a resumed run makes the same steps as an uninterrupted
one: bit for bit on a CPU, and on CUDA as far as cuDNN's deterministic kernels allow.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from screener.errors import SettingsError
from screener.model.architecture import CLASS_NAMES, Architecture
from screener.model.network import Head, fake_logit
from screener.runtime.allocator import keep_freed_memory
from screener.scoring import choose_dtype
from screener.settings import TrainSettings
from screener.training.feature_batches import FeatureBatch, batch_count, judging_batches, order_of, training_batches
from screener.training.fold_parts import FoldParts, Part
from screener.training.head_checkpoint import as_stored
from screener.training.head_figures import figures
from screener.training.head_state import PENALISED, HeadState, State, best_epoch, has_stalled, new_state, weights_of
from screener.training.optimisation import add_l1_gradient, class_weights, l1_term, learning_rate, mix, row_losses, update_average
from screener.training.resuming import load_state, save_state
from screener.training.updates import EpochFigures, TrainingWatch
from screener.training.workers import Workers


@dataclass(frozen=True, eq=False)
class FoldJob:
    """Training on one fold.

    number: of the fold. start: the `Head.state_dict()` to start from. state_path: where the unfinished run is saved.
    """

    number: int
    parts: FoldParts
    architecture: Architecture
    start: Mapping[str, Tensor]
    settings: TrainSettings
    state_path: Path


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """state: a `Head.state_dict()`, on the CPU. epoch: that the weights are from, from 1. history: of every epoch, in order."""

    state: State
    epoch: int
    history: list[EpochFigures]


def train_head(job: FoldJob, workers: Workers, watch: TrainingWatch) -> TrainedHead:
    """Train, resuming from `state_path`, until the last epoch or until patience ends.

    Raises DatasetError for unusable features, OutputError if the state cannot be saved, SettingsError if training diverges.
    """
    keep_freed_memory()
    with _repeatable(workers.device):
        loop = _Loop(job, workers, watch)
        while not loop.is_over:
            loop.epoch()
    state = loop.state
    if job.settings.keep == "best" and state.best is not None:
        return TrainedHead(state.best, best_epoch(state.history), state.history)
    return TrainedHead(weights_of(state.judged), len(state.history), state.history)


def head_logits(head: Head, part: Part, settings: TrainSettings, workers: Workers) -> NDArray[np.float64]:
    """(n,) uncalibrated log-odds of fake of every row, in each process; without dropout, and with fixed batch norm statistics."""
    found = np.zeros(len(part))
    mode, precision = head.training, _precision(settings, workers.device)
    workers.copy_buffers(head)
    head.eval()
    with torch.inference_mode(), closing(judging_batches(part, settings.batch_size, workers.rank, workers.count)) as batches:
        logits = []
        for batch in batches:
            with precision:
                answers = head(placed(batch.features, settings, workers.device))
            logits.append(fake_logit(answers).double().cpu().numpy())
    head.train(mode)
    if logits:
        found[workers.rank :: workers.count] = np.concatenate(logits)
    return workers.total(found)


def placed(features: NDArray[np.float16], settings: TrainSettings, device: torch.device) -> Tensor:
    """Features on the device, channels last, in the dtype that the head computes in."""
    dtype = choose_dtype(settings.dtype, device)
    return torch.from_numpy(features).to(device).to(dtype=dtype, memory_format=torch.channels_last)


class _Loop:
    """One fold's training, epoch by epoch."""

    def __init__(self, job: FoldJob, workers: Workers, watch: TrainingWatch) -> None:
        self._job, self._workers, self._watch, self._settings = job, workers, watch, job.settings
        self._train = job.parts.train
        self._batches = batch_count(len(self._train), job.settings.batch_size, workers.count)
        self._weights = class_weights(self._train.labels, job.settings.class_balance, workers.device)
        self.state: HeadState = new_state(job.architecture, job.start, job.settings, workers.device)
        if (saved := load_state(job.state_path)) is not None:
            self.state.take_up(saved)
            for row in self.state.history:
                watch.epoch(row)
        self._shared = workers.shared(self.state.head)
        self._saved_seconds = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.state.epoch >= self._settings.epochs or has_stalled(self.state.history, self._settings.patience)

    def epoch(self) -> None:
        """Run the rest of the current epoch and its validation, and save the results."""
        started, state = time.monotonic(), self.state
        order = order_of(len(self._train), self._settings.seed, self._job.number, state.epoch)
        done = sum(len(rows) for rows in np.array_split(order, self._batches)[: state.step])
        state.head.train()
        stream = training_batches(self._train, order, self._batches, state.step, self._workers.rank, self._workers.count)
        with closing(stream) as batches:
            for batch in batches:
                state.loss_sum += self._learn(batch)
                state.step = batch.number + 1
                done += batch.rows
                self._watch.step(state.epoch + 1, self._settings.epochs, done, len(order))
                if state.step < self._batches:
                    self._save(only_in_time=True)
        self._judge(started)
        self._save(only_in_time=not self.is_over)

    def _learn(self, batch: FeatureBatch) -> float:
        """One step; returns the sum of the losses over its rows, over all processes."""
        settings, state = self._settings, self.state
        numbers = [settings.seed, self._job.number, state.epoch, batch.number, self._workers.rank]
        # Dropout uses the device's generator.
        torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1)))
        features = placed(batch.features, settings, self._workers.device)
        targets = F.one_hot(torch.from_numpy(batch.labels), len(CLASS_NAMES)).float().to(self._workers.device)
        if settings.mixup:
            features, targets = mix(features, targets, settings.mixup, np.random.default_rng([*numbers, 1]))
        step = state.epoch * self._batches + batch.number
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate(settings, step, self._batches)
        with _precision(settings, self._workers.device):
            logits = self._shared(features)
        losses = row_losses(logits, targets, self._weights, settings.label_smoothing)
        state.optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over the processes; the factor makes that the mean over all rows, however they were divided.
        (losses.sum() * (self._workers.count / batch.rows)).backward()  # type: ignore[no-untyped-call]
        if settings.l1_factor:
            add_l1_gradient(PENALISED[settings.l1_scope](state.head), settings.l1_factor)
        state.optimiser.step()
        if state.average:
            update_average(state.average, state.head, settings.average_decay, step)
        return self._finite(float(self._workers.total(np.array([float(losses.detach().sum())]))[0]))

    def _finite(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise SettingsError(
                f"training of fold {self._job.number} diverged in epoch {self.state.epoch + 1}: the loss is no number; "
                f"lower learning_rate ({self._settings.learning_rate:g}) or set dtype to float32"
            )
        return loss

    def _judge(self, started: float) -> None:
        """Validate the epoch that has just ended and add it to the history."""
        settings, state, part = self._settings, self.state, self._job.parts.validation
        found = figures(part.labels, head_logits(self._as_stored(), part, settings, self._workers), [row.name for row in part.rows])
        row = EpochFigures(
            fold=self._job.number,
            epoch=state.epoch + 1,
            learning_rate=float(state.optimiser.param_groups[0]["lr"]),
            training_loss=state.loss_sum / len(self._train),
            l1_penalty=l1_term(PENALISED[settings.l1_scope](state.head), settings.l1_factor) if settings.l1_factor else 0.0,
            # The last step of an epoch shows only here that it diverged, and scores that are no numbers have an AUC by their order.
            validation_loss=self._finite(found["log_loss"]),
            validation_auc=found["auc"],
            validation_accuracy=found["accuracy"],
            validation_f1=found["f1"],
            seconds=time.monotonic() - started,
        )
        state.history.append(row)
        if settings.keep == "best" and best_epoch(state.history) == row.epoch:
            state.best = weights_of(state.judged)
        state.epoch, state.step, state.loss_sum = state.epoch + 1, 0, 0.0
        self._watch.epoch(row)

    def _as_stored(self) -> Head:
        """The head that is judged as it would be read back, so that an epoch has the same figures here as in the report."""
        judged = self.state.judged
        head = Head(self._job.architecture, self._settings.dropout)
        head.load_state_dict(as_stored(weights_of(judged)))
        return head.to(device=self._workers.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _save(self, only_in_time: bool) -> None:
        """Save the state; with `only_in_time` only if the last save was long enough ago."""
        due = time.monotonic() - self._saved_seconds >= self._settings.save_every_seconds
        if self._workers.is_first and (due or not only_in_time):
            save_state(self._job.state_path, self.state.to_dict())
            self._saved_seconds = time.monotonic()


def _precision(settings: TrainSettings, device: torch.device) -> AbstractContextManager[object]:
    dtype = choose_dtype(settings.dtype, device)
    return torch.autocast(device.type, dtype) if dtype == torch.bfloat16 else nullcontext()


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Preserve the caller's random state, and make cuDNN choose the same algorithms every time."""
    cards = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(cards), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        yield
