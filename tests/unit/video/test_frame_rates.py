"""Frame rates as fractions, from rounded container times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_media import write_clip

from screener.settings import ScanSettings
from screener.video import file_source, open_video
from screener.video.frame_rates import BROADCAST_RATES, nearest_rate, usual_rate


@pytest.mark.parametrize("rate", BROADCAST_RATES, ids=str)
@pytest.mark.parametrize("ticks", [1000, 90_000])
def test_a_rate_survives_times_that_were_rounded(rate: Fraction, ticks: int) -> None:
    seconds = np.round(np.arange(600) / float(rate) * ticks) / ticks
    frame_seconds = float(np.median(np.diff(seconds)))
    assert usual_rate(seconds, frame_seconds, None, is_variable=False) == rate


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (29.97, "30000/1001"), (23.976, "24000/1001"), (25.0, "25"), (12.5, "25/2"), (8.0, "8"), (0.4, "2/5"), (0.1, "1/10"),
        (1 / 1500, "1/1500"), (1 / 3600, "1/3600"),
    ],
)  # fmt: skip
def test_a_rate_with_decimals_is_the_fraction_that_is_meant(fps: float, rate: str) -> None:
    assert nearest_rate(fps) == Fraction(rate)


@pytest.mark.parametrize("stated", [None, Fraction(1, 3600)])
def test_a_picture_an_hour_is_a_rate(stated: Fraction | None) -> None:
    assert usual_rate(np.arange(10) * 3600.0, 3600.0, stated, is_variable=False) == Fraction(1, 3600)


def test_a_pause_does_not_slow_a_rate_down() -> None:
    seconds = np.concatenate([np.arange(50), np.arange(200, 250)]) / 25
    assert usual_rate(seconds, 0.04, None, is_variable=False) == 25


def test_what_a_container_says_counts_only_if_the_pictures_come_that_often() -> None:
    seconds = np.arange(90) / 15
    assert usual_rate(seconds, 1 / 15, Fraction(15), is_variable=False) == 15
    assert usual_rate(seconds, 1 / 15, Fraction(90), is_variable=False) == 15


def test_a_variable_rate_is_counted_at_the_nearest_one_that_editing_programs_know() -> None:
    steps = np.tile([0.030, 0.036, 0.034], 40)
    assert usual_rate(np.concatenate([[0], np.cumsum(steps)]), 0.034, Fraction(600), is_variable=True) == 30


def facts_of(path: Path) -> object:
    with open_video(file_source(path), ScanSettings(frames=2)) as video:
        list(video.frames())
        return video.facts


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "25"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_a_file_tells_its_exact_rate(name: str, rate: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(80):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")))
        output.mux(stream.encode())
    facts = facts_of(path)
    assert facts.frame_rate == rate
    assert facts.fps == pytest.approx(float(Fraction(rate)))


def test_a_variable_file_is_counted_at_a_broadcast_rate(tmp_path: Path) -> None:
    times = np.cumsum(np.tile([20, 46, 33, 33], 20)).tolist()
    facts = facts_of(write_clip(tmp_path / "a.mkv", frames=80, milliseconds=times))
    assert "variable_rate" in facts.warnings and facts.frame_rate == "30"
