"""Sends events of a live watch to a program of the user or a web address, without ever blocking the watch.

Each of the two has a thread and a short queue of its own; when the queue is full, the oldest event is dropped and counted. Failures are
reported as text and never raised. Does not know what the events mean.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, Protocol

from screener.errors import SettingsError
from screener.report.wording import counted, shortened, visible
from screener.watching.events import event_line
from screener.watching.records import LiveEvent
from screener.watching.webhook import Webhook

QUEUE_LENGTH = 32
COMMAND_SECONDS = 10.0
"""Time limit of a command before it is killed."""

_LONGEST_VALUE = 1000

_DETAILS = ("source", "track_id", "outcome", "p_fake", "threshold", "first_seconds", "last_seconds", "message")
"""Fields of an event that a command also gets in its environment."""


class Channel(Protocol):
    """One way of sending events."""

    def deliver(self, event: LiveEvent) -> str:
        """Send an event; returns what went wrong, in words, or an empty text."""
        ...

    def abandon(self) -> None:
        """Make a running delivery return soon; may be called from another thread."""
        ...


class Notifier:
    """Passes events to `command`, a line split as a shell would but run without one, and POSTs them to `webhook`; either may be None."""

    def __init__(self, command: str | None = None, webhook: str | None = None, tell: Callable[[str], None] = lambda text: None) -> None:
        """tell: called from other threads with what went wrong, in words. Raises SettingsError for a command or address that can never
        work.
        """
        channels: list[Channel] = []
        if command is not None:
            channels.append(Command(command))
        if webhook is not None:
            channels.append(Webhook(webhook))
        self._couriers = [_Courier(channel, tell) for channel in channels]
        self._closed = False

    @property
    def dropped(self) -> int:
        """Number of events that were dropped for newer ones or were still waiting at the end."""
        return sum(courier.dropped for courier in self._couriers)

    def notify(self, event: LiveEvent) -> None:
        """Queue an event; returns at once."""
        for courier in self._couriers:
            courier.put(event)

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Wait up to `timeout_seconds` in total for queued events, then abandon and kill. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + timeout_seconds
        for courier in self._couriers:
            courier.finish()
        for courier in self._couriers:
            courier.join(deadline)


class Command:
    """Runs a command for each event, with the event's JSON line on standard input and its main fields in the environment.

    SCREENER_EVENT, SCREENER_TIME, SCREENER_SECONDS, and SCREENER_TRACK_ID, SCREENER_OUTCOME, SCREENER_P_FAKE ... if the event has them. The
    command's output is discarded, because the terminal and standard output belong to the watch.
    """

    def __init__(self, line: str, time_limit_seconds: float = COMMAND_SECONDS) -> None:
        try:
            self._words = shlex.split(line)
        except ValueError as error:
            raise SettingsError(f"exec: {visible(line)!r} is no command line: {error}") from error
        if not self._words:
            raise SettingsError("exec: expected a command, got an empty text")
        if shutil.which(self._words[0]) is None:
            raise SettingsError(f"exec: there is no program {visible(self._words[0])!r}; name one that is on the PATH, or its full path")
        self._limit_seconds = time_limit_seconds
        self._abandoned = False
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def deliver(self, event: LiveEvent) -> str:
        """Run the command for an event; returns what went wrong, in words, or an empty text."""
        name = f"exec {visible(self._words[0])}"
        with tempfile.TemporaryFile() as complaints:
            try:
                process = self._start(event, complaints)
            except OSError as error:
                return f"{name}: could not be started: {error.strerror or error}"
            if process is None:
                return f"{name}: given up at the end of the watch"
            try:
                process.communicate(event_line(event).encode() + b"\n", self._limit_seconds)
            except subprocess.TimeoutExpired:
                _kill(process)
                process.communicate()
                return f"{name}: killed after {self._limit_seconds:g} s"
            if not process.returncode:
                return ""
            if self._abandoned:
                return f"{name}: killed at the end of the watch"
            return f"{name}: ended with status {process.returncode}{_last_line(complaints)}"

    def abandon(self) -> None:
        """Kill a running command; may be called from another thread."""
        with self._lock:
            self._abandoned = True
            if self._running is not None:
                _kill(self._running)

    def _start(self, event: LiveEvent, complaints: IO[bytes]) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._abandoned:
                return None
            self._running = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                env={**os.environ, **environment(event)},
                start_new_session=True,  # so that Ctrl-C does not end the command, and its whole process group can be killed
            )
            return self._running


def environment(event: LiveEvent) -> dict[str, str]:
    """The environment variables of a command: plain text without control characters, shortened to what systems accept."""
    values: Mapping[str, Any] = {"event": event.kind, "time": event.time, "seconds": f"{event.seconds:.3f}", **_told(event.details)}
    return {f"SCREENER_{name.upper()}": shortened(visible(str(value)), _LONGEST_VALUE) for name, value in values.items()}


def _told(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: details[name] for name in _DETAILS if details.get(name) is not None}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and its children, unless it has ended: its process id may have been reused."""
    if process.poll() is not None:
        return
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _last_line(complaints: IO[bytes]) -> str:
    end = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, end - 500))
    lines = complaints.read().decode("utf-8", "replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f": {visible(said[-1])}" if said else ""


class _Courier:
    """One channel with its thread and its queue."""

    def __init__(self, channel: Channel, tell: Callable[[str], None]) -> None:
        self._channel = channel
        self._tell = tell
        self._waiting: deque[LiveEvent] = deque()
        self._changed = threading.Condition()
        self._finishing = False
        self._delivering = False
        self.dropped = 0
        # A daemon thread, so that a delivery that hangs cannot keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="screener-notifier", daemon=True)
        self._thread.start()

    def put(self, event: LiveEvent) -> None:
        with self._changed:
            if self._finishing:
                return
            overflows = len(self._waiting) >= QUEUE_LENGTH
            if overflows:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(event)
            self._changed.notify()
        if overflows and self.dropped == 1:
            self._say("notifications cannot keep up with the events: the oldest give way")

    def finish(self) -> None:
        with self._changed:
            self._finishing = True
            self._changed.notify()

    def join(self, deadline: float) -> None:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            with self._changed:
                left, self._waiting = len(self._waiting), deque()
                self.dropped += left
            self._channel.abandon()
            self._thread.join(1.0)
        if self.dropped:
            self._say(f"{counted(self.dropped, 'event was', 'events were')} not delivered before the end of the watch")
        if self._delivering:
            self._say("an event was still on its way at the end of the watch: whether it arrived is not known")

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                failure = self._channel.deliver(event)
            except Exception as error:  # no error here may end the watch or go unreported
                failure = f"an event could not be delivered: {type(error).__name__}: {error}"
            if failure:
                self._say(failure)
            self._delivering = False

    def _next(self) -> LiveEvent | None:
        with self._changed:
            while not self._waiting and not self._finishing:
                self._changed.wait()
            self._delivering = bool(self._waiting)
            return self._waiting.popleft() if self._waiting else None

    def _say(self, text: str) -> None:
        with suppress(OSError, ValueError):  # events can still be delivered if messages cannot
            self._tell(text)
