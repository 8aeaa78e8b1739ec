"""Decoding on a card: the same frames and pictures as on the CPU, and what the card cannot do is done there. A stand-in is the card here;
`tests/integration/test_card.py` tries a real one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import card_stand_in as stand_in
import numpy as np
import pytest
from av.error import FFmpegError
from video_media import noise, read, write_clip

from screener.errors import DeviceError
from screener.settings import ScanSettings
from screener.video.ledger import Complaints, Ledger
from screener.video.readers.nvdec_card import CARD
from screener.video.sandbox.worker import decode
from screener.video.sources import file_source

ON_CARD = ScanSettings(all_frames=True, decoder="cuda")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", options={"bf": "2", "g": "10"}, picture=noise)


@pytest.fixture(autouse=True)
def _fresh_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CARD, "is_spent", False)


def put(monkeypatch: pytest.MonkeyPatch, script: stand_in.Script = stand_in.sound) -> list[int | None]:
    """Make the stand-in the card of this process; what it gives back fills with the frames that leave it."""
    downloads: list[int | None] = []
    monkeypatch.setattr(CARD, "open", stand_in.opened(script, downloads))
    return downloads


def assert_like_the_cpu(path: Path, frames: list[Any]) -> None:
    """Every frame once, at its place, with the CPU's picture to the last bit."""
    expected = read(path, all_frames=True)[0]
    assert [frame.index for frame in frames] == [frame.index for frame in expected]
    # OpenCV gives milliseconds, which round otherwise.
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], [frame.pts_seconds for frame in expected], atol=1e-5)
    for frame, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame.picture_rgb, other.picture_rgb)


def assert_whole(ledger: Ledger, reader: str) -> None:
    assert (ledger.reader, ledger.frames_decoded, ledger.decode_errors, ledger.reasons) == (reader, 40, 0, [])


CLIPS = {
    "h264": ("a.mp4", "libx264", "yuv420p", {"bf": "3"}),
    "h264 in mkv": ("a.mkv", "libx264", "yuv420p", {"bf": "3"}),
    "h264 in ts": ("a.ts", "libx264", "yuv420p", {"bf": "3"}),
    "h264, full range": ("a.mp4", "libx264", "yuvj420p", {}),
    "hevc": ("a.mp4", "libx265", "yuv420p", {"x265-params": "log-level=none"}),
    "hevc, 10 bits": ("a.mp4", "libx265", "yuv420p10le", {"x265-params": "log-level=none"}),
    "hevc, 12 bits": ("a.mp4", "libx265", "yuv420p12le", {"x265-params": "log-level=none"}),
    "vp9": ("a.webm", "libvpx-vp9", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8"}),
}


@pytest.mark.parametrize(("name", "codec", "pixels", "options"), CLIPS.values(), ids=CLIPS)
def test_frames_times_and_pictures_are_those_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str, pixels: str, options: dict[str, str]
) -> None:
    path = write_clip(tmp_path / name, codec, options=options, pixel_format=pixels, picture=noise)
    put(monkeypatch)
    frames, ledger = read(path, all_frames=True, decoder="cuda")
    assert_whole(ledger, "nvdec")
    assert "damage_unverified" in ledger.warnings
    assert_like_the_cpu(path, frames)
    assert not CARD.is_spent


def test_turned_and_stretched_pictures_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", rotation=90, sample_aspect_ratio=Fraction(4, 3), picture=noise)
    put(monkeypatch)
    frames, ledger = read(path, all_frames=True, decoder="cuda")
    assert_whole(ledger, "nvdec")
    assert frames[0].size_wh == (64, 128)
    assert_like_the_cpu(path, frames)


def test_only_wanted_frames_leave_the_card(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads = put(monkeypatch)
    frames, ledger = read(clip, frames=4, decoder="cuda")
    assert_whole(ledger, "nvdec")
    assert len(frames) == len(downloads) == 4


@pytest.mark.parametrize("decoder", ["auto", "cpu"])
def test_no_card_is_touched_unless_asked_for(clip: Path, monkeypatch: pytest.MonkeyPatch, decoder: str) -> None:
    monkeypatch.setattr(CARD, "open", None)
    frames, ledger = read(clip, all_frames=True, decoder=decoder)
    assert len(frames) == 40 and ledger.reader == "opencv" and "damage_unverified" not in ledger.warnings


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "reader"),
    [("a.avi", "mpeg4", "yuv420p", "opencv"), ("a.mkv", "libsvtav1", "yuv420p", "pyav"), ("a.mp4", "libx264", "yuv444p", "opencv")],
)
def test_what_no_card_is_tried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str, pixels: str, reader: str) -> None:
    monkeypatch.setattr(CARD, "open", None)
    frames, ledger = read(write_clip(tmp_path / name, codec, pixel_format=pixels), all_frames=True, decoder="cuda")
    assert len(frames) == 40
    assert_whole(ledger, reader)


def test_no_card_is_tried_where_pictures_change_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [write_clip(tmp_path / f"{side}.h264", frames=10, size_wh=(side, 64), container="h264") for side in (96, 64)]
    path = tmp_path / "a.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    monkeypatch.setattr(CARD, "open", None)
    frames, ledger = read(path, all_frames=True, decoder="cuda")
    assert (len(frames), ledger.reader) == (20, "pyav")


def test_a_codec_that_the_card_lacks_is_read_by_the_cpu(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, stand_in.failing_from(0))
    frames, ledger = read(clip, all_frames=True, decoder="cuda")
    assert_whole(ledger, "opencv")
    assert ledger.warnings == []
    assert_like_the_cpu(clip, frames)
    assert CARD.is_spent, "the next file gets a fresh process"


@pytest.mark.parametrize("first", [1, 7, 20, 38, 39])
def test_a_card_that_fails_on_the_way_is_relieved_by_the_cpu(clip: Path, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    put(monkeypatch, stand_in.failing_from(first))
    frames, ledger = read(clip, all_frames=True, decoder="cuda")
    assert [frame.index for frame in frames] == list(range(40))
    assert (ledger.frames_decoded, ledger.decode_errors, ledger.reasons) == (40, 0, [])
    assert ledger.reader in ("nvdec+pyav", "opencv") and (ledger.reader == "opencv" or "damage_unverified" in ledger.warnings)
    assert_like_the_cpu(clip, frames)
    assert CARD.is_spent


class Talking(Complaints):
    """Hears of damage when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def new(self) -> list[bytes]:
        heard, self.lines = self.lines, []
        return heard


def test_a_card_that_complains_is_left_before_its_picture_is_used(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints = Talking()

    def script(number: int, frames: list[Any]) -> list[Any]:
        if number == 20:
            complaints.lines.append(b"Error decoding a picture with NVDEC")
        return frames

    put(monkeypatch, script)
    decoding = decode(file_source(clip), ON_CARD, complaints)
    frames = [frame for frame in decoding.steps() if frame is not None]
    assert (decoding.ledger.reader, decoding.ledger.decode_errors, decoding.ledger.reasons) == ("nvdec+pyav", 0, [])
    assert [frame.index for frame in frames] == list(range(40))


def test_a_frame_lost_without_a_word_is_missed(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, lambda number, frames: [] if number == 20 else frames)
    frames, ledger = read(clip, all_frames=True, decoder="cuda")
    assert len(frames) == 39
    assert (ledger.reader, ledger.decode_errors, ledger.reasons) == ("nvdec", 1, ["corrupt"])


def test_frames_of_another_size_or_from_the_cpu_are_not_believed(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wider(number: int, frames: list[Any]) -> list[Any]:
        for frame in frames:
            frame.width += 16 * (number >= 20)
        return frames

    def from_cpu(number: int, frames: list[Any]) -> list[Any]:
        return [stand_in.CardFrame(frame._frame, [], "yuv420p") for frame in frames]

    for script, reader in ((wider, "nvdec+pyav"), (from_cpu, "opencv")):
        put(monkeypatch, script)
        frames, ledger = read(clip, all_frames=True, decoder="cuda")
        assert_whole(ledger, reader)
        assert_like_the_cpu(clip, frames)


def test_a_picture_that_does_not_come_off_the_card_is_a_decode_error(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(stand_in.CardFrame):
        def reformat(self, **wanted: Any) -> Any:
            raise FFmpegError(1, "the card says no")

    put(monkeypatch, lambda number, frames: [Stuck(frame._frame, []) for frame in frames] if number == 20 else frames)
    frames, ledger = read(clip, all_frames=True, decoder="cuda")
    assert (len(frames), ledger.decode_errors, ledger.reasons) == (39, 1, ["corrupt"])


def test_a_file_cut_short_is_truncated_on_the_card_too(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mkv", picture=noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    put(monkeypatch)
    frames, ledger = read(path, all_frames=True, decoder="cuda")
    assert 0 < len(frames) < 40 and "truncated" in ledger.reasons and ledger.reader.startswith("nvdec")


def test_a_card_that_is_gone_is_no_fault_of_the_file(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path, name: str) -> Iterator[None]:
        raise DeviceError("decoder cuda: the card cannot be opened any more")

    monkeypatch.setattr(CARD, "open", gone)
    with pytest.raises(DeviceError, match="any more"):
        read(clip, all_frames=True, decoder="cuda")
