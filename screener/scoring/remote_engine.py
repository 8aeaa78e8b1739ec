"""An engine whose network runs in other processes: crops are sent there, and logits and maps come back.

Knows neither who computes nor how the two are connected: `send` does. Bounds how many crops are on their way.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from screener.scoring.engine import ByBeginning, LogitsAndMaps, NamedDevice, Pictures

Fetch = Callable[[], LogitsAndMaps]
Send = Callable[[NDArray[np.uint8], bool], Fetch]
"""((N, S, S, 3) uint8 crops, whether their maps are wanted) -> a function that waits for the results and returns them."""


class RemoteEngine(ByBeginning):
    """A `BeginningEngine`; safe in several threads at once."""

    keeps_in_flight = True

    def __init__(self, ran_on: Mapping[str, str], send: Send, most_crops: int) -> None:
        """ran_on: engine, device and dtype of the processes that compute, as `Scorer.ran_on` gives them.

        most_crops: while so many have no results, the next batch waits; a single larger batch is sent nevertheless.
        """
        self.name, self.dtype_name = ran_on["engine"], ran_on["dtype"]
        self.device = NamedDevice(ran_on["device"])
        self._send, self._most = send, most_crops
        self._under_way: deque[_Batch] = deque()
        self._sending = threading.Lock()

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Fetch:
        """See `BeginningEngine.begin`. Waits for the results of earlier batches while too many crops are on their way."""
        crops = np.array(pictures_rgb)  # a copy: it may have to be sent again, after the caller has changed the pictures
        with self._sending:
            while self._under_way and sum(batch.crops for batch in self._under_way) + len(crops) > self._most:
                self._under_way.popleft().settle()
            batch = _Batch(len(crops), self._send(crops, locate))
            self._under_way.append(batch)

        def fetch() -> LogitsAndMaps:
            batch.settle()
            with self._sending:
                if batch in self._under_way:
                    self._under_way.remove(batch)
            return batch.results()

        return fetch

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """See `Engine.bare_pass`; the way there and back is part of it."""
        return lambda: self.logits(crops_rgb)


class _Batch:
    """One batch, whose results are fetched once, by whoever waits for them first."""

    def __init__(self, crops: int, fetch: Fetch) -> None:
        self.crops = crops
        self._fetch: Fetch | None = fetch
        self._came: LogitsAndMaps | BaseException | None = None
        self._fetching = threading.Lock()

    def settle(self) -> None:
        """Wait until the results, or the error instead of them, are there."""
        with self._fetching:
            if self._fetch is not None:
                try:
                    self._came = self._fetch()
                except Exception as error:
                    self._came = error
                self._fetch = None

    def results(self) -> LogitsAndMaps:
        """What came. Raises the error that came instead."""
        if isinstance(self._came, BaseException):
            raise self._came
        assert self._came is not None
        return self._came
