"""Whether to try a lost source again, and how long to wait before that. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

from screener.errors import SourceError


class NothingToRetry(SourceError):
    """The source was reached, but no retry can make it watchable."""


class BackOff:
    """Rising waits with random jitter, so that many watchers of one server do not all reconnect at once."""

    def __init__(
        self, waits_seconds: tuple[float, ...], jitter: float, healthy_seconds: float, chance: Callable[[], float] = random.random
    ) -> None:
        """jitter: share by which a wait varies. healthy_seconds: the waits start anew after a connection that lasted this long. chance:
        returns a random number in [0, 1).
        """
        self._waits = waits_seconds
        self._jitter = jitter
        self._healthy_seconds = healthy_seconds
        self._chance = chance
        self._losses = 0

    def wait_seconds(self, watched_seconds: float) -> float:
        """Wait before the next attempt, after a connection that delivered frames for `watched_seconds`; 0 for one that failed."""
        if watched_seconds >= self._healthy_seconds:
            self._losses = 0
        wait = self._waits[min(self._losses, len(self._waits) - 1)]
        self._losses += 1
        return wait * (1 + self._jitter * (2 * self._chance() - 1))
