"""Gauges, sparklines and large letters, character by character."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.watching.marks import LETTER_ROWS, gauge, large, sparkline
from screener.watching.records import STATES


@pytest.mark.parametrize(
    ("p_fake", "drawn"),
    [
        (None, "------|---"),
        (0.0, "------|---"),
        (0.3, "###---|---"),
        (0.65, "######|---"),
        (0.8, "######|#--"),
        (1.0, "######|###"),
        (7.0, "######|###"),
        (-1.0, "------|---"),
    ],
)
def test_a_gauge_is_filled_as_far_as_the_score(p_fake: float | None, drawn: str) -> None:
    assert "".join(gauge(p_fake, 0.61, 10, ascii_only=True)) == drawn


@given(st.none() | st.floats(0, 1), st.floats(0, 1), st.integers(1, 80), st.booleans())
def test_a_gauge_has_its_width_and_its_mark(p_fake: float | None, threshold: float, width: int, ascii_only: bool) -> None:
    left, mark, right = gauge(p_fake, threshold, width, ascii_only)
    assert len(left + mark + right) == width
    assert len(left) == min(int(threshold * width), width - 1)


def test_eighths_of_a_character() -> None:
    assert "".join(gauge(0.15, 1.0, 10)) == "█▌───────┃"
    assert "".join(gauge(0.199, 1.0, 10)) == "██───────┃"


def test_a_sparkline_ends_now_and_leaves_gaps() -> None:
    history = np.array([[0.0, 0.9], [41.0, 0.05], [42.0, 0.15], [71.0, 0.95], [100.0, 0.5], [100.5, np.nan], [101.0, 0.9]])
    cells = sparkline(history, 100.0, 6, ascii_only=True)
    # Seconds 0 and 101 lie outside of the last minute; 41 and 42 share a cell, NaN is nothing.
    assert "".join(c for c, _ in cells) == "1  9 5"
    assert cells[0][1] == pytest.approx(0.1)
    assert cells[1][1] is None
    assert [c for c, _ in sparkline(np.zeros((0, 2)), 5.0, 4)] == [" "] * 4
    assert sparkline(history, 100.0, 0) == []


def test_the_height_of_a_sparkline_is_the_score() -> None:
    history = np.array([[float(i), i / 7] for i in range(8)])
    assert "".join(c for c, _ in sparkline(history, 7.0, 8, span_seconds=8.0)) == "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize("state", [state for state in STATES if state != "live"])
def test_every_state_without_a_verdict_can_be_written_large(state: str) -> None:
    rows = large(state.upper())
    assert len(rows) == LETTER_ROWS
    assert len({len(row) for row in rows}) == 1
    assert len(rows[0]) <= 54
    assert set("".join(rows)) == {" ", "█"}
    assert set("".join(large(state.upper(), ascii_only=True))) == {" ", "#"}
    assert large("Qué") == ["Qué"]
