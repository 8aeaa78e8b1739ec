"""Statistics of the judging thread: delays against NumPy's percentiles."""

from __future__ import annotations

import numpy as np
import pytest

from screener.watching.judging_thread import LONGEST_MILLISECONDS, Delays


def test_nothing_yet() -> None:
    assert (Delays().recent(0.0), Delays().overall()) == (None, None)


def test_recent_is_the_last_minute_and_overall_everything() -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(2.0, 0.1, 1000)
    delays = Delays()
    for number, value in enumerate(values):
        delays.add(number / 10, float(value))
    now = 99.9
    expected = np.percentile(values[[number / 10 >= now - 60 for number in range(1000)]], (50, 95))
    assert delays.recent(now) == pytest.approx(tuple(expected))
    assert delays.overall() == pytest.approx(tuple(np.percentile(values, (50, 95))), abs=0.003)
    assert delays.recent(1000.0) is None


def test_an_absurd_delay_counts_as_the_longest() -> None:
    delays = Delays()
    delays.add(0.0, 1e9)
    delays.add(0.0, -1.0)
    assert delays.overall() == (0.0, LONGEST_MILLISECONDS / 1000)
