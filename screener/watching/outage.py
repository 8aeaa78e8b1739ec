"""The state of a watch, and how much time was lost. Pure: all moments are given.

Frames skipped because newer ones arrived are no loss, because the watch does not promise to judge every frame. Time without a current
picture is a loss.
"""

from __future__ import annotations

from screener.settings import LiveSettings
from screener.video.live.feed import FeedStatus, LiveFrame

BLOCKED_FACTOR = 3.0
"""If frames arrive but the last judgement is this many times `stale_seconds` old, the machine does not keep up."""


def state_of(status: FeedStatus, newest: LiveFrame | None, judged_at: float | None, now: float, settings: LiveSettings) -> tuple[str, str]:
    """State of the watch, one of `records.STATES`, and why, in words, unless it is live.

    judged_at: when the frame of the current judgement was captured, or when the state became live; all moments by `now_seconds`.
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
    """Adds up the time without a current picture."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._seconds = 0.0

    def begin(self, since: float) -> None:
        """Start an outage; does nothing during one."""
        if self._since is None:
            self._since = since

    def end(self, now: float) -> float:
        """End the outage; returns its length in seconds, 0 if there was none."""
        lasted = 0.0 if self._since is None else max(0.0, now - self._since)
        self._seconds += lasted
        self._since = None
        return lasted

    def seconds(self, now: float) -> float:
        """Total length, including an outage in progress."""
        return self._seconds + (0.0 if self._since is None else max(0.0, now - self._since))
