"""Batches of several senders: each gets its own results, merged or not, and an error stays with whoever caused it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from builders import TINY_PREPROCESSING, tiny_network
from scipy.special import expit

from screener.errors import DeviceError
from screener.scoring import TOLERANCE_P_FAKE, LogitsAndMaps, Merging, Pictures, Scorer, TorchEngine
from screener.scoring.merging import MERGED_CROPS

SIZES = (3, 5, 1, 4, 2, 6, 3)
PATIENCE_SECONDS = 60.0


class GatedEngine:
    """The tiny network, which waits at a gate before every batch, and writes down what it was given."""

    name, device, dtype_name = "gated", torch.device("cpu"), "float32"

    def __init__(self, keeps_in_flight: bool = False, most: int = 99) -> None:
        """most: crops that its memory suffices for."""
        self.keeps_in_flight, self._most = keeps_in_flight, most
        self._torch = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32")
        self.begun, self.log = list[tuple[int, bool]](), list[str]()
        self.gate, self.waits = threading.Event(), threading.Semaphore(0)

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        self.waits.release()
        assert self.gate.wait(PATIENCE_SECONDS)
        self.begun.append((len(pictures_rgb), locate))
        self.log.append("begin")
        if len(pictures_rgb) > self._most:
            raise RuntimeError("CUDA out of memory")
        answer = self._torch.begin(np.stack(pictures_rgb), locate)()  # type: ignore[arg-type]
        if any(crop[0, 0, 0] == 255 for crop in pictures_rgb):
            answer = (np.full(len(pictures_rgb), np.nan), answer[1])

        def fetch() -> LogitsAndMaps:
            self.log.append("result")
            if any(crop[0, 0, 0] == 254 for crop in pictures_rgb):
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            return answer

        return fetch

    def logits(self, crops_rgb: np.ndarray) -> np.ndarray:
        return self._torch.logits(crops_rgb)

    def logits_and_maps(self, crops_rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._torch.logits_and_maps(crops_rgb)

    def bare_pass(self, crops_rgb: np.ndarray) -> Callable[[], object]:
        return self._torch.bare_pass(crops_rgb)


@pytest.fixture
def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    found = [rng.integers(0, 250, (size, 64, 64, 3), np.uint8) for size in SIZES]
    for batch in found:
        batch[:, 0, 0, 0] = 0
    return found


@pytest.fixture
def made() -> Iterator[Callable[[GatedEngine, int | None], Merging]]:
    running: list[tuple[GatedEngine, Merging]] = []

    def make(engine: GatedEngine, most: int | None) -> Merging:
        running.append((engine, Merging(Scorer(engine, TINY_PREPROCESSING), 1, most)))
        return running[-1][1]

    yield make
    for engine, merging in running:
        engine.gate.set()
        merging.close()


def waiting(engine: GatedEngine, merging: Merging, batches: list[np.ndarray], locate: Callable[[int], bool]) -> list[Future[LogitsAndMaps]]:
    """The first batch is at the gate, and all others wait behind it."""
    answers = [merging.submit(batches[0], locate(0))]
    assert engine.waits.acquire(timeout=PATIENCE_SECONDS)
    return answers + [merging.submit(batch, locate(number)) for number, batch in enumerate(batches[1:], 1)]


def alone(batch: np.ndarray, locate: bool) -> LogitsAndMaps:
    return TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32").begin(batch, locate)()


def test_on_a_cpu_batches_are_computed_as_they_come_to_the_last_bit(batches: list[np.ndarray], made: Callable[..., Merging]) -> None:
    assert "cpu" not in MERGED_CROPS
    engine = GatedEngine()
    merging = made(engine, None)
    answers = waiting(engine, merging, batches, lambda number: number % 2 == 0)
    engine.gate.set()
    for number, (batch, answer) in enumerate(zip(batches, answers, strict=True)):
        logits, maps = answer.result(PATIENCE_SECONDS)
        expected, expected_maps = alone(batch, number % 2 == 0)
        assert np.array_equal(logits, expected)
        assert (maps is None) == (expected_maps is None) and (maps is None or np.array_equal(maps, expected_maps))
    assert [size for size, _ in engine.begun] == list(SIZES)


@pytest.mark.parametrize("keeps_in_flight", [False, True])
def test_merged_batches_give_each_sender_its_own_results(
    keeps_in_flight: bool, batches: list[np.ndarray], made: Callable[..., Merging]
) -> None:
    engine = GatedEngine(keeps_in_flight)
    merging = made(engine, 8)
    answers = waiting(engine, merging, batches, lambda number: number >= 5)
    engine.gate.set()
    for number, (batch, answer) in enumerate(zip(batches, answers, strict=True)):
        logits, maps = answer.result(PATIENCE_SECONDS)
        expected, expected_maps = alone(batch, number >= 5)
        assert np.abs(expit(logits) - expit(expected)).max() <= TOLERANCE_P_FAKE["float32"]
        assert (maps is None) == (expected_maps is None)
        if maps is not None:
            np.testing.assert_allclose(maps, expected_maps, atol=1e-3)
    # 3 was at the gate; 5 + 1 (and 4 more would be too many), 4 + 2, and those with maps by themselves: 6 (3 more would be too many), 3.
    assert engine.begun == [(3, False), (6, False), (6, False), (6, True), (3, True)]


def test_while_one_batch_is_computed_the_next_is_begun_and_no_result_waits_for_a_batch_that_does_not_come(
    batches: list[np.ndarray], made: Callable[..., Merging]
) -> None:
    engine = GatedEngine(keeps_in_flight=True)
    merging = made(engine, 0)
    answers = waiting(engine, merging, batches[:3], lambda _: False)
    engine.gate.set()
    for answer in answers:
        answer.result(PATIENCE_SECONDS)
    assert engine.log == ["begin", "begin", "result", "begin", "result", "result"]


def test_what_memory_does_not_suffice_for_together_is_scored_one_by_one(batches: list[np.ndarray], made: Callable[..., Merging]) -> None:
    engine = GatedEngine(most=5)
    merging = made(engine, 99)
    answers = waiting(engine, merging, batches, lambda _: False)
    engine.gate.set()
    for size, batch, answer in zip(SIZES, batches, answers, strict=True):
        if size > 5:
            with pytest.raises(DeviceError, match="out of memory with 6 faces"):
                answer.result(PATIENCE_SECONDS)
        else:
            assert np.array_equal(answer.result(PATIENCE_SECONDS)[0], alone(batch, False)[0])
    assert [size for size, _ in engine.begun] == [3, sum(SIZES[1:]), *SIZES[1:]]


def test_a_score_that_is_no_number_is_an_error_of_its_sender_alone(batches: list[np.ndarray], made: Callable[..., Merging]) -> None:
    batches[3][1, 0, 0, 0] = 255
    engine = GatedEngine()
    merging = made(engine, 99)
    answers = waiting(engine, merging, batches, lambda _: False)
    engine.gate.set()
    with pytest.raises(DeviceError, match="no number"):
        answers[3].result(PATIENCE_SECONDS)
    assert all(answer.exception(PATIENCE_SECONDS) is None for number, answer in enumerate(answers) if number != 3)


def test_a_fault_comes_out_as_it_is_and_the_next_batch_is_computed(batches: list[np.ndarray], made: Callable[..., Merging]) -> None:
    engine = GatedEngine()
    engine.gate.set()
    merging = made(engine, 0)
    broken = batches[0].copy()
    broken[0, 0, 0, 0] = 254
    with pytest.raises(RuntimeError, match="illegal memory access"):
        merging.submit(broken, False).result(PATIENCE_SECONDS)
    assert np.array_equal(merging.submit(batches[0], False).result(PATIENCE_SECONDS)[0], alone(batches[0], False)[0])


def test_many_senders_at_once(batches: list[np.ndarray], made: Callable[..., Merging]) -> None:
    engine = GatedEngine(keeps_in_flight=True)
    engine.gate.set()
    merging = made(engine, 12)
    expected = [expit(alone(batch, False)[0]) for batch in batches]

    def send(number: int) -> float:
        which = number % len(batches)
        return float(np.abs(expit(merging.submit(batches[which], False).result(PATIENCE_SECONDS)[0]) - expected[which]).max())

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(send, range(80))) <= TOLERANCE_P_FAKE["float32"]
    assert max(size for size, _ in engine.begun) <= 12
