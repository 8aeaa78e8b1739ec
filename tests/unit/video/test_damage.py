"""Damaged files: the rest is delivered, and never called complete. Read through the decoding process, which reports decoder errors."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from video_media import noise, number_of, read, write_clip

from screener.errors import SourceError
from screener.records import Frame, VideoFacts
from screener.settings import ScanSettings
from screener.video import open_video
from screener.video.sources import file_source

KINDS = [
    ("a.mp4", "libx264", "yuv420p", {"movflags": "faststart"}),
    ("frag.mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mkv", "libx264", "yuv420p", {}),
    ("a.webm", "libvpx", "yuv420p", {}),
    ("a.avi", "mpeg4", "yuv420p", {}),
    ("a.flv", "libx264", "yuv420p", {}),
    ("a.wmv", "wmv2", "yuv420p", {}),
    ("a.ts", "libx264", "yuv420p", {}),
    ("a.mpg", "mpeg1video", "yuv420p", {}),
    ("a.gif", "gif", "rgb8", {}),
    ("av1.mkv", "libsvtav1", "yuv420p", {}),
]
IDS = [kind[0] for kind in KINDS]


def screened(path: Path, **settings: object) -> tuple[list[Frame], VideoFacts]:
    with open_video(file_source(path), ScanSettings(all_frames=True, **settings)) as video:  # type: ignore[arg-type]
        return list(video.frames()), video.facts


def clip(path: Path, codec: str, pixels: str, container_options: dict[str, str]) -> Path:
    options = {"libx264": {"bf": "2", "g": "10"}, "libsvtav1": {"preset": "12", "svtav1-params": "keyint=10"}}.get(codec, {"b": "2000k"})
    return write_clip(path, codec, 40, options=options, pixel_format=pixels, container_options=container_options, picture=noise)


def damage(path: Path, change: Callable[[bytearray], bytes | bytearray]) -> Path:
    path.write_bytes(change(bytearray(path.read_bytes())))
    return path


@pytest.mark.parametrize(("name", "codec", "pixels", "container_options"), KINDS, ids=IDS)
def test_whole(tmp_path: Path, name: str, codec: str, pixels: str, container_options: dict[str, str]) -> None:
    frames, facts = screened(clip(tmp_path / name, codec, pixels, container_options))
    assert (len(frames), facts.frames_decoded, facts.decode_errors, facts.reasons) == (40, 40, 0, ())


@pytest.mark.parametrize("share", [0.6, 0.9])
@pytest.mark.parametrize(("name", "codec", "pixels", "container_options"), KINDS, ids=IDS)
def test_cut_short(tmp_path: Path, name: str, codec: str, pixels: str, container_options: dict[str, str], share: float) -> None:
    path = damage(clip(tmp_path / name, codec, pixels, container_options), lambda data: data[: int(len(data) * share)])
    frames, facts = screened(path)
    # A program stream promises no end: the picture that was cut in two gives it away.
    expected = {"corrupt"} if name == "a.mpg" else {"truncated"}
    assert set(facts.reasons) == expected
    assert 0 < len(frames) < 40
    assert [frame.index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "container_options"), [kind for kind in KINDS if kind[1] in ("libx264", "mpeg4", "mpeg1video", "gif")]
)
def test_wrong_bytes_in_the_middle(tmp_path: Path, name: str, codec: str, pixels: str, container_options: dict[str, str]) -> None:
    def scramble(data: bytearray) -> bytearray:
        draw, start, end = random.Random(1), int(len(data) * 0.4), int(len(data) * 0.6)
        if name == "frag.mp4":  # within the pictures of one fragment: with wrong sizes of boxes, a demuxer may refuse the file, or not
            start = data.find(b"mdat", start) + len(b"mdat")
            end = data.find(b"moof", start) - 4
        for _ in range(40):
            data[draw.randrange(start, end)] = draw.randrange(256)
        return data

    frames, facts = screened(damage(clip(tmp_path / name, codec, pixels, container_options), scramble))
    assert set(facts.reasons) & {"corrupt", "truncated"}
    assert facts.decode_errors > 0
    assert frames


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx265", {"x265-params": "log-level=none:keyint=10"}),
        ("a.mkv", "libx265", {"x265-params": "log-level=none:keyint=10"}),
        ("a.mp4", "libvpx-vp9", {"g": "10", "b": "2000k", "cpu-used": "8"}),
        ("a.webm", "libvpx-vp9", {"g": "10", "b": "2000k", "cpu-used": "8"}),
    ],
)
@pytest.mark.parametrize("size", [1000, 9000])
def test_a_hole_of_zeros_in_pictures_whose_decoders_say_nothing(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], size: int
) -> None:
    path = write_clip(tmp_path / name, codec, 40, size_wh=(320, 240), options=options, picture=grains)
    whole, facts = screened(path)
    assert (len(whole), facts.reasons) == (40, ())
    start = path.stat().st_size // 2
    frames, facts = screened(damage(path, lambda data: data[:start] + bytes(size) + data[start + size :]))
    assert facts.reasons == ("corrupt",) and facts.decode_errors > 0 and 20 < len(frames) < 40
    before = {round(frame.pts_seconds, 3): frame.picture_rgb for frame in whole}
    # Zeros at the end of a packet may be padding, so the picture in which a longer hole begins is believed.
    wrong = [frame for frame in frames if (frame.picture_rgb != before[round(frame.pts_seconds, 3)]).any()]
    assert len(wrong) <= (size > 4000)


def test_zeros_between_pictures_are_padding(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.hevc", "libx265", 20, options={"x265-params": "log-level=none:keyint=10:repeat-headers=1"})
    data = path.read_bytes()
    path.write_bytes(data[:4] + data[4:].replace(b"\0\0\0\1", bytes(400) + b"\0\0\0\1"))
    frames, facts = screened(path)
    assert (len(frames), facts.reasons, facts.decode_errors) == (20, (), 0)


def grains(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (240, 320, 3), np.uint8)


def test_an_mp4_without_its_index(tmp_path: Path) -> None:
    path = damage(write_clip(tmp_path / "a.mp4"), lambda data: data[: len(data) // 2])
    with pytest.raises(SourceError) as caught:
        screened(path)
    assert caught.value.reason == "truncated"


def test_a_header_that_promises_more_frames_than_there_are(tmp_path: Path) -> None:
    """The tail of the pictures is there as bytes, and is no picture."""
    path = write_clip(tmp_path / "a.mkv", picture=noise, options={"g": "10"})
    data = bytearray(path.read_bytes())
    start = int(len(data) * 0.6)
    path.write_bytes(data[:start] + bytes(len(data) - start))
    frames, facts = screened(path)
    assert set(facts.reasons) & {"truncated", "corrupt"} and len(frames) < 40


def test_a_recording_that_starts_between_key_pictures_is_whole_from_the_first_one(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.ts", "libx264", "yuv420p", {})
    head = int(path.stat().st_size * 0.4) // 188 * 188
    frames, facts = screened(damage(path, lambda data: data[head:]))
    assert facts.reasons == () and facts.warnings == ("end_unverified",)
    assert 0 < len(frames) < 40 and frames[0].pts_seconds == 0


def test_damage_is_repeatable(tmp_path: Path) -> None:
    path = damage(clip(tmp_path / "a.ts", "libx264", "yuv420p", {}), lambda data: data[:9000] + bytes(200) + data[9200:])
    (one, facts), (other, again) = screened(path), screened(path)
    assert facts == again
    assert all((a.picture_rgb == b.picture_rgb).all() and a.pts_seconds == b.pts_seconds for a, b in zip(one, other, strict=True))


def test_random_bytes_are_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(random.Random(0).randbytes(20000))
    with pytest.raises(SourceError) as caught:
        screened(path)
    assert caught.value.reason == "not_media"


def test_lost_frames_leave_the_others_at_their_times(tmp_path: Path) -> None:
    """One packet of a stream of key pictures is blanked: that frame is lost, the rest keep their places."""
    path = write_clip(tmp_path / "a.mkv", "libx264", 12, options={"g": "1"}, picture=None)
    packets = _packets(path)
    position, size = packets[5]
    damage(path, lambda data: data[:position] + b"\xff" * size + data[position + size :])
    frames, ledger = read(path, all_frames=True)
    assert ledger.reasons == ["corrupt"] and ledger.decode_errors == 1
    kept = [number for number in range(12) if number != 5]
    assert [number_of(frame.picture_rgb) for frame in frames] == kept
    assert [round(frame.pts_seconds * 25) for frame in frames] == kept


def _packets(path: Path) -> list[tuple[int, int]]:
    """Where the coded pictures lie in a file: position and size."""
    import av

    with av.open(str(path)) as container:
        data = path.read_bytes()
        return [(data.index(bytes(packet)), packet.size) for packet in container.demux(video=0) if packet.size]


def test_wrong_bytes_that_only_the_rescue_reader_meets(tmp_path: Path) -> None:
    parts = [
        write_clip(tmp_path / f"{width}.h264", frames=20, size_wh=(width, 64), container="h264", options={"g": "1"}, picture=cut(width))
        for width in (96, 64)
    ]
    whole = b"".join(part.read_bytes() for part in parts)
    path = tmp_path / "a.h264"
    path.write_bytes(whole)
    frames, facts = screened(path)
    assert (len(frames), facts.reader, facts.decode_errors, facts.reasons) == (40, "pyav", 0, ())

    def flip(data: bytearray) -> bytearray:
        for place in range(len(data) // 4, len(data) // 2, len(data) // 20):
            data[place] ^= 0x55
        return data

    whole = {number: frame.picture_rgb for number, frame in enumerate(frames)}
    frames, facts = screened(damage(path, flip))
    assert facts.frames_decoded == 40, "no frame is missing, so that only the decoder's words tell"
    assert facts.reader == "pyav" and facts.decode_errors == 40 - len(frames) > 0 and facts.reasons == ("corrupt",)
    assert all((frame.picture_rgb == whole[frame.index]).mean() > 0.9 for frame in frames), "and no damaged one is given out"


def cut(width: int) -> Callable[[int], np.ndarray]:
    return lambda number: noise(number)[:, :width]
