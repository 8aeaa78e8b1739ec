"""What a training loop reports to its observer. Knows numbers only; `progress` draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EpochFigures:
    """The figures of one epoch.

    fold, epoch: from 1. learning_rate: of its last step. training_loss: mean over the rows as trained on, without the penalty.
    l1_penalty: at its end. validation_*: of the weights that would be kept, fake positive, decisions at even odds.
    seconds: wall clock of this epoch, including validation; after an interruption, since it was resumed.
    """

    fold: int
    epoch: int
    learning_rate: float
    training_loss: float
    l1_penalty: float
    validation_loss: float
    validation_auc: float
    validation_accuracy: float
    validation_f1: float
    seconds: float


class TrainingWatch(Protocol):
    """Observes one fold after another: `fold`, then for each epoch any number of `step` and one `epoch`."""

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        """A fold begins: number `number` of the `of` folds that this run trains, from 1."""
        ...

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        """rows_done: number of this epoch's `rows` so far."""
        ...

    def epoch(self, figures: EpochFigures) -> None:
        """An epoch has ended, or was read back from a resumed run."""
        ...


class QuietWatch:
    """Shows nothing."""

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        """Show nothing."""

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        """Show nothing."""

    def epoch(self, figures: EpochFigures) -> None:
        """Show nothing."""
