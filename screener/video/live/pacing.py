"""Plays a recording at its own speed: when each frame is due, and waiting for it. Does not know sources or decoders."""

from __future__ import annotations

import time
from collections.abc import Callable

REANCHOR_SECONDS = 1.0
"""A frame that is later than this resets the pace."""

JUMP_SECONDS = 10.0
"""A step in a stream's own time of more than this is not waited for but resets the pace."""


class Pace:
    """When a frame of a recording is due if it is played at its own speed from its first frame on."""

    def __init__(self) -> None:
        self._anchor: float | None = None
        self._last = 0.0

    def wait_seconds(self, pts_seconds: float, now: float) -> float:
        """How long to hold a frame back; 0 if it is late. now: by `time.monotonic`."""
        stepped = abs(pts_seconds - self._last) > JUMP_SECONDS or pts_seconds < self._last - REANCHOR_SECONDS
        if self._anchor is None or stepped or now - (self._anchor + pts_seconds) > REANCHOR_SECONDS:
            self._anchor = now - pts_seconds
        self._last = pts_seconds
        return max(0.0, self._anchor + pts_seconds - now)


def hold_back(seconds: float, alive: Callable[[], None]) -> None:
    """Sleep, calling `alive` now and then to show that the wait is intentional."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        alive()
        time.sleep(min(left, 0.5))
