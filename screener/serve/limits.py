"""How often something may be tried: wrong tokens, requests that change something, the one-time link. Knows clocks and addresses only."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CLIENTS = 4096
"""Addresses that are remembered; the one that was quiet for longest is forgotten first."""


class OneTimeKey:
    """Opens a session once: what stands in the link that `screener serve` shows."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(24)
        self._used = False

    def use(self, given: str) -> bool:
        """Whether it is the key, for the first time."""
        if self._used or not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.key.encode()):
            return False
        self._used = True
        return True


class Pace:
    """So many at once, and so many a second on average, for each client: a token bucket."""

    def __init__(self, per_second: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._at_once, self._clock = per_second, at_once, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spent(self, client: str) -> bool:
        """Whether the client has none left now."""
        return self._of(client) < 1

    def take(self, client: str) -> None:
        """One of the client's."""
        self._left[client] = (max(0.0, self._of(client) - 1), self._clock())
        self._left.move_to_end(client)
        while len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)

    def _of(self, client: str) -> float:
        left, since = self._left.get(client, (float(self._at_once), 0.0))
        return min(float(self._at_once), left + (self._clock() - since) * self._per_second)
