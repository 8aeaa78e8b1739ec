"""Shows a live watch in the terminal: a redrawn screen if the terminal supports it, otherwise a line per change.

Knows updates and rich. Shows people only in the state `live`, and not once updates have stopped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live

from screener.report.wording import clock, visible
from screener.watching.records import LiveEvent, LiveUpdate
from screener.watching.screen import LiveScreen
from screener.watching.wording import person_line, rates, state_line, time_of_day

SILENCE_SECONDS = 2.0
"""If no update has come for this long, the screen no longer shows the last one as current."""

DRAWN_PER_SECOND = 4
KEPT_EVENTS = 50
RATES_EVERY_SECONDS = 60.0


class _View(Protocol):
    def start(self) -> None: ...

    def show(self, update: LiveUpdate) -> None: ...

    def note(self, text: str) -> None: ...

    def stop(self) -> None: ...


class LiveView:
    """A context manager; `show` takes updates at any rate. Exceptions pass."""

    def __init__(self, console: Console, source_name: str) -> None:
        can_draw = console.is_terminal and not console.is_dumb_terminal
        self._view: _View = _Screen(console, source_name) if can_draw else _Lines(console, source_name)

    def __enter__(self) -> Self:
        self._view.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._view.stop()

    def show(self, update: LiveUpdate) -> None:
        """Show an update."""
        self._view.show(update)

    def note(self, text: str) -> None:
        """Show a message outside the updates, such as a notification that failed; may be called from any thread."""
        self._view.note(text)


class _Screen:
    """Redraws at regular intervals, and at once after an important change."""

    def __init__(self, console: Console, source_name: str) -> None:
        self._source_name = source_name
        self._lock = threading.Lock()
        self._update: LiveUpdate | None = None
        self._heard_seconds = time.monotonic()
        self._events: deque[LiveEvent | str] = deque(maxlen=KEPT_EVENTS)
        self._live = Live(
            console=console,
            screen=True,
            refresh_per_second=DRAWN_PER_SECOND,
            get_renderable=self._drawing,
            # Results go to standard output, which may be a file; rich must not redirect them to this console.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        self._live.start(refresh=True)

    def show(self, update: LiveUpdate) -> None:
        with self._lock:
            changed = self._update is None or _essence(update) != _essence(self._update)
            self._update, self._heard_seconds = update, time.monotonic()
            told = [event for event in update.events if event.kind != "heartbeat"]  # the view itself shows that the watch goes on
            self._events.extend(told)
        if changed or told:
            self._live.refresh()

    def note(self, text: str) -> None:
        with self._lock:
            self._events.append(visible(text))

    def stop(self) -> None:
        self._live.stop()

    def _drawing(self) -> LiveScreen:
        with self._lock:
            silent_seconds = time.monotonic() - self._heard_seconds
            silent = silent_seconds if silent_seconds > SILENCE_SECONDS else None
            return LiveScreen(self._source_name, self._update, tuple(self._events), silent)


def _essence(update: LiveUpdate) -> tuple[object, ...]:
    """The parts whose change must be shown at once."""
    return update.state, update.outcome, tuple((p.verdict.track_id, p.verdict.outcome) for p in update.people)


class _Lines:
    """For logs: `16:12:03  1:53.4  person 1: FAKE  p 0.93 [0.87-0.97]  96 frames, seen 48 s`."""

    def __init__(self, console: Console, source_name: str) -> None:
        self._console = console
        self._source_name = source_name
        self._lock = threading.Lock()
        self._last: LiveUpdate | None = None
        self._outcomes: dict[int, str] = {}
        self._rates_seconds: float | None = None

    def start(self) -> None:
        self._write(f"watching {visible(self._source_name)}")

    def show(self, update: LiveUpdate) -> None:
        when = f"{time_of_day(update.time)}  {clock(update.seconds)}  "
        if self._last is None or update.state != self._last.state:
            self._write(when + state_line(update))
        people = update.people if update.state == "live" else ()
        for person in people:
            number, outcome = person.verdict.track_id, person.verdict.outcome
            if self._outcomes.get(number) != outcome:
                self._write(when + person_line(person))
        now = {person.verdict.track_id: person.verdict.outcome for person in people}
        if update.state == "live":
            for number in self._outcomes.keys() - now.keys():
                self._write(f"{when}person {number}: gone")
        self._outcomes = now
        if self._rates_seconds is None:
            self._rates_seconds = update.seconds
        if update.seconds - self._rates_seconds >= RATES_EVERY_SECONDS:
            self._rates_seconds = update.seconds
            self._write(when + ", ".join(rates(update.stats)))
        self._last = update

    def note(self, text: str) -> None:
        self._write(visible(text))

    def stop(self) -> None:
        if self._last is not None and self._last.seconds != self._rates_seconds:
            self._write(f"{time_of_day(self._last.time)}  {clock(self._last.seconds)}  {', '.join(rates(self._last.stats))}")

    def _write(self, line: str) -> None:
        encoding = self._console.encoding
        safe = line.encode(encoding, "backslashreplace").decode(encoding)
        with self._lock:
            self._console.print(safe, markup=False, highlight=False, soft_wrap=True, emoji=False)
