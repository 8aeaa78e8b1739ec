"""The clock of a watch, on systems that tell of sleep in different ways."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest

from screener.video.live import clock
from screener.video.live.clock import now_seconds


@pytest.mark.parametrize(
    ("platform", "clocks", "seconds"),
    [
        ("linux", {"CLOCK_BOOTTIME": "boot", "CLOCK_MONOTONIC": "monotonic"}, 3700.0),
        ("darwin", {"CLOCK_MONOTONIC": "goes on"}, 3700.0),
        ("win32", {}, 100.0),
        ("freebsd14", {"CLOCK_MONOTONIC": "monotonic"}, 100.0),
    ],
)
def test_it_goes_on_while_the_machine_sleeps_where_the_system_can_tell(
    platform: str, clocks: dict[str, str], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of sleep after 100 seconds."""
    readings = {"boot": 3700.0, "goes on": 3700.0, "monotonic": 100.0}
    monkeypatch.setattr(clock, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(clock, "time", SimpleNamespace(clock_gettime=readings.__getitem__, monotonic=lambda: 100.0, **clocks))
    assert now_seconds() == seconds


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="CLOCK_BOOTTIME is a clock of Linux")
def test_here_it_is_the_time_since_the_machine_was_started() -> None:
    before, now, after = time.clock_gettime(time.CLOCK_BOOTTIME), now_seconds(), time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= now <= after
