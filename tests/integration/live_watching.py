"""Runs the live command in a separate process and captures its output."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prepared_command import start_prepared

Event = dict[str, Any]

PATIENCE_SECONDS = 180.0
"""For one event: an idle machine needs about two seconds for most."""


class Watching:
    """The events of a running watch, in order. `seen` holds those that were read."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[Event] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.err = ""
        self._threads = [threading.Thread(target=self._read_out), threading.Thread(target=self._read_err)]
        for thread in self._threads:
            thread.start()

    def next(self) -> Event | None:
        """The next event; None at the end of the output."""
        try:
            line = self._lines.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise AssertionError(f"nothing more is said; events {self.seen}, errors {self.err}") from None
        if line is None:
            return None
        event: Event = json.loads(line)
        self.seen.append(event)
        return event

    def until(self, kind: str, fits: Callable[[Event], bool] = lambda event: True) -> Event:
        """Read on to an event of this kind; fails when the watch ends before."""
        while (event := self.next()) is not None:
            if event["event"] == kind and fits(event):
                return event
        self.process.wait()
        raise AssertionError(f"no {kind} came; status {self.process.returncode}, events {self.seen}, errors {self.err}")

    def rest(self) -> list[Event]:
        """Everything to the end of the watch."""
        while self.next() is not None:
            pass
        self.process.wait(PATIENCE_SECONDS)
        return self.seen

    def interrupt(self) -> list[Event]:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.rest()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.err += line


@contextmanager
def watching(source: str | Path, checkpoint: Path, *options: str | Path) -> Iterator[Watching]:
    """`screener live SOURCE --jsonl` with the tests' checkpoint; killed, with all its processes, when the block is left."""
    process = start_prepared("live", source, "--jsonl", "--quiet", "--device", "cpu", "--checkpoint", checkpoint, *options)
    told = Watching(process)
    try:
        yield told
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        told.join()


def kinds(events: list[Event]) -> list[str]:
    return [event["event"] for event in events]
