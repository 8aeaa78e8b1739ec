"""Rate limits for wrong tokens and for requests that change something, and the one-time key. Knows clocks and addresses only."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CLIENTS = 4096
"""Most addresses that are tracked; the least recently active is dropped first."""


class OneTimeKey:
    """The key in the sign-in link of `screener serve`, valid once."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(24)
        self._used = False

    def use(self, given: str) -> bool:
        """Whether this is the key and it was not used before."""
        if self._used or not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.key.encode()):
            return False
        self._used = True
        return True


class Pace:
    """A token bucket per client: `at_once` in a burst, `per_second` on average."""

    def __init__(self, per_second: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._at_once, self._clock = per_second, at_once, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spent(self, client: str) -> bool:
        """Whether the client's bucket is empty."""
        return self._of(client) < 1

    def take(self, client: str) -> None:
        """Take one token from the client's bucket."""
        self._left[client] = (max(0.0, self._of(client) - 1), self._clock())
        self._left.move_to_end(client)
        while len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)

    def _of(self, client: str) -> float:
        left, since = self._left.get(client, (float(self._at_once), 0.0))
        return min(float(self._at_once), left + (self._clock() - since) * self._per_second)
