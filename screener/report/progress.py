"""What a run shows on standard error while it works: a bar on a terminal, at most a line per input elsewhere, nothing when quiet.

Knows names, counts and the finished verdict. Nothing is drawn between `done` and the next `start`, so that results can be printed there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from screener.records import Verdict
from screener.report.output import Output
from screener.report.wording import clock, counted, shortened, visible


class ScanProgress(Protocol):
    """One input at a time: `start`, any number of `advance`, `done`. A context manager that suppresses no exception."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def loading(self) -> AbstractContextManager[None]:
        """Around the loading of the models, before anything is judged."""
        ...

    def start(self, name: str) -> None:
        """A new input."""
        ...

    def advance(self, frames_done: int, expected_frames: int | None = None) -> None:
        """frames_done: frames of this input so far. expected_frames: its total, None or 0 if unknown."""
        ...

    def done(self, verdict: Verdict) -> None:
        """An input is judged."""
        ...

    def known(self, verdict: Verdict) -> None:
        """Instead of `done`, for an input that an earlier run has judged."""
        ...


class QuietProgress:
    """Shows nothing."""

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Around the loading of the models, before anything is judged."""
        yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def start(self, name: str) -> None:
        """A new input."""

    def advance(self, frames_done: int, expected_frames: int | None = None) -> None:
        """Frames judged so far, and how many are expected, None if unknown."""

    def done(self, verdict: Verdict) -> None:
        """An input is judged."""

    def known(self, verdict: Verdict) -> None:
        """An input that an earlier run has judged."""


class _Pace:
    """Estimates the remaining time from the mean of the inputs judged so far; inputs judged by an earlier run do not count."""

    def __init__(self, inputs: int | None) -> None:
        self._inputs, self._ended, self._judged, self._seconds = inputs, 0, 0, 0.0

    def ended(self, seconds: float | None) -> None:
        """seconds: time spent on the input; None if an earlier run has judged it."""
        self._ended += 1
        self._judged += seconds is not None
        self._seconds += seconds or 0.0

    def left(self) -> str:
        """`, about 1:20 left`; empty if nothing is left or no estimate is possible."""
        waiting = (self._inputs or 0) - self._ended
        if waiting <= 0 or not self._judged:
            return ""
        return f", about {clock(waiting * self._seconds / self._judged, 0)} left"


class PlainProgress(QuietProgress):
    """A line per finished input, for logs: `[3/12] clip.mp4: 32 frames judged in 4.1 s, about 0:37 left`."""

    def __init__(self, stream: TextIO, inputs: int | None = None) -> None:
        self._output = Output(stream, "standard error")
        self._of = f"/{inputs}" if inputs else ""
        self._count = 0
        self._pace = _Pace(inputs)
        self._last_done_seconds = time.monotonic()

    def __enter__(self) -> Self:
        self._last_done_seconds = time.monotonic()  # the models have been loaded by now
        return self

    def done(self, verdict: Verdict) -> None:
        """An input is judged."""
        now = time.monotonic()
        taken_seconds, self._last_done_seconds = now - self._last_done_seconds, now
        self._pace.ended(taken_seconds)
        self._line(verdict, f"{counted(verdict.video.frames_judged, 'frame')} judged in {taken_seconds:.1f} s{self._pace.left()}")

    def known(self, verdict: Verdict) -> None:
        """An input that an earlier run has judged."""
        self._last_done_seconds = time.monotonic()
        self._pace.ended(None)
        self._line(verdict, "judged before")

    def _line(self, verdict: Verdict, what: str) -> None:
        self._count += 1
        self._output.write(f"[{self._count}{self._of}] {visible(verdict.source)}: {what}\n")


class BarProgress(QuietProgress):
    """A bar that is drawn while an input is judged, and removed afterwards."""

    def __init__(self, stream: TextIO, inputs: int | None = None) -> None:
        self._console = Console(file=stream, force_terminal=True)
        self._of = f"/{inputs}" if inputs else ""
        self._count = 0
        self._pace = _Pace(inputs)
        self._begun_seconds = 0.0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """A spinner while the models are loaded, which on a slow disk takes seconds."""
        with Progress(SpinnerColumn(), TextColumn("loading models"), TimeElapsedColumn(), console=self._console, transient=True) as bar:
            bar.add_task("", total=None)
            yield

    def start(self, name: str) -> None:
        """A new input."""
        self._stop()
        self._begun_seconds = time.monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            # Markup is off: a file may be called [red] or [/x].
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            # Results go to standard output, which may be a file: rich must not redirect them to this console.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        head = f"[{self._count + 1}{self._of}{self._pace.left()}] "
        label = head + shortened(visible(name), max(16, self._console.width - 50 - len(head)))
        self._task = self._bar.add_task(label, total=None)
        self._bar.start()

    def advance(self, frames_done: int, expected_frames: int | None = None) -> None:
        """Frames judged so far, and how many are expected, None if unknown."""
        if self._bar is not None:
            self._bar.update(self._task, completed=frames_done, total=expected_frames or None)

    def done(self, verdict: Verdict) -> None:
        """An input is judged."""
        self._pace.ended(time.monotonic() - self._begun_seconds)
        self._count += 1
        self._stop()

    def known(self, verdict: Verdict) -> None:
        """An input that an earlier run has judged."""
        self._pace.ended(None)
        self._count += 1
        self._stop()

    def _stop(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()


def progress_for(stream: TextIO | None, quiet: bool = False, inputs: int | None = None) -> ScanProgress:
    """The progress display for `stream`: a bar on a terminal that supports it, else plain lines; nothing if quiet or without a stream.

    inputs: number of inputs of the run, None if unknown.
    """
    if quiet or stream is None:
        return QuietProgress()
    if stream.isatty() and not Console(file=stream).is_dumb_terminal:
        return BarProgress(stream, inputs)
    return PlainProgress(stream, inputs)
