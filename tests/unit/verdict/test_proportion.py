"""Intervals of counted shares."""

from __future__ import annotations

import pytest

from screener.verdict.proportion import wilson_interval


@pytest.mark.parametrize(
    ("share_found", "count", "expected"),
    [
        (0.0, 3, (0.0, 0.5615)),
        (1.0, 10, (0.7225, 1.0)),
        (0.8, 10, (0.4902, 0.9433)),
        (0.05, 1000, (0.0381, 0.0653)),
        (1.0, 1, (0.2065, 1.0)),
    ],
)
def test_the_interval_of_a_rate_is_wilsons(share_found: float, count: int, expected: tuple[float, float]) -> None:
    assert wilson_interval(share_found, count) == pytest.approx(expected, abs=1e-4)


def test_a_wider_share_of_the_interval_is_a_wider_interval() -> None:
    narrow, wide = wilson_interval(0.3, 20, 0.5), wilson_interval(0.3, 20, 0.99)
    assert wide[0] < narrow[0] < 0.3 < narrow[1] < wide[1]
