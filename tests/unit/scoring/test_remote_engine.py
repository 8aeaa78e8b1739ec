"""An engine whose network runs elsewhere: the results of a near one, and never more crops on their way than are allowed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
import pytest
from builders import TINY_PREPROCESSING, tiny_network

from screener.errors import DeviceError
from screener.scoring import BeginningEngine, LogitsAndMaps, RemoteEngine, TorchEngine

RAN_ON = {"engine": "torch", "device": "cuda", "dtype": "bfloat16"}
PATIENCE_SECONDS = 60.0


class Post:
    """Takes batches, and answers when it is told to: the logit of a crop is its first byte."""

    def __init__(self) -> None:
        self.sent: list[np.ndarray] = []
        self._answers: list[Future[LogitsAndMaps]] = []

    def send(self, crops_rgb: np.ndarray, locate: bool) -> Callable[[], LogitsAndMaps]:
        self.sent.append(crops_rgb)
        answer: Future[LogitsAndMaps] = Future()
        self._answers.append(answer)
        return lambda: answer.result(PATIENCE_SECONDS)

    def answer(self, number: int, error: Exception | None = None) -> None:
        if error is None:
            self._answers[number].set_result((self.sent[number][:, 0, 0, 0].astype(np.float64), None))
        else:
            self._answers[number].set_exception(error)


def crops(first: int, count: int = 4) -> np.ndarray:
    made = np.zeros((count, 64, 64, 3), np.uint8)
    made[:, 0, 0, 0] = np.arange(first, first + count)
    return made


def test_it_is_what_the_others_compute_on() -> None:
    engine = RemoteEngine(RAN_ON, Post().send, 8)
    assert (engine.name, str(engine.device), engine.dtype_name) == ("torch", "cuda", "bfloat16")
    assert isinstance(engine, BeginningEngine) and engine.keeps_in_flight


def test_results_are_those_of_the_engine_at_the_other_end() -> None:
    near = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32")
    engine = RemoteEngine({**RAN_ON, "device": "cpu"}, near.begin, 8)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    logits, maps = engine.logits_and_maps(pictures)
    expected, expected_maps = near.logits_and_maps(pictures)
    assert np.array_equal(logits, expected) and np.array_equal(maps, expected_maps)
    assert np.array_equal(engine.logits(pictures), expected)
    assert np.array_equal(engine.begin(list(pictures), locate=False)()[0], expected)
    assert np.array_equal(engine.bare_pass(pictures)(), expected)  # type: ignore[arg-type]


def test_a_batch_waits_until_there_is_room_for_it() -> None:
    post = Post()
    engine = RemoteEngine(RAN_ON, post.send, 8)
    fetches = [engine.begin(crops(0), False), engine.begin(crops(10), False)]
    third = threading.Thread(target=lambda: fetches.append(engine.begin(crops(20), False)))
    third.start()
    third.join(0.2)
    assert third.is_alive() and len(post.sent) == 2
    post.answer(0)
    third.join(PATIENCE_SECONDS)
    assert len(post.sent) == 3
    post.answer(1)
    post.answer(2)
    assert [fetch()[0][0] for fetch in fetches] == [0, 10, 20]


def test_a_batch_that_was_fetched_makes_room_and_a_large_one_goes_alone() -> None:
    post = Post()
    engine = RemoteEngine(RAN_ON, post.send, 8)
    first = engine.begin(crops(0), False)
    post.answer(0)
    first()
    second = engine.begin(crops(0, 20), False)  # nothing else is on its way
    post.answer(1)
    assert len(second()[0]) == 20


def test_one_thread_may_begin_more_than_fits_before_it_fetches() -> None:
    near = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32")
    engine = RemoteEngine({**RAN_ON, "device": "cpu"}, near.begin, 8)
    fetches = [engine.begin(crops(number), False) for number in range(6)]
    assert all(np.array_equal(fetch()[0], near.logits(crops(number))) for number, fetch in enumerate(fetches))


def test_an_error_comes_to_whoever_fetches_that_batch() -> None:
    post = Post()
    engine = RemoteEngine(RAN_ON, post.send, 4)
    broken = engine.begin(crops(0), False)
    post.answer(0, DeviceError("out of memory"))
    sound = engine.begin(crops(10), False)  # finds the error of the first, and leaves it there
    post.answer(1)
    assert sound()[0][0] == 10
    for _ in range(2):
        with pytest.raises(DeviceError, match="out of memory"):
            broken()


def test_pictures_may_be_changed_as_soon_as_a_batch_is_begun() -> None:
    post = Post()
    engine = RemoteEngine(RAN_ON, post.send, 8)
    pictures = crops(7)
    fetch = engine.begin(pictures, False)
    pictures[:] = 99
    post.answer(0)
    assert fetch()[0].tolist() == [7, 8, 9, 10]
