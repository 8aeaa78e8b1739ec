"""Batches of several senders, computed by one scorer in the order in which they come, and merged where the device gains by it.

Knows the scorer, not who sends.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.runtime.cores import use_cores
from screener.scoring.engine import LogitsAndMaps
from screener.scoring.scorer import Begun, Scorer

MERGED_CROPS = {"cuda": 128}
"""How many crops a merged batch may have, by device. A device that is not named here computes batches as they come: on a CPU the time of a
batch grows with its size, and alone a batch gets the very logits that it gets in a process of its own.
"""


@dataclass
class _Request:
    crops_rgb: NDArray[np.uint8]
    locate: bool
    answer: Future[LogitsAndMaps] = field(default_factory=Future)


_Group = list[_Request]


class Merging:
    """A scorer in a thread of its own. most: crops of a merged batch; None for those of MERGED_CROPS."""

    def __init__(self, scorer: Scorer, cores: int, most: int | None = None) -> None:
        """cores: that PyTorch may use."""
        self._scorer, self._cores = scorer, cores
        self._most = MERGED_CROPS.get(scorer.device.type, 0) if most is None else most
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._next: _Request | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="score", daemon=True)
        self._thread.start()

    def submit(self, crops_rgb: NDArray[np.uint8], locate: bool) -> Future[LogitsAndMaps]:
        """The results of one batch of at least one crop, (N, S, S, 3) uint8, once they are there, or the error that came instead."""
        request = _Request(crops_rgb, locate)
        request.answer.set_running_or_notify_cancel()  # from now on nobody can cancel it
        self._requests.put(request)
        return request.answer

    def close(self) -> None:
        """End the thread, after the batches that were submitted."""
        self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        held: tuple[_Group, Begun | Exception] | None = None
        while not self._ended or held is not None:
            # While one batch is computed, the next is uploaded; without a next one, its results are fetched at once.
            group = self._group(waits=held is None)
            begun = (group, self._begin(group)) if group else None
            if held is not None:
                self._deliver(*held)
            held = begun
            if held is not None and not self._scorer.keeps_in_flight:
                self._deliver(*held)
                held = None

    def _group(self, waits: bool) -> _Group:
        """The requests of the next batch; none if there is none yet, or none will come."""
        group: _Group = []
        while (request := self._taken(waits and not group)) is not None:
            crops = sum(len(one.crops_rgb) for one in group) + len(request.crops_rgb)
            if group and (crops > self._most or request.locate != group[0].locate):
                self._next = request
                break
            group.append(request)
        return group

    def _taken(self, waits: bool) -> _Request | None:
        if self._next is not None:
            request, self._next = self._next, None
            return request
        if self._ended:
            return None
        try:
            taken = self._requests.get(block=waits)
        except Empty:
            return None
        self._ended = taken is None
        return taken

    def _begin(self, group: _Group) -> Begun | Exception:
        try:
            use_cores(self._cores)
            pictures = group[0].crops_rgb if len(group) == 1 else [crop for request in group for crop in request.crops_rgb]
            return self._scorer.begin_pictures(pictures, group[0].locate)
        except Exception as error:
            return error

    def _deliver(self, group: _Group, begun: Begun | Exception) -> None:
        try:
            if isinstance(begun, Exception):
                raise begun
            logits, maps = begun.result()
        except DeviceError as error:
            self._alone(group, error)
        except Exception as error:
            for request in group:
                request.answer.set_exception(error)
        else:
            for request, some in zip(group, _shares(group), strict=True):
                request.answer.set_result((logits[some], None if maps is None else maps[some]))

    def _alone(self, group: _Group, error: DeviceError) -> None:
        """What memory does not suffice for together may fit one by one, and a score that is no number is the fault of one."""
        if len(group) == 1:
            group[0].answer.set_exception(error)
            return
        for request in group:
            self._deliver([request], self._begin([request]))


def _shares(group: Sequence[_Request]) -> list[slice]:
    """Which crops of the merged batch belong to each request."""
    ends = np.cumsum([len(request.crops_rgb) for request in group])
    return [slice(int(end) - len(request.crops_rgb), int(end)) for request, end in zip(group, ends, strict=True)]
