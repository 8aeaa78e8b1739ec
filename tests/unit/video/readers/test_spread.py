"""Single frames of a file: right pictures at right times, no picture twice, damage found from the structure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_media import noise, number_of, read, write_clip

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video import SeekPlan, equal_slices, file_source
from screener.video.ledger import Ledger
from screener.video.sandbox.worker import decode
from screener.video.seek_plan import spread_order


def look_at(path: Path, look: SeekPlan, **settings: object) -> tuple[list[Frame], Ledger]:
    decoding = decode(file_source(path), ScanSettings(**settings), look=look)  # type: ignore[arg-type]
    return [frame for frame in decoding.steps() if frame is not None], decoding.ledger


def long_clip(path: Path, keys_every: int = 8, frames: int = 72, rate: int = 8, **changes: object) -> Path:
    return write_clip(path, frames=frames, rate=rate, options={"g": str(keys_every), "bf": "2"}, **changes)  # type: ignore[arg-type]


@given(st.integers(1, 70))
def test_any_first_few_slices_lie_far_apart(count: int) -> None:
    order = [round(start * count) for start, _, _ in spread_order(equal_slices(count))]
    assert sorted(order) == list(range(count))
    for few in (2, 4, 8):
        if count >= 4 * few:
            places = sorted(order[:few])
            assert min(np.diff(places)) >= count / few / 4


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov", "ts"])
def test_a_frame_comes_from_each_slice_with_its_own_time(tmp_path: Path, container: str) -> None:
    path = long_clip(tmp_path / f"clip.{container}")
    frames, ledger = look_at(path, SeekPlan(equal_slices(4)))
    assert sorted(int(frame.pts_seconds / 9.0 * 4) for frame in frames) == [0, 1, 2, 3]
    for frame in frames:
        assert number_of(frame.picture_rgb) == round(frame.pts_seconds * 8) == frame.index
    assert "sparse" in ledger.warnings and ledger.reasons == [] and ledger.decode_errors == 0
    assert (ledger.frames_sampled, ledger.frames_decoded) == (4, 4)


def test_a_key_frame_is_taken_where_the_slice_holds_one(tmp_path: Path) -> None:
    frames, _ = look_at(long_clip(tmp_path / "clip.mp4"), SeekPlan(equal_slices(4)))
    assert all(frame.index % 8 == 0 for frame in frames)


def test_elsewhere_it_is_the_frame_on_screen_at_the_centre(tmp_path: Path) -> None:
    path = long_clip(tmp_path / "clip.mp4", keys_every=72)
    frames, _ = look_at(path, SeekPlan(equal_slices(12)))
    ordinary, _ = read(path, frames=12)
    assert [frame.index for frame in sorted(frames, key=lambda frame: frame.index)][1:] == [frame.index for frame in ordinary][1:]
    for frame, other in zip(frames[1:], ordinary[1:], strict=True):
        assert frame.pts_seconds == pytest.approx(other.pts_seconds, abs=1e-3)
        assert np.abs(frame.picture_rgb.astype(int) - other.picture_rgb).max() <= 2


def test_no_picture_is_given_twice(tmp_path: Path) -> None:
    path = long_clip(tmp_path / "clip.mp4")
    seen: list[tuple[float, int]] = []
    for count in (4, 8, 16, 100, 100):
        frames, _ = look_at(path, SeekPlan(equal_slices(count), tuple(seen)))
        seen += [(frame.pts_seconds, frame.index) for frame in frames]
    assert len({seconds for seconds, _ in seen}) == len({index for _, index in seen}) == len(seen)
    assert len(seen) == 72  # all there are


def test_open_groups_of_pictures_and_late_origins_are_no_damage(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "clip.mkv", frames=72, rate=8, options={"x264-params": "open-gop=1:keyint=12:bframes=3"}, picture=noise, size_wh=(96, 64)
    )
    frames, ledger = look_at(path, SeekPlan(equal_slices(24)))
    assert len(frames) == 24 and ledger.reasons == [] and ledger.decode_errors == 0
    assert all(round(frame.pts_seconds * 8) == frame.index for frame in frames)


def test_pictures_are_upright_with_square_pixels(tmp_path: Path) -> None:
    turned = long_clip(tmp_path / "turned.mp4", rotation=90)
    wide = long_clip(tmp_path / "wide.mp4", sample_aspect_ratio=Fraction(2, 1))
    assert {frame.size_wh for frame in look_at(turned, SeekPlan(equal_slices(3)))[0]} == {(64, 96)}
    assert {frame.size_wh for frame in look_at(wide, SeekPlan(equal_slices(3)))[0]} == {(192, 64)}


@pytest.mark.parametrize("name", ["clip.avi", "clip.h264"])
def test_where_single_frames_cannot_be_had_the_file_is_read_in_order(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name)
    frames, ledger = look_at(path, SeekPlan(equal_slices(16)), frames=5)
    ordinary, _ = read(path, frames=5)
    assert [frame.index for frame in frames] == [frame.index for frame in ordinary]
    assert "sparse" not in ledger.warnings and ledger.frames_decoded == 40


def test_a_file_cut_short_is_partial(tmp_path: Path) -> None:
    path = long_clip(tmp_path / "clip.mp4", picture=noise, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    frames, ledger = look_at(path, SeekPlan(equal_slices(16)))
    assert frames and ledger.reasons == ["truncated"]


def test_damage_in_a_frame_that_was_looked_at_is_noticed(tmp_path: Path) -> None:
    path = long_clip(tmp_path / "clip.mp4", picture=noise)
    whole, _ = look_at(path, SeekPlan(equal_slices(16)))
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    for place in range(start + (end - start) // 4, end, 97):
        content[place] ^= 0x5A
    path.write_bytes(content)
    try:
        frames, ledger = look_at(path, SeekPlan(equal_slices(16)))
    except SourceError as error:
        assert error.reason == "corrupt"
    else:
        assert len(frames) < len(whole) and ledger.reasons == ["corrupt"]


@pytest.mark.parametrize("keys_every", [8, 72], ids=["far apart first", "in order of time"])
def test_the_time_limit_ends_a_look_and_is_the_reason_that_it_is_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys_every: int
) -> None:
    path = long_clip(tmp_path / "clip.mp4", keys_every=keys_every)
    now = iter(range(1000))
    monkeypatch.setattr("screener.video.readers.spread.time", SimpleNamespace(monotonic=lambda: next(now)))
    frames, ledger = look_at(path, SeekPlan(equal_slices(16)), time_limit_seconds=12.0)
    assert 0 < len(frames) < 16 and ledger.frames_sampled == len(frames)
    assert ledger.reasons == ["limit_time"]
    frames, ledger = look_at(path, SeekPlan(equal_slices(16)), time_limit_seconds=0.5)
    assert frames == [] and ledger.reasons == ["limit_time"]


def test_a_look_that_ends_within_its_time_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = long_clip(tmp_path / "clip.mp4")
    now = iter(range(1000))
    monkeypatch.setattr("screener.video.readers.spread.time", SimpleNamespace(monotonic=lambda: next(now)))
    frames, ledger = look_at(path, SeekPlan(equal_slices(4)), time_limit_seconds=900.0)
    assert len(frames) == 4 and ledger.reasons == []
