"""The outputs of a live watch, update by update: terminal view, window, recording, snapshots, event lines, notifications.

An output that fails is reported once, and the watch goes on: an alarm must not be missed because a disk is full. Only if event lines or
results cannot be written does it end. Does not watch anything, and does not decide what an update says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from screener.cli.app import stops
from screener.cli.keyboard import Keys
from screener.errors import DeviceError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from screener.records import FaceScore, Verdict
    from screener.watching.records import LiveEvent, LiveUpdate
    from screener.watching.view import LiveView

QUIT_KEYS = frozenset("qQ")
LAST_NOTICES_SECONDS = 5.0
"""Seconds to wait at the end of the watch for notifications that are being sent."""


@dataclass(frozen=True)
class LiveOutputOptions:
    """The outputs that the user asked for."""

    jsonl: bool = False
    output: Path | None = None
    show: bool = False
    record: Path | None = None
    snapshots: Path | None = None
    command: str | None = None
    webhook: str | None = None
    quiet: bool = False
    report: Path | None = None

    @property
    def pictures(self) -> bool:
        """Whether any of these outputs needs pictures."""
        return self.show or self.record is not None


class LiveOutputs:
    """A context manager that opens and closes the requested outputs. Raises DeviceError, OutputError and SettingsError on entry."""

    def __init__(self, options: LiveOutputOptions, source_name: str) -> None:
        self._options = options
        self._source_name = source_name
        self._stack = ExitStack()
        self._untold: list[str] = []
        self._has_pictures = False
        self.failures: dict[str, OutputError] = {}
        """Outputs that are incomplete: `record`, `snapshot` or `report`; final once everything is closed."""

    def __enter__(self) -> LiveOutputs:
        from screener.cli.live_lines import LineFile
        from screener.report import ReportFolder
        from screener.watching.notifying import Notifier
        from screener.watching.recording import Recorder
        from screener.watching.snapshots import Snapshots
        from screener.watching.window import Window

        options = self._options
        with ExitStack() as opening:
            self._view: LiveView | None = None
            self._out = opening.enter_context(LineFile(options.output)) if options.output is not None else None
            self._snapshots = Snapshots(options.snapshots) if options.snapshots is not None else None
            self._report = ReportFolder(options.report) if options.report is not None else None
            self._recorder = Recorder(options.record) if options.record is not None else None
            opening.callback(self._close_recording)
            self._window = opening.enter_context(Window(f"screener live: {self._source_name}")) if options.show else None
            with stops.held_back():  # a signal in between would leave the terminal changed
                self._keys = opening.enter_context(Keys())
                self._viewing = opening.enter_context(ExitStack())
                self._view = self._viewing.enter_context(self._live_view()) if self._wants_view() else None
            self._notifier = Notifier(options.command, options.webhook, self._tell)
            opening.callback(self._notifier.close, LAST_NOTICES_SECONDS)
            self._stack = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, traceback)

    def show(self, update: LiveUpdate) -> bool:
        """Pass one update to all outputs. False if the user wants to stop."""
        for event in update.events:
            if event.kind == "alarm":
                self._notifier.notify(event)
                self._keep_faces(event, update)
        if self._options.jsonl:
            self._write_events(update)
        if self._view is not None:
            self._view.show(update)
        key = self._draw(update)
        return not QUIT_KEYS & set(key or "") and not QUIT_KEYS & set(self._keys.pressed())

    def report(self, verdict: Verdict, scores: Sequence[FaceScore]) -> None:
        """Write the page on the whole watch, if requested. scores: from the watch."""
        if self._report is None:
            return
        try:
            page = self._report.add(replace(verdict, frames=tuple(scores)))
            self._report.finish()
        except OutputError as error:
            self._lack("report", error)
        else:
            tell(f"report: {page}")

    def hurry(self) -> None:
        """Do not wait for notifications that are being sent; which they are is still shown after the view is closed."""
        self.close_view()
        self._notifier.close(0.5)

    def close_view(self) -> None:
        """Restore the terminal: what is written to it afterwards stays visible."""
        self._view = None
        self._viewing.close()

    def write(self, text: str) -> None:
        """Write to the file or stream for results."""
        from screener.report import Output

        if self._out is not None:
            self._out.write(text)
        else:
            Output(sys.stdout, "standard output").write(text)

    def _write_events(self, update: LiveUpdate) -> None:
        from screener.watching.events import event_line

        self._untold += [event_line(event) + "\n" for event in update.events]
        # A watch whose source cannot be opened ends as if it had never begun. The file must then still hold the events of the last watch.
        if self._out is None or update.state != "opening" or update.message:
            for line in self._untold:
                self.write(line)
            self._untold.clear()

    def _draw(self, update: LiveUpdate) -> str | None:
        if self._window is None and self._recorder is None:
            return None
        from screener.watching.drawing import annotated

        picture = annotated(update)
        self._has_pictures |= update.picture_rgb is not None
        if self._recorder is not None and self._has_pictures:
            # The first picture determines the size of the video and replaces an earlier recording, so nothing is recorded before it.
            try:
                self._recorder.add(picture, update.seconds)
            except OutputError as error:
                self._lack("record", error)
                self._close_recording()
        return self._show_window(picture)

    def _show_window(self, picture_rgb: NDArray[np.uint8]) -> str | None:
        if self._window is None:
            return None
        try:
            return self._window.show(picture_rgb)
        except DeviceError as error:
            self._window = None
            self._tell(str(error))
            return None

    def _keep_faces(self, event: LiveEvent, update: LiveUpdate) -> None:
        """Try again on each alarm: a disk that was full may have space again."""
        if self._snapshots is None:
            return
        try:
            self._snapshots.keep(event, update.crops_rgb.get(event.details["track_id"], ()))
        except OutputError as error:
            self._lack("snapshot", error)

    def _close_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            try:
                recorder.close()
            except OutputError as error:
                self._lack("record", error)

    def _lack(self, what: str, error: OutputError) -> None:
        if what not in self.failures:
            self.failures[what] = error
            self._tell(f"{error}; watching goes on")

    def _wants_view(self) -> bool:
        """Whether to draw the view; not if event lines go to the same terminal, which it would overwrite."""
        options = self._options
        mixed = options.jsonl and options.output is None and sys.stdout.isatty() and sys.stderr.isatty()
        return not options.quiet and not mixed

    def _live_view(self) -> LiveView:
        from rich.console import Console

        from screener.watching.view import LiveView

        return LiveView(Console(stderr=True), self._source_name)

    def _tell(self, text: str) -> None:
        """Show a message that is not part of an update. Thread-safe."""
        view = self._view
        if view is not None:
            view.note(text)
        else:
            tell(text)


def tell(text: str) -> None:
    """Print on standard error, escaped because the text may contain any file name."""
    from screener.report.wording import visible

    sys.stderr.write(f"screener: {visible(text)}\n")
