"""A worker: loads the models once, and judges one scan after the other until the server says no more, or is gone.

What it makes goes into the folder of the scan; the verdict itself goes to the server, which alone writes the ledger.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from screener.runtime.standard_streams import hold
from screener.runtime.waiting import wait_asleep
from screener.serve.worker.messages import framed, read_message

CANNOT_START = 2
"""Exit status of a worker whose settings, weights or device are at fault: starting it again would change nothing."""


class Line:
    """The pipes to the server. Descriptor 1 leads to standard error from here on, so that no library can print into an answer."""

    def __init__(self) -> None:
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._out: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._cancelled: set[str] = set()
        self.jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def first(self) -> dict[str, Any]:
        """What the server says first; ends the process if it is gone."""
        message = read_message(self._in)
        if message is None:
            os._exit(0)
        threading.Thread(target=self._listen, name="server", daemon=True).start()
        return dict(message["start"])

    def say(self, **message: Any) -> None:
        """To the server; ends the process if it is gone."""
        try:
            with self._lock:
                self._out.write(framed(message))
                self._out.flush()
        except OSError:
            os._exit(0)

    def is_cancelled(self, scan_id: str) -> bool:
        """Whether the server has called off a scan."""
        return scan_id in self._cancelled

    def _listen(self) -> None:
        """A server that was killed leaves no worker behind, whatever that is in the middle of."""
        while (message := read_message(self._in)) is not None:
            if "cancel" in message:
                self._cancelled.add(str(message["cancel"]))
            else:
                self.jobs.put(message["judge"])
        os._exit(0)


def main() -> None:
    """The worker's whole life."""
    hold()
    wait_asleep()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which tells us
    line = Line()
    start = line.first()
    from screener.errors import ScreenerError

    try:
        judging = _loaded(start)
        line.say(ready=judging.facts)
    except ScreenerError as error:
        line.say(failed=str(error))
        sys.exit(CANNOT_START)
    while True:
        job = line.jobs.get()
        line.say(**judging.judge(job, line))


def _loaded(start: dict[str, Any]) -> Any:
    from screener.settings import ScanSettings
    from screener.video import start_decoder

    settings = ScanSettings.from_mapping(start["settings"])
    start_decoder(settings)  # while PyTorch is loaded, which takes as long
    from screener.serve.worker.judging import Judging

    checkpoint = start["checkpoint"]
    return Judging(settings, None if checkpoint is None else Path(checkpoint), Path(start["scans"]), int(start["workers"]))
