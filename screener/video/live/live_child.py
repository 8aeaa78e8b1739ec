"""The process that decodes a live source, as seen from outside: started, asked for frames, and ended at any moment.

Knows processes and pipes. Does not decide when a silence is too long; the owner checks `silence_seconds` and calls `kill`.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video.sandbox.child import Child
from screener.video.sources import Source


class LiveChild:
    """One decoding process for one connection to a source."""

    def __init__(self, source: Source, settings: LiveSettings) -> None:
        self._child = Child("video.live.live_worker", heard=self._hear)
        self._max_pixels = settings.max_pixels
        self._killing = threading.Lock()
        self._heard = time.monotonic()
        self.is_ready = False
        """Whether the process has begun to open the source; a silence before that means that it is loading libraries."""
        self.killed_for = ""
        """Why it was killed; empty if it was not."""
        self._child.request(source, settings)

    @property
    def silence_seconds(self) -> float:
        """Seconds since anything was received from it."""
        return time.monotonic() - self._heard

    @property
    def exit_status(self) -> int | None:
        """Exit status of the process; None while it runs."""
        return self._child.popen.poll()

    def ask(self) -> None:
        """Ask for one more frame."""
        self._child.write(b"+")

    def receive(self) -> tuple[dict[str, Any], NDArray[np.uint8] | None] | None:
        """The next message and its picture, (H, W, 3) uint8 RGB or None; None if the process ended or its reply is invalid."""
        message = self._child.receive()
        if message is None:
            return None
        self.is_ready = True
        if "frame" not in message:
            return message, None
        width, height = (int(side) for side in message["frame"]["size_wh"])
        if not 0 < width * height <= self._max_pixels:
            raise SourceError("limit_pixels", f"the decoder sent a picture of {width} x {height} pixels")
        picture = np.empty((height, width, 3), dtype=np.uint8)
        return (message, picture) if self._child.receive_into(picture.data.cast("B")) else None

    def kill(self, why: str = "") -> None:
        """Kill the process at once, whatever it is doing. May be called from any thread and more than once."""
        with self._killing:
            self.killed_for = self.killed_for or why
            self._child.kill()

    def close_pipes(self) -> None:
        """Close the pipes; call after `kill`, in the thread that receives."""
        self._child.close_pipes()

    def _hear(self) -> None:
        self._heard = time.monotonic()
