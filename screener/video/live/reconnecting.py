"""Whether a lost source is worth another try, and how long to wait before. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

from screener.errors import SourceError


class NothingToRetry(SourceError):
    """A source that no waiting makes fit to be watched, though it can be had."""


class BackOff:
    """Rising waits, each a little longer or shorter by chance so that many watchers of one server do not come back all at once."""

    def __init__(
        self, waits_seconds: tuple[float, ...], jitter: float, healthy_seconds: float, chance: Callable[[], float] = random.random
    ) -> None:
        """jitter: share by which a wait varies. healthy_seconds: of frames, after which the waits begin anew. chance: in [0, 1)."""
        self._waits = waits_seconds
        self._jitter = jitter
        self._healthy_seconds = healthy_seconds
        self._chance = chance
        self._losses = 0

    def wait_seconds(self, watched_seconds: float) -> float:
        """Before the next attempt, after a connection that brought frames for `watched_seconds`; 0 for an attempt that failed."""
        if watched_seconds >= self._healthy_seconds:
            self._losses = 0
        wait = self._waits[min(self._losses, len(self._waits) - 1)]
        self._losses += 1
        return wait * (1 + self._jitter * (2 * self._chance() - 1))
