"""Container time of a decoded frame -> its time in the video, even where the container's times are imprecise. Pure."""

from __future__ import annotations

from screener.video.container.timeline import Timeline

_TOLERANCE_SECONDS = 1e-4


class Clock:
    """For the frames of one reader; call `place` once for each, in order. The times it returns never fall."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._entry = -1
        self._piece = 0
        self.last_seconds = float("-inf")

    def place(self, container_seconds: float | None) -> float:
        """Time of the next frame in seconds: that of its entry in the timeline, else its own if that can be trusted, else that of the next
        entry.
        """
        seconds = self._known(container_seconds)
        if seconds is None:
            seconds = self._next_entry()
        self.last_seconds = max(seconds, self.last_seconds)
        return self.last_seconds

    def _known(self, container_seconds: float | None) -> float | None:
        timeline = self._timeline
        if not timeline.timed or container_seconds is None or not len(timeline.seconds):
            return None
        for number in range(self._piece, len(timeline.pieces)):
            start, end = self._bounds(number)
            known = timeline.container_seconds[start:end]
            at = start + int(known.searchsorted(container_seconds - _TOLERANCE_SECONDS))
            if at < end and timeline.container_seconds[at] <= container_seconds + _TOLERANCE_SECONDS and at > self._entry:
                self._piece, self._entry = number, at
                return float(timeline.seconds[at])
        start, end = self._bounds(self._piece)
        if end < len(timeline.seconds) and container_seconds > timeline.container_seconds[end - 1] + timeline.frame_seconds:
            return None  # a time that lies in no piece, such as of a picture that a decoder gives out when it reaches the next piece
        seconds = float(timeline.seconds[start]) + container_seconds - float(timeline.container_seconds[start])
        if seconds < max(self.last_seconds, float(timeline.seconds[0])) - _TOLERANCE_SECONDS:
            return None
        self._entry = max(self._entry, int(timeline.seconds.searchsorted(seconds + _TOLERANCE_SECONDS)) - 1)
        return seconds

    def _bounds(self, number: int) -> tuple[int, int]:
        """Index of the first entry of a piece, and of the one after its last."""
        pieces = self._timeline.pieces
        return pieces[number], pieces[number + 1] if number + 1 < len(pieces) else len(self._timeline.seconds)

    def _next_entry(self) -> float:
        timeline = self._timeline
        self._entry += 1
        while self._piece + 1 < len(timeline.pieces) and timeline.pieces[self._piece + 1] <= self._entry:
            self._piece += 1
        if self._entry < len(timeline.seconds):
            return float(timeline.seconds[self._entry])
        return max(self.last_seconds, 0.0) + timeline.frame_seconds
