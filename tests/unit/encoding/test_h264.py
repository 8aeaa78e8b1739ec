"""Clips and pictures through H.264: every frame at its time, worse with a higher rate factor, any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import portrait
from video_media import level, noise, number_of, read

from screener.encoding.h264 import through_h264, write_h264
from screener.errors import OutputError
from screener.records import Frame


def flat(numbers: int, milliseconds: list[int] | None = None) -> list[Frame]:
    times = milliseconds or [40 * n for n in range(numbers)]
    return [Frame(np.full((64, 96, 3), level(n), np.uint8), times[n] / 1000, n) for n in range(numbers)]


def test_every_frame_comes_back_at_its_time(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 240, 1000, 1040]
    assert write_h264(tmp_path / "a.mp4", flat(7, times), 23, 25.0) == 7
    frames, facts = read(tmp_path / "a.mp4", all_frames=True)
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(7))
    assert [round(1000 * frame.pts_seconds) for frame in frames] == times
    assert facts.codec == "h264"


def test_frames_of_the_same_time_are_all_written(tmp_path: Path) -> None:
    assert write_h264(tmp_path / "a.mp4", flat(5, [0, 40, 40, 40, 80]), 23, 25.0) == 5
    frames, _ = read(tmp_path / "a.mp4", all_frames=True)
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(5))
    assert [round(1000 * frame.pts_seconds) for frame in frames] == [0, 40, 40, 40, 80]


@pytest.mark.parametrize("hours", [1, 2, 7])
def test_pictures_that_stay_for_hours_are_at_their_times(tmp_path: Path, hours: int) -> None:
    """More than MP4 can state: each is repeated meanwhile."""
    times = [0, 40, 80, *(3_600_000 * hours * n for n in range(1, 8))]
    assert write_h264(tmp_path / "a.mp4", flat(10, times), 23, 25.0) == 10
    frames, _ = read(tmp_path / "a.mp4", all_frames=True, max_duration_seconds=1e6)
    assert len(frames) == 3 + 7 * hours
    shown = {round(1000 * frame.pts_seconds): number_of(frame.picture_rgb) for frame in frames}
    assert [shown[time] for time in times] == list(range(10))
    assert [number_of(frame.picture_rgb) for frame in frames] == sorted(number_of(frame.picture_rgb) for frame in frames)


def test_the_clip_is_whole(tmp_path: Path) -> None:
    write_h264(tmp_path / "a.mp4", flat(40), 30, 25.0)
    frames, facts = read(tmp_path / "a.mp4", all_frames=True)
    assert len(frames) == 40
    assert (facts.frames_promised, facts.decode_errors, facts.reasons, facts.warnings) == (40, 0, [], [])


def test_a_higher_rate_factor_loses_more(tmp_path: Path) -> None:
    frames = [Frame(noise(n), n / 25, n) for n in range(10)]
    losses, sizes = [], []
    for crf in (10, 25, 40):
        write_h264(tmp_path / "a.mp4", frames, crf, 25.0)
        found, _ = read(tmp_path / "a.mp4", all_frames=True)
        losses.append(np.mean([np.abs(a.picture_rgb.astype(int) - b.picture_rgb).mean() for a, b in zip(found, frames, strict=True)]))
        sizes.append((tmp_path / "a.mp4").stat().st_size)
    assert losses == sorted(losses) and sizes == sorted(sizes, reverse=True)
    assert losses[0] < losses[2] and sizes[0] > sizes[2]


def test_the_same_frames_give_the_same_file(tmp_path: Path) -> None:
    """Whatever lay in memory before: x264's macroblock tree, left on, gives other files in most of these runs."""
    frames = [Frame(portrait(0, 208)[n : n + 176, n : n + 176], n / 25, n) for n in range(16)]
    rng, files, held = np.random.default_rng(0), set(), []
    for _ in range(6):
        held = [rng.bytes(int(rng.integers(1000, 4_000_000))) for _ in range(3)]
        write_h264(tmp_path / "a.mp4", frames, 28, 25.0)
        files.add((tmp_path / "a.mp4").read_bytes())
    assert len(files) == 1 and held


@pytest.mark.parametrize("size_hw", [(64, 96), (65, 96), (64, 97), (33, 31), (1, 2)])
def test_a_picture_keeps_its_size_and_look(size_hw: tuple[int, int]) -> None:
    picture = np.full((*size_hw, 3), (200, 120, 40), np.uint8)
    found = through_h264(picture, 18)
    assert found.shape == picture.shape
    assert np.abs(found.astype(int) - picture).mean() < 6


def test_a_picture_loses_more_at_a_higher_rate_factor() -> None:
    losses = [np.abs(through_h264(noise(0), crf).astype(int) - noise(0)).mean() for crf in (10, 25, 40)]
    assert losses[0] < losses[1] < losses[2]


def test_odd_sides_of_a_clip_grow_by_one_pixel(tmp_path: Path) -> None:
    write_h264(tmp_path / "a.mp4", [Frame(np.full((33, 41, 3), 90, np.uint8), 0.0, 0)], 23, 25.0)
    (frame,), _ = read(tmp_path / "a.mp4", all_frames=True)
    assert frame.size_wh == (42, 34)


def test_no_frames_are_no_clip(tmp_path: Path) -> None:
    assert write_h264(tmp_path / "a.mp4", [], 23, 25.0) == 0


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none/a\.mp4: cannot be written"):
        write_h264(tmp_path / "none" / "a.mp4", flat(2), 23, 25.0)
