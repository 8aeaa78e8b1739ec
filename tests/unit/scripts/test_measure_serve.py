"""`scripts/measure_serve.py`: what a live watch's delay is after a change holds nothing from before it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

import measure_serve

from screener.watching.judging_thread import Delays


def test_a_delay_that_grows_is_seen_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch gives its median over a minute, of which most would be older than the change."""
    delays, now, each = Delays(), 0.0, 0.1

    def sleep(seconds: float) -> None:
        nonlocal now
        for _ in range(round(10 * seconds)):
            now += 0.1
            delays.add(now, each)

    def watched(_: Any) -> dict[str, object]:
        found = delays.recent(now)
        return {"delay_median_seconds": found and found[0]}

    monkeypatch.setattr(measure_serve.time, "sleep", sleep)
    monkeypatch.setattr(measure_serve, "watched", watched)
    sleep(120)
    assert measure_serve.delay(None) == pytest.approx(0.1)  # type: ignore[arg-type]
    each = 0.2
    assert measure_serve.delay(None) == pytest.approx(0.2)  # type: ignore[arg-type]
