"""A frozen camera is detected, and an empty room is not taken for one; frames say when they were decoded, by the clock of the watch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from screener.settings import LiveSettings
from screener.video.live import clock
from screener.video.live.live_worker import Stillness, _send_frames

RATE = 10


def picture(seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).uniform(0, 255, (9, 16, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (320, 180)), 0, 255).astype(np.uint8)


def last_of(pictures: list[NDArray[np.uint8]]) -> float:
    stillness = Stillness()
    return [stillness.unchanged_seconds(one, number / RATE) for number, one in enumerate(pictures)][-1]


def test_the_same_picture_counts_up_from_its_first() -> None:
    stillness = Stillness()
    still = picture()
    assert [stillness.unchanged_seconds(still, number / RATE) for number in range(4)] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert stillness.unchanged_seconds(picture(1), 0.4) == 0.0
    assert stillness.unchanged_seconds(picture(1), 0.5) == 0.5 - 0.4


def test_noise_alone_is_life() -> None:
    rng = np.random.default_rng(0)
    room = picture().astype(np.float32)
    assert last_of([np.clip(room + rng.normal(0, 2, room.shape), 0, 255).astype(np.uint8) for _ in range(30)]) == 0.0


def test_a_small_movement_is_life() -> None:
    def moving(number: int) -> NDArray[np.uint8]:
        one = picture()
        one[60:80, 100 + number : 120 + number] = 255
        return one

    assert last_of([moving(number) for number in range(30)]) == 0.0


def test_a_still_encoded_anew_now_and_then_stays_frozen() -> None:
    still = picture()
    anew = np.clip(still.astype(np.int16) + np.random.default_rng(0).integers(-1, 2, still.shape), 0, 255).astype(np.uint8)
    pictures = [anew if 10 <= number < 20 else still for number in range(30)]
    assert last_of(pictures) == pytest.approx(2.9)


def test_another_size_is_another_picture() -> None:
    still = picture()
    assert last_of([still, still, cv2.resize(still, (640, 360))[:180, :320]]) == 0.0
    assert last_of([np.zeros((40, 60, 3), np.uint8), np.zeros((60, 40, 3), np.uint8)]) == 0.0


def test_a_frame_says_when_it_was_decoded_also_after_a_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on in sleep, as that of the watch does, which compares them."""
    readings = iter([100.0, 3700.0])
    monkeypatch.setattr(clock, "time", SimpleNamespace(CLOCK_BOOTTIME=7, clock_gettime=lambda which: next(readings)))
    arrivals = [SimpleNamespace(index=index, is_sound=True, picture=picture, pts_seconds=None) for index in range(2)]
    sent: list[float] = []

    def send(message: dict[str, Any], picture_rgb: object) -> None:
        sent.append(message["frame"]["captured"])

    decoding: Any = SimpleNamespace(arrivals=lambda: arrivals)
    requests: Any = SimpleNamespace(take=lambda: True)
    answers: Any = SimpleNamespace(send=send)
    _send_frames(decoding, LiveSettings(), requests, answers)
    assert sent == [100.0, 3700.0]
