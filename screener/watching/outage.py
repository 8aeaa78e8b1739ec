"""In which state a watch is, and how much of it was lost. Pure: the moments are given.

Frames that are passed over because newer ones came are no loss: the watch never promised to judge each of them. Time in which no current
picture could be had is one.
"""

from __future__ import annotations

from screener.settings import LiveSettings
from screener.video.live.feed import FeedStatus, LiveFrame

BLOCKED_FACTOR = 3.0
"""A judgement that is this many times `stale_seconds` old, while frames come, says that the machine does not keep up at all."""


def state_of(status: FeedStatus, newest: LiveFrame | None, judged_at: float | None, now: float, settings: LiveSettings) -> tuple[str, str]:
    """State of the watch, one of `records.STATES`, and why in words where it is not live.

    judged_at: when the frame that is spoken of was captured, or when the state became live; all moments by `time.monotonic`.
    """
    if status.phase != "open":
        return status.phase, status.message
    if status.last_arrival is None or newest is None:
        return "opening", ""
    silent = now - status.last_arrival
    if silent > settings.stale_seconds:
        what = "every frame has come damaged" if status.damaged_in_a_row else "no new frame"
        return "stale", f"{what} for {silent:.0f} seconds"
    if newest.unchanged_seconds >= settings.frozen_seconds:
        return "frozen", f"the same picture for {newest.unchanged_seconds:.0f} seconds"
    if judged_at is not None and now - judged_at > BLOCKED_FACTOR * settings.stale_seconds:
        return "stale", f"this machine is too slow: no frame was judged for {now - judged_at:.0f} seconds"
    return "live", ""


class Outages:
    """Counts the time in which there was no current picture."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seconds = 0.0

    def begin(self, since: float) -> None:
        """Goes on if there is one already."""
        if self._since is None:
            self._since = since

    def end(self, now: float) -> float:
        """How long it lasted; 0 if there was none."""
        lasted = 0.0 if self._since is None else max(0.0, now - self._since)
        self._seconds += lasted
        self._since = None
        return lasted

    def seconds(self, now: float) -> float:
        """All of them together, one that still lasts included."""
        return self._seconds + (0.0 if self._since is None else max(0.0, now - self._since))
