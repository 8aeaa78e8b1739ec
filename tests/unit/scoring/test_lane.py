"""Transfers to a card and back: the order of waiting. Without a card, recording stand-ins replace streams and events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from builders import TINY_PREPROCESSING, face_crop, tiny_network
from scipy.special import expit

from screener.errors import DeviceError
from screener.scoring import TOLERANCE_P_FAKE, Scorer, TorchEngine, lane
from screener.scoring.acceleration import ACCELERATIONS
from screener.scoring.lane import SLOTS, Lane

CROPS = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)
needs_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Card:
    """Notes what is asked of streams and events, by name; memory is the processor's, and everything happens at once."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.pinned: list[torch.Tensor] = []
        self._named = {"stream": 0, "event": 0}

    def name(self, kind: str) -> str:
        self._named[kind] += 1
        return f"{kind} {self._named[kind]}"


class Stream:
    def __init__(self, card: Card, name: str) -> None:
        self._card, self.name = card, name

    def wait_stream(self, other: Stream) -> None:
        self._card.notes.append(f"{self.name} waits for {other.name}")

    def wait_event(self, event: Event) -> None:
        self._card.notes.append(f"{self.name} waits for {event.name}")


class Event:
    def __init__(self, card: Card) -> None:
        self._card, self.name = card, card.name("event")

    def record(self, stream: Stream) -> None:
        self._card.notes.append(f"{self.name} on {stream.name}")

    def synchronize(self) -> None:
        self._card.notes.append(f"processor waits for {self.name}")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    made = Card()

    @contextmanager
    def on(stream: Stream) -> Iterator[None]:
        made.notes.append(f"in {stream.name}")
        yield

    def pinned(shape: tuple[int, ...]) -> torch.Tensor:
        made.pinned.append(torch.empty(shape, dtype=torch.uint8))
        return made.pinned[-1]

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream(made, made.name("stream")))
    monkeypatch.setattr(torch.cuda, "Event", lambda blocking: Event(made))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(made, "default stream"))
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(lane, "_pinned", pinned)

    def record_stream(tensor: torch.Tensor, stream: Stream) -> None:
        made.notes.append(f"crops kept for {stream.name}")

    monkeypatch.setattr(torch.Tensor, "record_stream", record_stream)
    return made


def sums(crops: torch.Tensor) -> list[torch.Tensor]:
    return [crops.double().sum((1, 2, 3)), crops.double().amax((1, 2, 3))]


def test_a_batch_goes_up_on_one_stream_and_is_computed_on_another_that_waits_for_it(card: Card) -> None:
    made = Lane(torch.device("cpu"))
    assert card.notes == ["stream 2 waits for default stream"]  # the weights
    card.notes.clear()
    fetch = made.begin(CROPS[:3], sums)
    assert card.notes == [
        "processor waits for event 1",  # that the slot was emptied; never recorded, it is over at once
        "in stream 1",
        "event 1 on stream 1",
        "in stream 2",
        "stream 2 waits for event 1",
        "crops kept for stream 2",
        "event 3 on stream 2",
    ]
    card.notes.clear()
    found = fetch()
    assert card.notes == ["processor waits for event 3"]
    assert [torch.equal(one, other) for one, other in zip(found, sums(torch.from_numpy(CROPS[:3])), strict=True)] == [True, True]


def test_memory_is_pinned_once_and_written_to_again_only_after_its_upload(card: Card) -> None:
    made = Lane(torch.device("cpu"))
    uploads = []
    for number in range(6):
        card.notes.clear()
        made.begin(CROPS[number : number + 3], sums)
        uploads.append(next(note for note in card.notes if note.endswith("on stream 1")))
        # The very event that was recorded when this piece went up the last time, before anything else.
        assert card.notes[0] == f"processor waits for {uploads[-1].removesuffix(' on stream 1')}"
    assert uploads == uploads[:SLOTS] * (6 // SLOTS)
    assert len(set(uploads)) == len(card.pinned) == SLOTS


def test_memory_grows_with_the_batch_and_does_not_shrink(card: Card) -> None:
    made = Lane(torch.device("cpu"))
    for count in (2, 2, 5, 5, 1, 3):
        assert torch.equal(made.begin(CROPS[:count], sums)()[0], sums(torch.from_numpy(CROPS[:count]))[0])
    assert [len(piece) for piece in card.pinned] == [2, 2, 5, 5]


def test_crops_may_come_one_by_one_and_change_afterwards(card: Card) -> None:
    made = Lane(torch.device("cpu"))
    crops = [crop.copy() for crop in CROPS[:4]]
    fetch = made.begin(crops, lambda pictures: [pictures.clone()])
    for crop in crops:
        crop[:] = 0
    assert np.array_equal(fetch()[0].numpy(), CROPS[:4])


def test_one_thread_at_a_time_launches_and_an_error_leaves_the_way_free(card: Card) -> None:
    made = Lane(torch.device("cpu"))
    inside = threading.Semaphore(1)

    def alone(crops: torch.Tensor) -> list[torch.Tensor]:
        assert inside.acquire(blocking=False), "two threads launch at once"
        try:
            if crops[0, 0, 0, 0] == CROPS[7, 0, 0, 0]:
                raise ValueError("of this batch")
            return sums(crops)
        finally:
            inside.release()

    def one(number: int) -> Any:
        try:
            return float(made.begin(CROPS[number : number + 1], alone)()[0])
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, [*range(12)] * 5))
    spoilt = [bool(crop[0, 0, 0] == CROPS[7, 0, 0, 0]) for crop in CROPS]
    expected = ["of this batch" if bad else float(crop.sum(dtype=np.float64)) for crop, bad in zip(CROPS, spoilt, strict=True)]
    assert found == expected * 5 and not all(spoilt)


def test_an_engine_on_a_lane_gives_the_answers_it_gives_without(card: Card) -> None:
    engine = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cpu", "float32")
    logits, maps = engine.logits_and_maps(CROPS)
    assert not engine.keeps_in_flight and not card.notes
    engine._lane, engine.keeps_in_flight = Lane(torch.device("cpu")), True
    fetches = [engine.begin(part, locate) for part, locate in ((CROPS, True), (CROPS[::-1], False))]
    found, found_maps = fetches[0]()
    assert np.array_equal(found, logits) and np.array_equal(found_maps, maps)  # type: ignore[arg-type]
    backwards, nothing = fetches[1]()
    # Not to the last bit: on some processors that depends on a picture's place in its batch.
    assert backwards[::-1] == pytest.approx(logits, abs=1e-4) and nothing is None
    assert any("on stream 2" in note for note in card.notes)


# On a card.


def on_card(acceleration: str = "none", batch_size: int = 4) -> Scorer:
    engine = TorchEngine(tiny_network(), TINY_PREPROCESSING, "cuda", "float32", acceleration=acceleration)
    return Scorer(engine, TINY_PREPROCESSING, batch_size=batch_size)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(expit(one) - expit(other)).max())


@needs_a_card
def test_many_batches_in_flight_are_all_right_on_a_card() -> None:
    scorer = on_card()
    assert scorer.keeps_in_flight
    answers = [scorer.begin([face_crop(crop)], locate=True).result() for crop in CROPS]  # none in flight beside it
    expected, maps = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    places = [(number * 5) % 9 for number in range(60)]
    begun = [scorer.begin([face_crop(crop) for crop in CROPS[place : place + 3]], locate=True) for place in places]
    for place, scoring in reversed(list(zip(places, begun, strict=True))):
        logits, found = scoring.result()
        assert apart(logits, expected[place : place + 3]) <= TOLERANCE_P_FAKE["float32"]
        assert found is not None and np.abs(found - maps[place : place + 3]).max() <= TOLERANCE_P_FAKE["float32"]


@needs_a_card
def test_a_card_gives_the_scores_of_the_processor() -> None:
    """Within what bfloat16 may cost: where a card can, PyTorch lets convolutions in float32 round to 10 bits first."""
    expected = Scorer(tiny_network(), TINY_PREPROCESSING, "cpu", "float32").logits(CROPS)
    assert apart(on_card().logits(CROPS), expected) <= TOLERANCE_P_FAKE["bfloat16"]


@needs_a_card
@pytest.mark.parametrize("acceleration", sorted(set(ACCELERATIONS) - {"compile"}))
def test_threads_share_a_card(acceleration: str) -> None:
    scorer = on_card(acceleration)
    expected = on_card().logits(CROPS)

    def one(number: int) -> float:
        order = np.roll(np.arange(len(CROPS)), number)
        return apart(scorer.logits(CROPS[order]), expected[order])

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(one, range(64))) <= TOLERANCE_P_FAKE["float32"]


@needs_a_card
def test_a_batch_too_large_for_a_card_says_so() -> None:
    scorer = on_card()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        torch.cuda.empty_cache()
        with pytest.raises(DeviceError, match="--batch-size"):
            scorer.logits(np.zeros((4, 1024, 1024, 3), np.uint8))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.isfinite(scorer.logits(CROPS)).all()
