"""When the frames of a recording are due."""

from __future__ import annotations

import pytest

from screener.video.live.pacing import Pace


def test_a_pace_holds_back_what_comes_early_and_nothing_else() -> None:
    pace = Pace()
    assert pace.wait_seconds(5.0, 100.0) == 0.0
    assert pace.wait_seconds(5.5, 100.1) == pytest.approx(0.4)
    assert pace.wait_seconds(6.0, 101.3) == 0.0, "a little late is shown at once, and the pace stays"
    assert pace.wait_seconds(6.5, 101.4) == pytest.approx(0.1)


def test_a_pace_begins_anew_after_a_stop_or_a_jump() -> None:
    pace = Pace()
    pace.wait_seconds(0.0, 100.0)
    assert pace.wait_seconds(0.5, 105.0) == 0.0
    assert pace.wait_seconds(1.0, 105.1) == pytest.approx(0.4), "not rushed through"
    assert pace.wait_seconds(90_000.0, 105.2) == 0.0
    assert pace.wait_seconds(0.0, 105.3) == 0.0
    assert pace.wait_seconds(0.2, 105.3) == pytest.approx(0.2)
