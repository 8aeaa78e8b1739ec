"""Container time of a decoded frame -> seconds from the start of the video, rising, also where the container is vague. Pure."""

from __future__ import annotations

from screener.video.container.timeline import Timeline

_TOLERANCE_SECONDS = 1e-4


class Clock:
    """Asked once for each decoded frame, in order."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.frames = 0
        self.last_seconds = -1.0

    def is_past(self, container_seconds: float | None, frames_before: int) -> bool:
        """Whether another reader already delivered this frame. frames_before: how many this reader has decoded before it."""
        if self._timeline.timed and container_seconds is not None:
            return container_seconds - self._timeline.origin_seconds <= self.last_seconds + _TOLERANCE_SECONDS
        return frames_before < self.frames

    def place(self, container_seconds: float | None) -> float:
        """Time of the next frame: its own where that can be trusted, else the next of the timeline, else one frame after the last."""
        seconds = self._own(container_seconds)
        if seconds is None:
            seconds = self._next_entry()
        self.frames += 1
        self.last_seconds = max(seconds, self.last_seconds)
        return self.last_seconds

    def _own(self, container_seconds: float | None) -> float | None:
        if not self._timeline.timed or container_seconds is None:
            return None
        seconds = container_seconds - self._timeline.origin_seconds
        return seconds if seconds >= max(self.last_seconds, -_TOLERANCE_SECONDS) - _TOLERANCE_SECONDS else None

    def _next_entry(self) -> float:
        seconds = self._timeline.seconds
        if not self._timeline.timed:
            following = self.frames
        else:
            following = int(seconds.searchsorted(self.last_seconds + _TOLERANCE_SECONDS, side="right"))
        if following < len(seconds):
            return float(seconds[following])
        return max(self.last_seconds + self._timeline.frame_seconds, 0.0)
