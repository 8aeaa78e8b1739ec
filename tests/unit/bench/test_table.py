"""The table of a measurement: its ratios match its numbers, and it shows the best that the cores allow."""

from __future__ import annotations

import pytest

from screener.bench import render
from screener.bench.spent import Spent
from screener.bench.stage_times import Bench


def measured(total: Spent) -> Bench:
    stages = {
        "decode": Spent(1.0, 2.0),
        "faces": Spent(1.25, 1.25),
        "scoring": Spent(0.2, 0.25),
        "total": total,
        "process": Spent(3.0, 5.0),
        "plain decode": Spent(0.9, 1.75),
        "bare network": Spent(0.1, 0.25),
    }
    return Bench(
        "clip.mp4", (1920, 1080), 10.0, 32, 40, 5, stages, {8: 300.0, 16: 400.0}, 1_250_000_000, "cpu", "float32", 2, {"torch": "2"}
    )


@pytest.mark.parametrize(
    ("total", "told"),
    [
        (Spent(2.0, 3.5), "1.60 times the slowest alone (faces); 1.40 if none of 2 cores ever waited"),
        (Spent(1.5, 1.75), "1.20 times the slowest alone (faces); 1.00 if none of 2 cores ever waited"),
    ],
)
def test_overlap_is_held_against_what_the_cores_allow(total: Spent, told: str) -> None:
    """No scan can take less than its slowest stage, nor than all its work spread over all cores."""
    assert told in render(measured(total))


def test_ratios_are_those_of_the_numbers() -> None:
    text = render(measured(Spent(2.0, 3.5)))
    assert "total over floor         2.00 in wall time, 1.75 in CPU time" in text
    assert "200.0 crops/s, 50 % of the bare network's 400.0, best in batches of 16" in text
    assert "checks, other process    7 % of the scan's CPU time" in text
    assert "5.0 seconds of video a second" in text
    assert "1250 MB" in text
