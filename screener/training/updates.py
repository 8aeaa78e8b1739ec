"""What a training loop tells whoever watches it. Knows numbers only; `progress` draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class EpochFigures:
    """One line of a training's record.

    fold, epoch: from 1. learning_rate: of its last step. training_loss: mean over the rows as the network saw them, without the penalty.
    l1_penalty: at its end. validation_*: of the weights that would be kept, fake positive, decisions at even odds.
    seconds: wall clock of this epoch, validation included; of an epoch that was interrupted, since it was taken up again.
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
    """Hears of one fold after another: `fold`, then for each epoch any number of `step` and one `epoch`."""

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        """A fold begins; the `number`-th of the `of` folds that this run trains, from 1."""
        ...

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        """rows_done: of the `rows` of this epoch, so far."""
        ...

    def epoch(self, figures: EpochFigures) -> None:
        """An epoch has ended, or was read back from a run that is taken up again."""
        ...


class QuietWatch:
    """Hears everything and shows nothing."""

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        """Show nothing."""

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        """Show nothing."""

    def epoch(self, figures: EpochFigures) -> None:
        """Show nothing."""
