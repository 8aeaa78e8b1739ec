"""Main module of a worker: loads the models once, and judges one scan after another until the server stops it or is gone.

Report and pictures are written to the scan's folder; the verdict is sent to the server, which alone writes the ledger.
"""

from __future__ import annotations

import queue
import signal
from pathlib import Path
from typing import Any

from screener.errors import ScreenerError
from screener.runtime.waiting import wait_asleep
from screener.serve.worker.line import Line


class Jobs:
    """The scans that the server has sent, and those that it has cancelled."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._cancelled: set[str] = set()
        self.waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def heard(self, message: dict[str, Any]) -> None:
        """Handle a message from the server."""
        if "cancel" in message:
            self._cancelled.add(str(message["cancel"]))
        else:
            self.waiting.put(message["judge"])

    def say(self, **message: Any) -> None:
        """Send a message to the server."""
        self._line.say(**message)

    def is_cancelled(self, scan_id: str) -> bool:
        """Whether the server has cancelled a scan."""
        return scan_id in self._cancelled


def main() -> None:
    """Run the worker until it is stopped."""
    wait_asleep()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the server, which stops its workers
    line = Line()
    jobs = Jobs(line)
    start = line.begin(jobs.heard)
    try:
        judging = _loaded(start)
    except ScreenerError as error:
        line.say(failed=str(error))  # settings, weights or device are wrong: a restart would not help
        return
    line.say(ready=judging.facts, choices=judging.choices)
    while True:
        line.say(**judging.judge(jobs.waiting.get(), jobs))


def _loaded(start: dict[str, Any]) -> Any:
    from screener.settings import ScanSettings
    from screener.video import start_decoder

    settings = ScanSettings.from_mapping(start["settings"])
    start_decoder(settings)  # in parallel with loading PyTorch
    from screener.serve.worker.judging import Judging

    checkpoint = start["checkpoint"]
    return Judging(settings, None if checkpoint is None else Path(checkpoint), Path(start["scans"]), int(start["workers"]))
