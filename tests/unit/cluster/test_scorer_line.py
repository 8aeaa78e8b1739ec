"""The way to scoring workers, which may die at any time: every batch gets its own results, or an error that ends the run."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
pytest.importorskip("pyarrow", reason="the extra `cluster` is not installed")

from screener.cluster import scorer_line
from screener.cluster.scorer_line import MOST_DEATHS, ScorerLine
from screener.errors import DeviceError

RAN_ON = {"engine": "torch", "device": "cuda", "dtype": "bfloat16"}
PATIENCE_SECONDS = 60.0


class Lost(Exception):
    """What a launcher raises for a worker that died."""


class Worker:
    """Answers when it is told to, or at once; the logit of a crop is its first byte. As under Ray, what is asked of a dead one waits for
    its return.
    """

    def __init__(self, at_once: bool = False, ran_on: dict[str, str] = RAN_ON) -> None:
        self.at_once, self.ran_on = at_once, ran_on
        self.alive = True
        self.asked: list[tuple[np.ndarray, Future[dict[str, Any]]]] = []
        self._readies: list[Future[dict[str, Any]]] = []
        self._changing = threading.RLock()

    def score(self, crops_rgb: np.ndarray, locate: bool) -> Future[dict[str, Any]]:
        with self._changing:
            self.asked.append((crops_rgb, answer := Future()))
            if self.at_once and self.alive:
                self.answer()
            return answer

    def ready(self) -> Future[dict[str, Any]]:
        with self._changing:
            self._readies.append(answer := Future())
            if self.alive:
                self.come_back()
            return answer

    def answer(self, **instead: Any) -> None:
        with self._changing:
            for crops_rgb, answer in self._taken():
                answer.set_result(instead or {"logits": crops_rgb[:, 0, 0, 0].astype(float), "maps": None, "ran_on": self.ran_on})

    def die(self, error: Exception | None = None) -> None:
        with self._changing:
            self.alive = False
            for _, answer in self._taken():
                answer.set_exception(error or Lost("the worker died"))

    def come_back(self) -> None:
        with self._changing:
            self.alive = True
            readies, self._readies = self._readies, []
            for ready in readies:
                ready.set_result({})
            if self.at_once:
                self.answer()

    def _taken(self) -> list[tuple[np.ndarray, Future[dict[str, Any]]]]:
        taken, self.asked = self.asked, []
        return taken


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer_line, "LOOK_SECONDS", 0.02)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as running:
        yield running


def line_of(*workers: Worker) -> ScorerLine:
    return ScorerLine(workers, RAN_ON, (Lost,))


def crops(first: int) -> np.ndarray:
    made = np.zeros((2, 8, 8, 3), np.uint8)
    made[:, 0, 0, 0] = first, first + 1
    return made


def until(holds: Any) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_batches_go_to_whoever_has_least_to_do() -> None:
    workers = [Worker(), Worker(), Worker()]
    line = line_of(*workers)
    for number in range(6):
        line.send(crops(number), False)
    assert [len(worker.asked) for worker in workers] == [2, 2, 2]
    workers[1].answer()
    line.send(crops(0), False)
    assert [len(worker.asked) for worker in workers] == [2, 1, 2]


def test_a_batch_whose_worker_died_is_scored_by_another(pool: ThreadPoolExecutor) -> None:
    workers = [Worker(), Worker()]
    line = line_of(*workers)
    lost: list[str] = []
    line.on_lost = lambda: lost.append("lost")
    fetched = pool.submit(line.send(crops(5), False))
    dead, other = workers if workers[0].asked else workers[::-1]
    dead.die()
    until(lambda: other.asked)
    other.answer()
    assert fetched.result(PATIENCE_SECONDS)[0].tolist() == [5, 6]
    assert lost
    # As long as it is away, nothing is sent to it; once it is back, it is as good as any.
    for number in range(3):
        line.send(crops(number), False)
    assert (len(dead.asked), len(other.asked)) == (0, 3)
    dead.come_back()
    line.send(crops(0), False)
    assert len(dead.asked) == 1


def test_where_there_is_no_other_a_batch_waits_for_its_return_and_says_so(pool: ThreadPoolExecutor) -> None:
    worker = Worker()
    line = line_of(worker)
    waits: list[str] = []
    line.on_lost = lambda: waits.append("waits")
    fetched = pool.submit(line.send(crops(5), False))
    worker.die()
    until(lambda: len(waits) > 3)
    assert len(worker.asked) == 1
    worker.at_once = True
    worker.come_back()
    assert fetched.result(PATIENCE_SECONDS)[0].tolist() == [5, 6]


def test_a_batch_that_waits_for_a_dead_worker_goes_to_the_first_that_returns(pool: ThreadPoolExecutor) -> None:
    workers = [Worker(), Worker()]
    line = line_of(*workers)
    both = [pool.submit(line.send(crops(number), False)) for number in (1, 5)]
    for worker in workers:
        worker.die()
    until(lambda: sum(len(worker.asked) for worker in workers) == 2)
    workers[0].at_once = True
    workers[0].come_back()
    assert [fetched.result(PATIENCE_SECONDS)[0][0] for fetched in both] == [1, 5]


def test_what_kills_every_worker_ends_the_run(pool: ThreadPoolExecutor) -> None:
    worker = Worker()
    fetched = pool.submit(line_of(worker).send(crops(5), False))
    for _ in range(MOST_DEATHS):
        until(lambda: worker.asked)
        worker.die()
    with pytest.raises(DeviceError, match=f"{MOST_DEATHS} scoring workers died"):
        fetched.result(PATIENCE_SECONDS)


def test_errors_of_a_worker_end_the_run_in_its_words(pool: ThreadPoolExecutor) -> None:
    worker = Worker()
    line = line_of(worker)
    fetched = pool.submit(line.send(crops(5), False))
    worker.answer(failed="cuda: out of memory with 16 faces")
    with pytest.raises(DeviceError, match="cuda: out of memory with 16 faces"):
        fetched.result(PATIENCE_SECONDS)
    fetched = pool.submit(line.send(crops(5), False))
    worker.die(ValueError("what is this"))
    with pytest.raises(DeviceError, match="a scoring worker failed: what is this"):
        fetched.result(PATIENCE_SECONDS)


def test_a_worker_that_computes_differently_is_not_believed(pool: ThreadPoolExecutor) -> None:
    worker = Worker(at_once=True, ran_on={**RAN_ON, "dtype": "float32"})
    with pytest.raises(DeviceError, match="differently: torch on cuda in float32, and torch on cuda in bfloat16"):
        line_of(worker).send(crops(5), False)()


def test_what_cannot_be_sent_ends_the_run() -> None:
    class Full(Worker):
        def score(self, crops_rgb: np.ndarray, locate: bool) -> Future[dict[str, Any]]:
            raise OSError("the object store is full")

    with pytest.raises(DeviceError, match="no faces can be sent to the scoring workers: the object store is full"):
        line_of(Full()).send(crops(5), False)


def test_every_batch_gets_its_own_results_while_workers_die_at_random_moments(pool: ThreadPoolExecutor) -> None:
    rng = random.Random(7)
    workers = [Worker(), Worker(), Worker()]
    line = line_of(*workers)
    over = threading.Event()
    died = 0

    def work() -> None:
        nonlocal died
        while not over.wait(0.001):
            worker = rng.choice([one for one in workers if one.asked or not one.alive] or workers)
            if not worker.alive:
                worker.come_back()
            elif rng.random() < 0.25:
                worker.die()
                died += 1
            else:
                worker.answer()

    worker_thread = threading.Thread(target=work)
    worker_thread.start()
    try:
        found = list(pool.map(lambda n: line.send(crops(n % 250), False)()[0].tolist(), range(400)))
    finally:
        over.set()
        worker_thread.join()
    assert found == [[n % 250, n % 250 + 1] for n in range(400)]
    assert died > 8
