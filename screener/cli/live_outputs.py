"""Everything that is told and shown of a live watch, update by update: view, window, video, snapshots, event lines, notifications.

Does not watch anything, and does not decide what an update says.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from screener.cli.keys import Keys
from screener.errors import OutputError

if TYPE_CHECKING:
    from screener.report.live_view import LiveView
    from screener.watching.records import LiveUpdate

QUIT_KEYS = frozenset("qQ")
LAST_NOTICES_SECONDS = 5.0
"""For notifications that are on their way when the watch ends."""


@dataclass(frozen=True)
class Wishes:
    """What the user wants to see and have."""

    jsonl: bool = False
    output: Path | None = None
    show: bool = False
    record: Path | None = None
    snapshots: Path | None = None
    command: str | None = None
    webhook: str | None = None
    quiet: bool = False

    @property
    def pictures(self) -> bool:
        return self.show or self.record is not None


class LiveOutputs:
    """A context manager that opens what is wished for, and closes it. Raises DeviceError, OutputError and SettingsError on entering."""

    def __init__(self, wishes: Wishes, source_name: str) -> None:
        self._wishes = wishes
        self._source_name = source_name
        self._stack = ExitStack()

    def __enter__(self) -> LiveOutputs:
        from screener.watching.notifying import Notifier
        from screener.watching.recording import Recorder
        from screener.watching.snapshots import Snapshots
        from screener.watching.window import Window

        wishes = self._wishes
        with ExitStack() as opening:
            self._out = opening.enter_context(open_lines(wishes.output)) if wishes.output is not None else None
            self._snapshots = Snapshots(wishes.snapshots) if wishes.snapshots is not None else None
            self._recorder = opening.enter_context(Recorder(wishes.record)) if wishes.record is not None else None
            self._window = opening.enter_context(Window(f"screener live: {self._source_name}")) if wishes.show else None
            self._keys = opening.enter_context(Keys())
            self._view = None if wishes.quiet else opening.enter_context(self._live_view())
            self._notifier = Notifier(wishes.command, wishes.webhook, self._tell)
            opening.callback(self._notifier.close, LAST_NOTICES_SECONDS)
            self._stack = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, traceback)

    def show(self, update: LiveUpdate) -> bool:
        """Hand on one update everywhere. False when the user wants no more of them."""
        for event in update.events:
            if event.kind == "alarm":
                self._notifier.notify(event)
                if self._snapshots is not None:
                    self._snapshots.keep(event, update.crops_rgb.get(event.details["track_id"], ()))
        if self._wishes.jsonl:
            self._write_events(update)
        if self._view is not None:
            self._view.show(update)
        key = self._draw(update)
        return not QUIT_KEYS & set(key or "") and not QUIT_KEYS & set(self._keys.pressed())

    def hurry(self) -> None:
        """The user does not want to wait for notifications that are still on their way."""
        self._notifier.close(0.5)

    def write(self, text: str) -> None:
        """To where results go."""
        from screener.report import Output

        if self._out is not None:
            Output(self._out, str(self._wishes.output)).write(text)
        else:
            Output(sys.stdout, "standard output").write(text)

    def _write_events(self, update: LiveUpdate) -> None:
        from screener.report.live_events import event_line

        for event in update.events:
            self.write(event_line(event) + "\n")

    def _draw(self, update: LiveUpdate) -> str | None:
        if self._window is None and self._recorder is None:
            return None
        from screener.watching.drawing import annotated

        picture = annotated(update)
        if self._recorder is not None and (update.picture_rgb is not None or update.state != "opening"):
            # The size of the video is that of its first picture, so the wait for that one is not recorded.
            self._recorder.add(picture, update.seconds)
        return self._window.show(picture) if self._window is not None else None

    def _live_view(self) -> LiveView:
        from rich.console import Console

        from screener.report.live_view import LiveView

        return LiveView(Console(stderr=True), self._source_name)

    def _tell(self, text: str) -> None:
        if self._view is not None:
            self._view.note(text)
        else:
            sys.stderr.write(f"screener: {text}\n")


def open_lines(path: Path) -> TextIO:
    """A file that grows line by line while it is watched. Raises OutputError."""
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
