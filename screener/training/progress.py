"""Shows the progress of a training: a live table with a bar on a terminal, a line per epoch elsewhere, nothing when quiet.

Knows `TrainingWatch` and rich. Does not know networks or files.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from screener.report.output import Output
from screener.training.updates import EpochFigures, QuietWatch, TrainingWatch

SHOWN_EPOCHS = 12
"""Lines of the live table; the CSV file keeps all epochs."""

COLUMNS = ("fold", "epoch", "rate", "train loss", "loss", "AUC", "accuracy", "F1", "seconds")


class Display(TrainingWatch, Protocol):
    """A watch that is also a context manager; exceptions pass."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class QuietDisplay(QuietWatch):
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


class PlainDisplay(QuietDisplay):
    """A line per fold and per epoch, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._output = Output(stream, "standard error")

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        """Write that a fold begins, and its numbers of rows."""
        self._output.write(f"fold {number} of {of}: {training_rows:,} rows to learn from, {validation_rows:,} to validate on\n")

    def epoch(self, figures: EpochFigures) -> None:
        """Write the figures of the epoch."""
        f = figures
        self._output.write(
            f"fold {f.fold} epoch {f.epoch}: train loss {f.training_loss:.4f}  validation loss {f.validation_loss:.4f}  "
            f"AUC {f.validation_auc:.4f}  accuracy {f.validation_accuracy:.4f}  F1 {f.validation_f1:.4f}  {f.seconds:.1f} s\n"
        )


class LiveDisplay(QuietDisplay):
    """A table of the last epochs, the best of each fold in bold, over a bar of the current one."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, force_terminal=True)
        self._rows: list[EpochFigures] = []
        self._title = ""
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task: TaskID | None = None
        self._speed = _Speed()
        # Results go to standard output, which may be a file; rich must not redirect them to this console.
        self._live = Live(console=self._console, redirect_stdout=False, redirect_stderr=False, get_renderable=self._drawing)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._live.stop()

    def fold(self, number: int, of: int, training_rows: int, validation_rows: int) -> None:
        """Put the fold and its numbers of rows into the title."""
        self._title = f"fold {number} of {of}: {training_rows:,} rows to learn from, {validation_rows:,} to validate on"

    def step(self, epoch: int, epochs: int, rows_done: int, rows: int) -> None:
        """Move the bar; it starts over with each epoch."""
        words = f"epoch {epoch} of {epochs}"
        if self._task is None:
            self._task = self._bar.add_task(words, total=rows, speed="")
        if rows_done < self._speed.rows_done:
            self._bar.reset(self._task, total=rows, description=words, speed="")
        self._bar.update(self._task, description=words, completed=rows_done, total=rows, speed=self._speed.after(rows_done))

    def epoch(self, figures: EpochFigures) -> None:
        """Add a row to the table."""
        self._rows.append(figures)
        self._live.refresh()

    def _drawing(self) -> Group:
        table = Table(*COLUMNS, title=self._title, title_justify="left", box=None, header_style="bold")
        for row in self._rows[-SHOWN_EPOCHS:]:
            best = row.validation_auc == max(r.validation_auc for r in self._rows if r.fold == row.fold)
            table.add_row(*_cells(row), style="bold green" if best else "")
        return Group(table, self._bar)


class _Speed:
    """Rows per second since the bar of this epoch began."""

    def __init__(self) -> None:
        self.rows_done = 0
        self._first = 0
        self._since_seconds = time.monotonic()

    def after(self, rows_done: int) -> str:
        if rows_done < self.rows_done or not self.rows_done:
            self._first, self._since_seconds = rows_done, time.monotonic()
        self.rows_done = rows_done
        taken = time.monotonic() - self._since_seconds
        return f"{(rows_done - self._first) / taken:.0f} rows/s" if rows_done > self._first and taken > 0 else ""


def _cells(row: EpochFigures) -> list[str]:
    scores = (row.training_loss, row.validation_loss, row.validation_auc, row.validation_accuracy, row.validation_f1)
    return [str(row.fold), str(row.epoch), f"{row.learning_rate:.2g}", *(f"{score:.4f}" for score in scores), f"{row.seconds:.1f}"]


def display_for(stream: TextIO | None, quiet: bool = False) -> Display:
    """The display for `stream`: live on a suitable terminal, else plain lines; none if quiet or without a stream."""
    if quiet or stream is None:
        return QuietDisplay()
    if stream.isatty() and not Console(file=stream).is_dumb_terminal:
        return LiveDisplay(stream)
    return PlainDisplay(stream)
