"""Sends batches of crops to scoring workers, and once more, to whichever is there, when a worker dies before it has answered.

Knows futures, not who carries them: `ray_contact` does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.scoring import LogitsAndMaps

MOST_DEATHS = 8
"""A batch whose workers died so often is not the victim of chance."""

LOOK_SECONDS = 5.0
"""So often a batch that waits for a worker that died looks whether another one is there."""


class ScorerContact(Protocol):
    """A scoring worker as its senders see it."""

    def score(self, crops_rgb: NDArray[np.uint8], locate: bool) -> Future[dict[str, Any]]:
        """`logits`, `maps` and `ran_on`; or `failed`, in words."""
        ...

    def ready(self) -> Future[dict[str, Any]]:
        """Comes when the worker has loaded its model."""
        ...


class ScorerLine:
    """The way of one process to all scoring workers; safe in several threads at once."""

    def __init__(self, contacts: Sequence[ScorerContact], ran_on: Mapping[str, str], lost: tuple[type[Exception], ...]) -> None:
        """ran_on: what every worker must compute with, as `Scorer.ran_on` gives it. lost: errors that say that a worker died."""
        self._scorers = [_Scorer(contact) for contact in contacts]
        self._ran_on, self._lost = dict(ran_on), lost
        self._turn = os.getpid()  # so that not everybody begins with the same worker
        self._choosing = threading.Lock()
        self.on_lost: Callable[[], None] = lambda: None
        """Called when a batch has lost its worker, and now and then until it has another, as it takes longer for no fault of the input."""

    def send(self, crops_rgb: NDArray[np.uint8], locate: bool) -> Callable[[], LogitsAndMaps]:
        """See `remote_engine.Send`. The function raises DeviceError where no results can be had, and none are ever left out."""
        batch = _Sent(crops_rgb, locate)
        self._try(batch)
        return lambda: self._results(batch)

    def _try(self, batch: _Sent) -> None:
        with self._choosing:
            self._turn += 1
            order = [self._scorers[(self._turn + offset) % len(self._scorers)] for offset in range(len(self._scorers))]
            free = [scorer for scorer in order if scorer not in batch.tries.values()]
            scorer = min(free or order, key=lambda one: (one.died, one.unanswered))
            try:
                batch.tries[scorer.score(batch.crops_rgb, batch.locate)] = scorer
            except Exception as error:
                raise DeviceError(f"no faces can be sent to the scoring workers: {error}") from error

    def _results(self, batch: _Sent) -> LogitsAndMaps:
        while True:
            came, _ = wait(batch.tries, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for answer in came:
                scorer, error = batch.tries.pop(answer), answer.exception()
                if error is None:
                    return self._unpacked(answer.result())
                self._note(batch, scorer, error)
            if any(not scorer.died for scorer in batch.tries.values()):
                continue
            if not batch.tries or any(not scorer.died for scorer in self._scorers):
                self._try(batch)
            self.on_lost()

    def _note(self, batch: _Sent, scorer: _Scorer, error: BaseException) -> None:
        if not isinstance(error, self._lost):
            raise DeviceError(f"a scoring worker failed: {error}") from error
        scorer.note_death()
        batch.deaths += 1
        if batch.deaths >= MOST_DEATHS:
            raise DeviceError(f"{batch.deaths} scoring workers died before they had scored the same faces: {error}") from error

    def _unpacked(self, answer: dict[str, Any]) -> LogitsAndMaps:
        if "failed" in answer:
            raise DeviceError(answer["failed"])
        if answer["ran_on"] != self._ran_on:
            raise DeviceError(f"scoring workers compute differently: {_in_words(answer['ran_on'])}, and {_in_words(self._ran_on)}")
        return answer["logits"], answer["maps"]


class _Scorer:
    """died: whether it died and has not been heard of since."""

    def __init__(self, contact: ScorerContact) -> None:
        self._contact = contact
        self.died = False
        self.unanswered = 0
        self._counting = threading.Lock()

    def score(self, crops_rgb: NDArray[np.uint8], locate: bool) -> Future[dict[str, Any]]:
        answer = self._contact.score(crops_rgb, locate)
        self._count(1)
        answer.add_done_callback(lambda _: self._count(-1))
        return answer

    def note_death(self) -> None:
        if not self.died:
            self.died = True
            self._ask()

    def _ask(self) -> None:
        self._contact.ready().add_done_callback(self._heard)

    def _heard(self, answer: Future[dict[str, Any]]) -> None:
        if answer.exception() is None:
            self.died = False
        else:
            again = threading.Timer(1.0, self._ask)
            again.daemon = True
            again.start()

    def _count(self, more: int) -> None:
        with self._counting:
            self.unanswered += more


class _Sent:
    """A batch, and who was asked for it. tries: by the answer that is still to come."""

    def __init__(self, crops_rgb: NDArray[np.uint8], locate: bool) -> None:
        self.crops_rgb, self.locate = crops_rgb, locate
        self.tries: dict[Future[dict[str, Any]], _Scorer] = {}
        self.deaths = 0


def _in_words(ran_on: Mapping[str, str]) -> str:
    return "{engine} on {device} in {dtype}".format(**ran_on)
