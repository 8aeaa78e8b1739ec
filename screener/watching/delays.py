"""How long after its capture a frame was judged: over the last minute, and over a watch of any length. Memory does not grow."""

from __future__ import annotations

from collections import deque

import numpy as np

RECENT_SECONDS = 60.0
MOST_RECENT = 60 * 240
LONGEST_MILLISECONDS = 60_000


class Delays:
    """Counted to the millisecond, up to a minute."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=MOST_RECENT)
        self._counts = np.zeros(LONGEST_MILLISECONDS + 1, np.int64)

    def add(self, now: float, delay_seconds: float) -> None:
        self._recent.append((now, delay_seconds))
        self._counts[min(max(round(delay_seconds * 1000), 0), LONGEST_MILLISECONDS)] += 1

    def recent(self, now: float) -> tuple[float, float] | None:
        """Median and 95th percentile, seconds, over the last minute; None if nothing was judged in it."""
        while self._recent and self._recent[0][0] < now - RECENT_SECONDS:
            self._recent.popleft()
        if not self._recent:
            return None
        middle, late = np.percentile([delay for _, delay in self._recent], (50, 95))
        return float(middle), float(late)

    def overall(self) -> tuple[float, float] | None:
        """The same over everything."""
        total = int(self._counts.sum())
        if not total:
            return None
        cumulated = np.cumsum(self._counts)
        middle, late = (float(np.searchsorted(cumulated, share * total)) / 1000 for share in (0.5, 0.95))
        return middle, late
