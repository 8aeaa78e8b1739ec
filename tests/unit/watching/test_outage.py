"""States of a watch, and the time lost in them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from screener.records import Frame
from screener.settings import LiveSettings
from screener.video.live.feed import FeedStatus, LiveFrame
from screener.watching.outage import Outages, state_of

SETTINGS = LiveSettings()
OPEN = FeedStatus(phase="open", last_arrival=100.0)


def newest(unchanged: float = 0.0) -> LiveFrame:
    return LiveFrame(Frame(np.zeros((2, 2, 3), np.uint8), 0.0, 0), 1, 1, 100.0, unchanged, 1)


@pytest.mark.parametrize(
    ("status", "unchanged", "judged_at", "now", "state"),
    [
        (FeedStatus(), 0.0, None, 100.0, "opening"),
        (OPEN, 0.0, None, 101.9, "live"),
        (OPEN, 0.0, None, 102.1, "stale"),
        (OPEN, 1.9, None, 100.0, "live"),
        (OPEN, 2.0, None, 100.0, "frozen"),
        (OPEN, 2.0, None, 102.5, "stale"),
        (OPEN, 0.0, 95.0, 100.0, "live"),
        (OPEN, 0.0, 93.9, 100.0, "stale"),
        (dataclasses.replace(OPEN, phase="lost", message="gone"), 0.0, None, 100.0, "lost"),
        (dataclasses.replace(OPEN, phase="ended"), 0.0, None, 100.0, "ended"),
    ],
)
def test_states(status: FeedStatus, unchanged: float, judged_at: float | None, now: float, state: str) -> None:
    found, message = state_of(status, newest(unchanged), judged_at, now, SETTINGS)
    assert found == state
    assert bool(message) == (state in ("stale", "frozen", "lost"))


def test_lost_time_adds_up_and_one_outage_goes_on_through_its_states() -> None:
    outages = Outages()
    assert outages.end(5.0) == 0.0
    outages.begin(10.0)
    outages.begin(12.0)
    assert outages.seconds(13.0) == 3.0
    assert outages.end(15.0) == 5.0
    outages.begin(20.0)
    assert outages.seconds(21.0) == 6.0
    assert outages.end(22.0) == 2.0
    assert outages.seconds(99.0) == 7.0
