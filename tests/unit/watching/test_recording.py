"""Recordings: true times, one size, playable after a crash, and a clear error if they cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from builders import portrait

from screener.encoding.video_writer import LONGEST_SIDE_PX, fitted
from screener.errors import OutputError
from screener.watching.recording import Recorder

PICTURE = np.ascontiguousarray(portrait(2, 96)[:, :64])


def played(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_times_and_pictures_come_back(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with Recorder(path) as recorder:
        for seconds in (3.0, 3.5, 3.5, 3.501, 5.25, 12.125):
            recorder.add(PICTURE, seconds)
    frames = played(path)
    assert [seconds for seconds, _ in frames] == [0.0, 0.5, 2.25, 9.125]
    for _, picture in frames:
        assert np.abs(picture.astype(int) - PICTURE).mean() < 12
    recorder.close()


def test_pictures_of_other_sizes_are_fitted_into_the_first(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with Recorder(path) as recorder:
        recorder.add(np.full((81, 121, 3), 255, np.uint8), 0.0)
        recorder.add(np.full((120, 40, 3), 255, np.uint8), 1.0)
    (_, first), (_, second) = played(path)
    assert first.shape == second.shape == (80, 120, 3)
    assert first.mean() > 245
    assert second[:, 50:70].mean() > 245
    assert second[:, :30].mean() < 10
    assert second[:, 90:].mean() < 10


@pytest.mark.parametrize(
    ("size_hw", "inner_hw"), [((50, 100), (50, 100)), ((100, 100), (50, 50)), ((10, 40), (25, 100)), ((1, 1000), (1, 100))]
)
def test_fitting(size_hw: tuple[int, int], inner_hw: tuple[int, int]) -> None:
    made = fitted(np.full((*size_hw, 3), 200, np.uint8), (100, 50))
    assert made.shape == (50, 100, 3)
    rows, columns = np.nonzero(made[..., 0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == inner_hw
    assert set(np.unique(made)) <= {0, 200}


def test_a_very_large_picture_is_reduced(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with Recorder(path) as recorder:
        recorder.add(np.zeros((1000, 2 * LONGEST_SIDE_PX, 3), np.uint8), 0.0)
    assert played(path)[0][1].shape == (500, LONGEST_SIDE_PX, 3)


@pytest.mark.parametrize("hours", [1, 60])
def test_times_stay_true_over_a_long_sleep(hours: int, tmp_path: Path) -> None:
    """MP4 stores 37 hours at most between two pictures."""
    path, after = tmp_path / "out.mp4", hours * 3600.0
    with Recorder(path) as recorder:
        for seconds in (0.0, 0.5, after, after + 0.5):
            recorder.add(PICTURE, seconds)
    times = [seconds for seconds, _ in played(path)]
    assert (times[:2], times[-2:]) == ([0.0, 0.5], [after, after + 0.5])


def test_an_earlier_recording_is_replaced_with_the_first_picture(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(bytes(1_000_000))
    Recorder(path).close()
    assert path.read_bytes() == bytes(1_000_000), "there was no picture"
    with Recorder(path) as recorder:
        assert path.stat().st_size == 1_000_000
        recorder.add(PICTURE, 0.0)
        assert path.stat().st_size < 1_000_000
    assert len(played(path)) == 1


def test_without_a_picture_no_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    Recorder(path).close()
    assert not path.exists()


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from screener.watching.recording import Recorder
recorder = Recorder(Path(sys.argv[1]))
for i in range(60):
    recorder.add(np.full((48, 64, 3), 4 * i, np.uint8), i / 10)
os.kill(os.getpid(), 9)
"""


def test_a_recording_whose_program_was_killed_can_be_played(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=120, check=False).returncode == -9
    times = [seconds for seconds, _ in played(path)]
    assert len(times) >= 45, "at most about a second of six is gone"
    assert times == pytest.approx([i / 10 for i in range(len(times))])


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "out.mp4", tmp_path):
        with pytest.raises(OutputError, match="recording cannot be written") as caught:
            Recorder(path)
        assert str(path) in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_said() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    with pytest.raises(OutputError, match="No space left"), Recorder(Path("/dev/full")) as recorder:
        for i in range(100):
            recorder.add(np.roll(noise, i, 0), i / 10)
