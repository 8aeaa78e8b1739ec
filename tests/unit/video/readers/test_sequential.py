"""Whole video files: every frame, with its time, in every container."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition
from video_media import level, number_of, read, write_clip

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video.ledger import Complaints
from screener.video.readers.opencv import OpenCVReader
from screener.video.readers.sequential import FileDecoding

CONTAINERS = [
    ("a.mp4", "libx264", {"bf": "3"}, "yuv420p", None, "opencv", ()),
    ("a.mov", "libx264", {"bf": "3"}, "yuv420p", None, "opencv", ()),
    ("a.mkv", "libx264", {"bf": "3"}, "yuv420p", None, "opencv", ()),
    ("a.flv", "libx264", {"bf": "2"}, "yuv420p", None, "opencv", ()),
    ("a.wmv", "wmv2", {"b": "4000k"}, "yuv420p", None, "opencv", ()),
    ("vp8.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "4000k"}, "yuv420p", None, "pyav", ()),
    ("vp9.webm", "libvpx-vp9", {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}, "yuv420p", None, "pyav", ()),
    ("m4.avi", "mpeg4", {"bf": "2", "b": "4000k"}, "yuv420p", None, "opencv", ()),
    ("x264.avi", "libx264", {"bf": "3"}, "yuv420p", None, "opencv", ()),
    ("mj.avi", "mjpeg", {}, "yuvj420p", None, "pyav", ()),
    ("hevc.mp4", "libx265", {"x265-params": "log-level=none"}, "yuv420p", None, "opencv", ()),
    ("a.gif", "gif", {}, "rgb8", None, "pillow", ()),
    ("av1.mp4", "libsvtav1", {"preset": "12"}, "yuv420p", None, "pyav", ()),
    ("a.ts", "libx264", {"bf": "3"}, "yuv420p", None, "opencv", ("end_unverified",)),
    ("a.mpg", "mpeg2video", {"bf": "2", "b": "4000k"}, "yuv420p", "vob", "opencv", ("end_unverified",)),
    ("raw.h264", "libx264", {"bf": "2"}, "yuv420p", "h264", "opencv", ("end_unverified",)),
]


@pytest.mark.parametrize(
    ("name", "codec", "options", "pixels", "container", "reader", "warnings"), CONTAINERS, ids=[c[0] for c in CONTAINERS]
)
def test_every_frame_at_its_time(
    tmp_path: Path,
    name: str,
    codec: str,
    options: dict[str, str],
    pixels: str,
    container: str | None,
    reader: str,
    warnings: tuple[str, ...],
) -> None:
    path = write_clip(tmp_path / name, codec, options=options, pixel_format=pixels, container=container)
    frames, ledger = read(path, all_frames=True)
    assert [frame.index for frame in frames] == list(range(40))
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], np.arange(40) / 25, atol=1e-3)
    if name != "a.gif":  # a palette has no brightness to spare for numbers
        assert [number_of(frame.picture_rgb) for frame in frames] == list(range(40))
    assert {(frame.picture_rgb.dtype.name, frame.size_wh) for frame in frames} == {("uint8", (96, 64))}
    assert (ledger.frames_decoded, ledger.frames_sampled, ledger.decode_errors, ledger.reasons) == (40, 40, 0, [])
    assert (ledger.reader, ledger.size_wh, tuple(w for w in ledger.warnings if w != "nonmonotonic")) == (reader, (96, 64), warnings)
    assert ledger.duration_seconds == pytest.approx(1.6, abs=0.09)
    assert ledger.fps == pytest.approx(25, abs=0.1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mov", "a.webm"])
def test_variable_rate_keeps_the_times_of_the_encoder(tmp_path: Path, name: str) -> None:
    times = np.cumsum([0] + [20, 60, 40, 100, 33] * 8)[:40].tolist()
    codec, options = ("libvpx", {"b": "4000k"}) if name == "a.webm" else ("libx264", {"bf": "2"})
    frames, ledger = read(write_clip(tmp_path / name, codec, options=options, milliseconds=times), all_frames=True)
    np.testing.assert_allclose([frame.pts_seconds * 1000 for frame in frames], times, atol=1)
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(40))
    assert "variable_rate" in ledger.warnings and not ledger.reasons


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_late_start_counts_from_the_first_frame(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path / name, milliseconds=[2000 + 40 * n for n in range(40)], options={"bf": "2"})
    frames, ledger = read(path, all_frames=True)
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], np.arange(40) / 25, atol=1e-3)
    assert not ledger.reasons


def test_a_pause_is_a_gap(tmp_path: Path) -> None:
    times = [40 * n + (5000 if n >= 20 else 0) for n in range(40)]
    frames, ledger = read(write_clip(tmp_path / "a.mkv", milliseconds=times), frames=4)
    assert "gap" in ledger.warnings and not ledger.reasons
    assert len(frames) == 4


def edited(source: Path, target: Path, duration: int, media_time_frames: int) -> Path:
    """The same file with an edit list that shows `duration` milliseconds from a frame on."""
    data = bytearray(source.read_bytes())
    at = data.index(b"elst") + 12
    _, start = struct.unpack_from(">Ii", data, at)
    struct.pack_into(">Ii", data, at, duration, start + 512 * media_time_frames)
    target.write_bytes(data)
    return target


@pytest.mark.parametrize(("duration", "first", "options"), [(800, 0, {"g": "15"}), (800, 20, {"g": "15"}), (400, 15, {"g": "40"})])
def test_what_an_edit_list_hides_from_players_is_judged_too(tmp_path: Path, duration: int, first: int, options: dict[str, str]) -> None:
    source = write_clip(tmp_path / "a.mp4", options={"bf": "3", **options})
    frames, ledger = read(edited(source, tmp_path / "edited.mp4", duration, first), all_frames=True)
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(40))
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], (np.arange(40) - first) / 25, atol=1e-3)
    assert (ledger.reasons, ledger.decode_errors, ledger.frames_promised) == ([], 0, 40)
    assert ledger.warnings == ["hidden_pictures"]
    sampled, _ = read(tmp_path / "edited.mp4", frames=8)
    assert [number_of(frame.picture_rgb) for frame in sampled] == [2, 7, 12, 17, 22, 27, 32, 37]


def test_sampling_is_even_and_repeatable(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", options={"bf": "3"})
    first, ledger = read(path, frames=8)
    assert [number_of(frame.picture_rgb) for frame in first] == [2, 7, 12, 17, 22, 27, 32, 37]
    assert (ledger.frames_decoded, ledger.frames_sampled) == (40, 8)
    again, _ = read(path, frames=8)
    assert all(np.array_equal(a.picture_rgb, b.picture_rgb) and a.pts_seconds == b.pts_seconds for a, b in zip(first, again, strict=True))
    assert [number_of(frame.picture_rgb) for frame in read(path, fps=5.0)[0]] == [0, 5, 10, 15, 20, 25, 30, 35]


def test_few_frames_down_to_one(tmp_path: Path) -> None:
    for count in (1, 2, 5):
        frames, ledger = read(write_clip(tmp_path / f"{count}.mp4", frames=count))
        assert len(frames) == count and not ledger.reasons and not ledger.is_still


def test_smallest_pictures(tmp_path: Path) -> None:
    frames, _ = read(write_clip(tmp_path / "a.mkv", "ffv1", 3, size_wh=(1, 1)))
    assert [frame.size_wh for frame in frames] == [(1, 1)] * 3
    frames, _ = read(write_clip(tmp_path / "a.mp4", frames=3, size_wh=(2, 2)))
    assert [frame.size_wh for frame in frames] == [(2, 2)] * 3


def quadrants(number: int) -> np.ndarray:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:] = (220, 30, 40), (30, 200, 60)
    return picture


@pytest.mark.parametrize(("codec", "reader"), [("libx264", "opencv"), ("libsvtav1", "pyav")])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_both_readers_turn_pictures_upright(tmp_path: Path, codec: str, reader: str, rotation: int) -> None:
    options = {"preset": "12"} if codec == "libsvtav1" else {}
    path = write_clip(tmp_path / "a.mp4", codec, 3, rotation=rotation, picture=quadrants, options=options)
    frames, ledger = read(path)
    expected = np.rot90(quadrants(0), rotation // 90)
    assert ledger.reader == reader
    assert frames[0].picture_rgb.shape == expected.shape
    assert np.abs(frames[0].picture_rgb.astype(int)[8:-8:16, 8:-8:16] - expected[8:-8:16, 8:-8:16]).max() < 12


@pytest.mark.parametrize(("rotation", "size_wh"), [(0, (128, 64)), (90, (64, 128))])
@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_pixels_become_square(tmp_path: Path, codec: str, rotation: int, size_wh: tuple[int, int]) -> None:
    options = {"preset": "12"} if codec == "libsvtav1" else {}
    path = write_clip(tmp_path / "a.mp4", codec, 3, sample_aspect_ratio=Fraction(4, 3), rotation=rotation, options=options)
    frames, ledger = read(path)
    assert frames[0].size_wh == size_wh == ledger.size_wh


@pytest.mark.parametrize("pixels", ["gray", "gray16le", "yuv420p10le", "bgra"])
def test_every_pixel_format_becomes_rgb(tmp_path: Path, pixels: str) -> None:
    frames, _ = read(write_clip(tmp_path / "a.mkv", "ffv1", 5, pixel_format=pixels))
    assert {(frame.picture_rgb.shape, frame.picture_rgb.dtype.name) for frame in frames} == {((64, 96, 3), "uint8")}
    assert [number_of(frame.picture_rgb) for frame in frames] == [0, 1, 2, 3, 4]


def test_both_readers_give_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=5, picture=quadrants)
    by_opencv, _ = read(path)
    monkeypatch.setattr("screener.video.readers.sequential.OpenCVReader", refuse_to_open)
    by_pyav, ledger = read(path)
    assert ledger.reader == "pyav"
    for one, other in zip(by_opencv, by_pyav, strict=True):
        assert np.abs(one.picture_rgb.astype(int) - other.picture_rgb).max() <= 1


def refuse_to_open(*arguments: object, **options: object) -> None:
    raise SourceError("unsupported_codec", "no")


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_the_rescue_reader_goes_on_where_the_first_gave_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = write_clip(tmp_path / name, "mpeg4", options={"b": "4000k"})

    class GivesUp(OpenCVReader):
        def grab(self) -> bool:
            return self.frames_read < 15 and super().grab()

    monkeypatch.setattr("screener.video.readers.sequential.OpenCVReader", GivesUp)
    frames, ledger = read(path, all_frames=True)
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(40))
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], np.arange(40) / 25, atol=1e-6)
    assert (ledger.reader, ledger.reasons, ledger.decode_errors) == ("opencv+pyav", [], 0)


def test_several_video_streams(tmp_path: Path) -> None:
    frames, ledger = read(write_clip(tmp_path / "a.mkv", frames=5, video_streams=2))
    assert (len(frames), ledger.warnings, ledger.reasons) == (5, ["multi_video"], ["unread_part"])


def test_sound_longer_and_shorter_than_the_picture(tmp_path: Path) -> None:
    for seconds in (0.5, 4.0):
        for name in ("a.mp4", "a.mkv"):
            _, ledger = read(write_clip(tmp_path / name, audio_seconds=seconds))
            assert (ledger.reasons, ledger.frames_decoded) == ([], 40)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", frames=0, audio_seconds=1.0, video_streams=0)
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "a.mp4")
    assert caught.value.reason == "no_video"


def test_cover_art_is_not_the_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        cover = output.add_stream("png", rate=25)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = Disposition.attached_pic
        video = output.add_stream("mpeg4", rate=25, options={"b": "4000k"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        art = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        art.pts = 0
        output.mux(cover.encode(art))
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), level(number), np.uint8), format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode())
    frames, ledger = read(path)
    assert [number_of(frame.picture_rgb) for frame in frames] == [0, 1, 2, 3, 4]
    assert (ledger.warnings, ledger.reasons, ledger.size_wh) == ([], [], (96, 64))


def set_limit(monkeypatch: pytest.MonkeyPatch, packets: int) -> None:
    for module in ("walk", "facts"):
        monkeypatch.setattr(f"screener.video.container.{module}.PACKET_LIMIT", packets)


def test_more_frames_than_are_kept_count_of_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4")
    set_limit(monkeypatch, 40)
    assert len(read(path, all_frames=True)[0]) == 40
    set_limit(monkeypatch, 39)
    with pytest.raises(SourceError) as caught:
        read(path)
    assert caught.value.reason == "limit_time"


def test_encrypted_video(tmp_path: Path) -> None:
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32, "encryption_kid": "1" * 32}
    with pytest.raises(SourceError) as caught:
        read(write_clip(tmp_path / "a.mp4", container_options=keys))
    assert caught.value.reason == "encrypted"


def test_high_dynamic_range_is_told(tmp_path: Path) -> None:
    options = {"x265-params": "log-level=none:transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"}
    _, ledger = read(write_clip(tmp_path / "a.mp4", "libx265", 5, pixel_format="yuv420p10le", options=options))
    assert ledger.warnings == ["hdr"]


def joined(path: Path, sizes: list[tuple[int, int]], codec: str) -> Path:
    parts = []
    for number, size_wh in enumerate(sizes):
        part = write_clip(
            path.with_name(f"part{number}{path.suffix}"), codec, 10, size_wh=size_wh, container=path.suffix[1:], options={"bf": "0"}
        )
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def test_a_change_of_size_keeps_each_frame_its_own(tmp_path: Path) -> None:
    frames, ledger = read(joined(tmp_path / "a.h264", [(96, 64), (64, 96), (128, 64)], "libx264"), all_frames=True)
    assert [frame.size_wh for frame in frames] == [(96, 64)] * 10 + [(64, 96)] * 10 + [(128, 64)] * 10
    assert "resolution_change" in ledger.warnings and not ledger.reasons


def test_recordings_strung_together_go_on_in_time(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mpg", "mpeg2video", options={"b": "4000k"}, container="vob")
    path.write_bytes(path.read_bytes() * 2)
    frames, ledger = read(path, all_frames=True)
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(40)) * 2
    assert np.all(np.diff([frame.pts_seconds for frame in frames]) > 0)
    assert "nonmonotonic" in ledger.warnings and not ledger.reasons


def test_largest_picture(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=2)
    assert len(read(path, max_pixels=96 * 64)[0]) == 2
    with pytest.raises(SourceError) as caught:
        read(path, max_pixels=96 * 64 - 1)
    assert caught.value.reason == "limit_pixels"


def test_time_limit_on_the_way_and_before_the_first_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4")
    now = iter(range(1000))
    monkeypatch.setattr("screener.video.readers.sequential.time", SimpleNamespace(monotonic=lambda: next(now)))
    frames, ledger = read(path, all_frames=True, time_limit_seconds=12.0)
    assert 0 < len(frames) < 12
    assert ledger.reasons == ["limit_time"]
    with pytest.raises(SourceError) as caught:
        read(path, time_limit_seconds=0.5)
    assert caught.value.reason == "limit_time"


def test_expected_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    counts = [
        FileDecoding(path, "a", s, Complaints()).expected_frames
        for s in (ScanSettings(), ScanSettings(fps=5.0), ScanSettings(all_frames=True))
    ]
    assert counts == [32, 8, 40]


def test_the_sampled_levels_are_what_was_encoded(tmp_path: Path) -> None:
    frames, _ = read(write_clip(tmp_path / "a.mp4", frames=3))
    for number, frame in enumerate(frames):
        assert abs(float(frame.picture_rgb.mean()) - level(number)) <= 1


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="only Linux tells how a thread is scheduled")
def test_making_media_does_not_put_these_tests_before_everything_else(tmp_path: Path) -> None:
    """What the encoder of AV1 does to its caller, if that is root."""
    write_clip(tmp_path / "a.mp4", "libsvtav1", 3, options={"preset": "12"})
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
