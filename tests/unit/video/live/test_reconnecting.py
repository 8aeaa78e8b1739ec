"""Waits before the next attempt."""

from __future__ import annotations

import pytest

from screener.video.live.reconnecting import BackOff

WAITS = (1.0, 2.0, 5.0, 10.0, 30.0)


def back_off(chance: float = 0.5, jitter: float = 0.2) -> BackOff:
    return BackOff(WAITS, jitter, 60.0, lambda: chance)


def test_waits_rise_and_the_last_one_repeats() -> None:
    waits = back_off()
    assert [waits.wait_seconds(0.0) for _ in range(7)] == pytest.approx([1, 2, 5, 10, 30, 30, 30])


def test_a_short_life_is_no_recovery() -> None:
    waits = back_off()
    assert [waits.wait_seconds(watched) for watched in (0.0, 59.0, 59.0)] == pytest.approx([1, 2, 5])


def test_a_healthy_minute_begins_anew() -> None:
    waits = back_off()
    assert [waits.wait_seconds(watched) for watched in (0.0, 0.0, 60.0, 0.0)] == pytest.approx([1, 2, 1, 2])


@pytest.mark.parametrize(("chance", "first"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_chance_stays_within_the_jitter(chance: float, first: float) -> None:
    assert back_off(chance).wait_seconds(0.0) == pytest.approx(first)
