"""Animated picture formats: each picture as it appears on the canvas, at its time, compared with the source."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from screener.errors import SourceError
from screener.records import Frame
from screener.settings import ScanSettings
from screener.video.container.structure.gif import read_blocks
from screener.video.ledger import Ledger
from screener.video.readers.choice import decode
from screener.video.sources import file_source


def opened(path: Path, **settings: object) -> tuple[list[Frame], Ledger]:
    decoding = decode(file_source(path), ScanSettings(**{"all_frames": True, **settings}))  # type: ignore[arg-type]
    return [frame for frame in decoding.steps() if frame is not None], decoding.ledger


def picture(number: int) -> Image.Image:
    """A square that moves over a ground that changes, in colours that a palette keeps."""
    image = Image.new("RGB", (60, 40), (10 + 10 * number, 200 - 10 * number, 50))
    image.paste((255, 255, 255), (number, number, number + 10, number + 10))
    return image


PICTURES = [picture(number) for number in range(12)]


def gif(path: Path, pictures: Sequence[Image.Image] = PICTURES, **options: Any) -> Path:
    pictures[0].save(path, "GIF", save_all=len(pictures) > 1, append_images=pictures[1:], **options)
    return path


def assert_shown(frames: Sequence[Frame], pictures: Sequence[Image.Image] = PICTURES, tolerance: float = 0) -> None:
    assert len(frames) == len(pictures)
    for frame, expected in zip(frames, pictures, strict=True):
        assert np.abs(frame.picture_rgb.astype(int) - np.asarray(expected.convert("RGB"))).mean() <= tolerance


@pytest.mark.parametrize("disposal", [0, 1, 2])
def test_every_way_to_clear_the_canvas(tmp_path: Path, disposal: int) -> None:
    frames, ledger = opened(gif(tmp_path / "a.gif", duration=80, disposal=disposal))
    assert_shown(frames)
    assert [round(frame.pts_seconds, 2) for frame in frames] == [round(0.08 * number, 2) for number in range(12)]
    assert (ledger.reasons, ledger.warnings, ledger.reader, ledger.duration_seconds) == ([], [], "pillow", pytest.approx(0.96))


def by_hand(path: Path, delays: Sequence[int | None]) -> Path:
    """Whole pictures, one behind the other, each with its own colours and, unless its delay is None, with a control block."""
    body = b""
    for number, delay in enumerate(delays):
        with io.BytesIO() as file:
            PICTURES[number].save(file, "GIF")
            single = file.getvalue()
        colours = 3 << (single[10] & 7) + 1
        table, image = single[13 : 13 + colours], single.index(b"\x2c", 13 + colours)
        control = b"" if delay is None else b"\x21\xf9\x04\x00" + delay.to_bytes(2, "little") + b"\0\0"
        flags = 0x80 | (single[image + 9] & 0x40) | (single[10] & 7)
        body += control + single[image : image + 9] + bytes([flags]) + table + single[image + 10 : -1]
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 60, 40, 0, 0, 0) + body + b"\x3b")
    return path


def laid(path: Path, disposals: Sequence[int | None]) -> Path:
    """A ground of 8x8 in colour 1, then dots in colour 2 on see-through squares of 2x2, each further to the right than the one before."""
    colours = bytes([9, 9, 9, 100, 100, 100, 250, 250, 250, 255, 0, 255])
    body = b""
    for number, disposal in enumerate(disposals):
        side, left = (8, 0) if not number else (2, 2 * number - 2)
        alone = Image.new("P", (side, side), 1 if not number else 3)
        alone.putpalette(colours)
        if number:
            alone.putpixel((0, 0), 2)
        with io.BytesIO() as file:
            alone.save(file, "GIF", optimize=False)
            single = file.getvalue()
        image = single.index(b"\x2c", 13 + (3 << (single[10] & 7) + 1))
        control = b"" if disposal is None else b"\x21\xf9\x04" + bytes([disposal << 2 | bool(number), 5, 0, 3, 0])
        body += control + b"\x2c" + struct.pack("<HHHH", left, 0, side, side) + b"\0" + single[image + 10 : -1]
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x81, 0, 0) + colours + body + b"\x3b")
    return path


@pytest.mark.parametrize(
    ("disposals", "row"),
    [
        ([1, 1, 1], [250, 100, 250]),  # both dots on the ground
        ([0, 2, 1], [255, 255, 250]),  # the first dot's square was cleared
        ([0, 3, 1], [100, 100, 250]),  # or is as it was before
        ([3, 1, 1], [250, 9, 250]),  # before the ground there was nothing
        ([3, 3, 3], [9, 9, 250]),
        ([2, 1, 1], [250, 9, 250]),
        ([0, 3, 0, 0], [100, 100, 250, 100, 250]),  # what one says does not hold for the next
    ],
)
def test_what_earlier_pictures_leave_behind(tmp_path: Path, disposals: list[int | None], row: list[int]) -> None:
    path = laid(tmp_path / "a.gif", disposals)
    frames, ledger = opened(path)
    assert frames[-1].picture_rgb[0, : len(row), 0].tolist() == row
    assert ledger.reasons == []
    assert_as_ffmpeg_shows_it(path, frames)


def assert_as_ffmpeg_shows_it(path: Path, frames: Sequence[Frame]) -> None:
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(expected)
    for frame, picture_rgb in zip(frames, expected, strict=True):
        assert np.array_equal(frame.picture_rgb, picture_rgb)


def test_pictures_that_are_each_taken_away_again_are_read_as_ffmpeg_reads_them(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", duration=80, disposal=3)
    frames, _ = opened(path)
    assert len(frames) == 12
    assert_as_ffmpeg_shows_it(path, frames)


@pytest.mark.parametrize("without", [12, 7, 1])
def test_pictures_without_a_control_block_are_pictures(tmp_path: Path, without: int) -> None:
    """FFmpeg passes over those before the first that has one."""
    path = by_hand(tmp_path / "a.gif", [None] * without + [20] * (12 - without))
    with open(path, "rb") as file:
        assert read_blocks(file).delays == [0] * without + [20] * (12 - without)
    frames, ledger = opened(path)
    assert_shown(frames)
    steps = [0.1] * without + [0.2] * (12 - without)
    assert [frame.pts_seconds for frame in frames] == pytest.approx([sum(steps[:number]) for number in range(12)])
    assert ledger.reasons == []


def test_delays_that_no_browser_takes_are_a_tenth_of_a_second(tmp_path: Path) -> None:
    frames, ledger = opened(gif(tmp_path / "a.gif", duration=[0, 10, 20, 500, *[100] * 8]))
    assert [round(frame.pts_seconds, 2) for frame in frames][:5] == [0.0, 0.1, 0.2, 0.22, 0.72]
    assert ledger.duration_seconds == pytest.approx(1.52)


def test_a_sample_is_as_even_as_that_of_any_video(tmp_path: Path) -> None:
    frames, ledger = opened(gif(tmp_path / "a.gif", duration=80), all_frames=False, frames=3)
    assert [frame.index for frame in frames] == [2, 6, 10]
    assert (ledger.frames_decoded, ledger.frames_sampled, ledger.frames_promised) == (12, 3, 12)


def test_a_single_picture_is_a_still(tmp_path: Path) -> None:
    (frame,), ledger = opened(gif(tmp_path / "a.gif", PICTURES[:1]))
    assert_shown([frame], PICTURES[:1])
    assert (ledger.is_still, ledger.duration_seconds, ledger.reasons) == (True, 0.0, [])


def test_a_gif_behind_a_gif_is_named_and_padding_is_not(tmp_path: Path) -> None:
    data = gif(tmp_path / "a.gif", duration=80).read_bytes()
    for behind, named in ((data, True), (bytes(40), False)):
        (tmp_path / "b.gif").write_bytes(data + behind)
        frames, ledger = opened(tmp_path / "b.gif")
        assert len(frames) == 12
        assert (ledger.reasons, ledger.warnings) == ((["unread_part"], ["second_part"]) if named else ([], []))


def test_a_gif_that_was_cut_or_damaged(tmp_path: Path) -> None:
    data = gif(tmp_path / "a.gif", duration=80).read_bytes()
    (tmp_path / "cut.gif").write_bytes(data[: len(data) * 6 // 10])
    frames, ledger = opened(tmp_path / "cut.gif")
    assert 0 < len(frames) < 12 and ledger.reasons == ["truncated"]
    assert_shown(frames, PICTURES[: len(frames)])
    spoilt = bytearray(data)
    middle = data.index(b"\x21\xf9", len(data) // 2)
    spoilt[middle] = 0x77
    (tmp_path / "spoilt.gif").write_bytes(spoilt)
    frames, ledger = opened(tmp_path / "spoilt.gif")
    assert 0 < len(frames) < 12 and ledger.reasons == ["corrupt"] and ledger.decode_errors
    (tmp_path / "empty.gif").write_bytes(data[:13])
    with pytest.raises(SourceError) as caught:
        opened(tmp_path / "empty.gif")
    assert caught.value.reason == "not_media"


def test_limits(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", duration=80)
    assert len(opened(path, max_pixels=60 * 40)[0]) == 12
    with pytest.raises(SourceError) as caught:
        opened(path, max_pixels=60 * 40 - 1)
    assert caught.value.reason == "limit_pixels"
    frames, ledger = opened(path, time_limit_seconds=1e-9)
    assert frames == [] and ledger.reasons == ["limit_time"]


def test_a_sequence_in_avif(tmp_path: Path) -> None:
    PICTURES[0].save(tmp_path / "a.avif", save_all=True, append_images=PICTURES[1:], duration=100, quality=100)
    frames, ledger = opened(tmp_path / "a.avif")
    assert_shown(frames, tolerance=4)
    assert (ledger.reader, ledger.reasons, ledger.frames_promised) == ("pillow", [], 12)
    assert [round(frame.pts_seconds, 1) for frame in frames] == [round(0.1 * number, 1) for number in range(12)]


@pytest.mark.parametrize("suffix", ["png", "webp", "avif"])
def test_all_pictures_are_read_however_much_is_said_before_them(tmp_path: Path, suffix: str) -> None:
    said = b"<x:xmpmeta>" + b"a" * 9000 + b"</x:xmpmeta>"
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", said.decode())
    told: dict[str, Any] = {"pnginfo": text} if suffix == "png" else {"xmp": said}
    PICTURES[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=PICTURES[1:], duration=100, lossless=True, **told)
    frames, ledger = opened(tmp_path / f"a.{suffix}")
    assert_shown(frames, tolerance=4)
    assert (ledger.reasons, ledger.frames_promised) == ([], 12)


def test_a_picture_beside_a_film_in_avif_does_not_answer_for_the_film(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    PICTURES[0].save(path, save_all=True, append_images=PICTURES[1:], duration=100)
    path.write_bytes(path.read_bytes().replace(b"ftypavis", b"ftypavif", 1))
    frames, ledger = opened(path)
    assert (len(frames), ledger.reasons, ledger.warnings) == (1, ["unread_part"], ["second_part"])


def test_an_animation_that_holds_more_pictures_than_it_declares_is_not_complete(tmp_path: Path) -> None:
    """Its number of pictures is written in one place, and they are in others."""
    path = tmp_path / "a.png"
    shades = [Image.new("RGB", (12, 10), (20 * number,) * 3) for number in range(1, 6)]
    shades[0].save(path, "PNG", save_all=True, append_images=shades[1:], duration=100)
    decoding = decode(file_source(path), ScanSettings())
    assert (decoding.ledger.frames_promised, decoding.ledger.reasons) == (5, [])
    data = bytearray(path.read_bytes())
    at = data.index(b"acTL")
    data[at + 4 : at + 8] = (2).to_bytes(4, "big")
    data[at + 12 : at + 16] = zlib.crc32(data[at : at + 12]).to_bytes(4, "big")
    path.write_bytes(data)
    decoding = decode(file_source(path), ScanSettings())
    assert len([frame for frame in decoding.steps() if frame is not None]) == 2
    assert (decoding.ledger.frames_promised, decoding.ledger.reasons) == (5, ["unread_part"])
