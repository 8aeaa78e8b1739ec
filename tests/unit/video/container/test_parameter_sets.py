"""Size and scan type in coded pictures, in every container that stores them in its own way."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from odd_media import CORNERS, corners, part, remuxed, strung, with_hevc_message, with_message
from video_media import write_clip

from screener.video.container.bits import Bits, unescaped
from screener.video.container.parameter_sets import ParameterSets

X265 = {"x265-params": "log-level=none:keyint=10"}
INTERLACED = {"flags": "+ildct+ilme", "b": "4000k"}
ENCODED = {
    "h264": ("libx264", {"bf": "2", "g": "10"}, {"x264-params": "tff=1:keyint=10"}),
    "hevc": ("libx265", X265, {"x265-params": "log-level=none:keyint=10:interlace=tff:no-asm=1"}),
    "mpeg2video": ("mpeg2video", {"b": "4000k"}, INTERLACED),
    "mpeg4": ("mpeg4", {"b": "4000k"}, INTERLACED),
}
"""Codec -> its encoder, options for whole frames, and for fields."""


def sets_of(path: Path) -> ParameterSets:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        sets = ParameterSets(context.codec.canonical_name, context.extradata)
        for packet in container.demux(video=0):
            if packet.size:
                sets.add(packet)
    return sets


@pytest.mark.parametrize("container", ["mpegts", "mp4", "matroska"])
@pytest.mark.parametrize("codec", ENCODED)
def test_fields_are_told_from_whole_frames(tmp_path: Path, codec: str, container: str) -> None:
    encoder, whole, fields = ENCODED[codec]
    for options, interlaced in ((whole, False), (fields, True)):
        part(tmp_path / "a", 0, codec=encoder, container=container, options=options)
        sets = sets_of(tmp_path / "a")
        assert (sets.readable, sets.count, sets.interlaced, sets.turned) == (True, 1, interlaced, False)


@pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv", "flv"])
@pytest.mark.parametrize("second", [(64, 96), (96, 64)])
def test_another_size_is_another_set(tmp_path: Path, suffix: str, second: tuple[int, int]) -> None:
    path = strung(tmp_path / "a.ts", part(tmp_path / "0", 0), part(tmp_path / "1", 20, size_wh=second))
    if suffix != "ts":
        path = remuxed(path, tmp_path / f"a.{suffix}")
    assert sets_of(path).count == (1 if second == (96, 64) else 2)


@pytest.mark.parametrize("size_wh", [(96, 64), (64, 96)])
def test_every_jpeg_carries_its_size(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    jpegs = [part(tmp_path / "0", 0, 3, size, "mjpeg", "mjpeg", options={}, pixel_format="yuvj420p") for size in ((96, 64), size_wh)]
    assert sets_of(strung(tmp_path / "a.mjpg", *jpegs)).count == (1 if size_wh == (96, 64) else 2)


@pytest.mark.parametrize("codec", ["libvpx-vp9", "prores", "ffv1"])
def test_of_other_codecs_nothing_is_known(tmp_path: Path, codec: str) -> None:
    pixels = "yuv422p10le" if codec == "prores" else "yuv420p"
    assert not sets_of(write_clip(tmp_path / "a.mov" if codec == "prores" else tmp_path / "a.mkv", codec, 3, pixel_format=pixels)).readable


@pytest.mark.parametrize("high", ["high", "high10", "high444", "baseline", "main"])
def test_every_profile_of_h264_is_read(tmp_path: Path, high: str) -> None:
    pixels = {"high10": "yuv420p10le", "high444": "yuv444p"}.get(high, "yuv420p")
    for fields in ("", ":tff=1" * (high != "baseline")):
        path = write_clip(tmp_path / "a.mkv", frames=3, pixel_format=pixels, options={"profile": high, "x264-params": f"cqm=jvt{fields}"})
        assert sets_of(path).interlaced == bool(fields)


def test_a_picture_that_says_how_it_is_turned(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "a.ts", frames=8, picture=corners, size_wh=CORNERS.shape[1::-1])
    assert not sets_of(plain).turned
    turned = with_message(plain, tmp_path / "b.ts", "rotate=90")
    assert sets_of(turned).turned and sets_of(remuxed(turned, tmp_path / "b.mp4")).turned
    hevc = part(tmp_path / "c", 0, codec="libx265", container="hevc", options=X265)
    (tmp_path / "d.hevc").write_bytes(with_hevc_message(hevc, 4))
    assert sets_of(tmp_path / "d.hevc").turned and not sets_of(tmp_path / "c").turned


def test_a_set_that_was_cut_is_taken_for_the_worst(tmp_path: Path) -> None:
    data = part(tmp_path / "a", 0, container="h264")
    at = data.index(b"\0\0\1\x67")
    for length, interlaced in ((data.index(b"\0\0\1", at + 4) - at, False), (7, True)):
        sets = ParameterSets("h264", None)
        sets.add(av.Packet(data[at : at + length]))
        assert (sets.count, sets.interlaced) == (1, interlaced)


def test_bits_are_read_one_field_after_the_other() -> None:
    bits = Bits(bytes([0b1_010_011_0, 0b0100_0010, 0b1_0000000]))
    assert [bits.unsigned() for _ in range(4)] == [0, 1, 2, 3]
    assert bits.take(1) == 0 and bits.signed() == 1
    with pytest.raises(IndexError):
        bits.take(9)
    assert unescaped(b"\1\0\0\3\1\0\0\3\0") == b"\1\0\0\1\0\0\0"
