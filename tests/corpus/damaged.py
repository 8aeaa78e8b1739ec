"""Damaged inputs: truncated, overwritten, or with false headers. Each is made from an intact one."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from corpus.whole import CLIPS, PICTURES, Maker, clip

Change = Callable[[bytearray], bytes | bytearray]


_made: dict[tuple[str, str], bytes] = {}
"""Whole inputs by name and by the suffix of their file, which may choose the container: most are damaged in several ways."""


def changed(name: str, change: Change) -> Maker:
    """The bytes of a whole input, changed."""
    make = {**CLIPS, **PICTURES}[name]

    def spoil(path: Path) -> None:
        if (name, path.suffix) not in _made:
            make(path)
            _made[name, path.suffix] = path.read_bytes()
        path.write_bytes(change(bytearray(_made[name, path.suffix])))

    return spoil


def keep(share: float) -> Change:
    return lambda data: data[: int(len(data) * share)]


def noise(start: float, end: float) -> Change:
    """Overwrite the bytes between two shares of the file."""

    def change(data: bytearray) -> bytearray:
        first, last = int(len(data) * start), int(len(data) * end)
        data[first:last] = random.Random(0).randbytes(last - first)
        return data

    return change


def zeros(start: float, end: float) -> Change:
    def change(data: bytearray) -> bytearray:
        first, last = int(len(data) * start), int(len(data) * end)
        data[first:last] = bytes(last - first)
        return data

    return change


def replaced(old: bytes, new: bytes, skip: int = 0) -> Change:
    """Put `new` at `skip` bytes behind the first `old`."""

    def change(data: bytearray) -> bytearray:
        place = data.index(old) + len(old) + skip
        data[place : place + len(new)] = new
        return data

    return change


def renamed(old: bytes, new: bytes) -> Change:
    return lambda data: data.replace(old, new)


def png_of(width: int, height: int) -> Change:
    """A header that promises another size, with the checksum to go with it."""

    def change(data: bytearray) -> bytearray:
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        return data

    return change


def jpeg_of(width: int, height: int) -> Change:
    def change(data: bytearray) -> bytearray:
        place = data.index(b"\xff\xc0")
        data[place + 5 : place + 9] = struct.pack(">HH", height, width)
        return data

    return change


ROUTINE: dict[str, Change] = {
    "cut_to_a_third": keep(0.33),
    "cut_at_the_end": keep(0.897),
    "last_byte_missing": lambda data: data[:-1],
    "noise_in_the_middle": noise(0.45, 0.55),
    "zeros_in_the_middle": zeros(0.45, 0.55),
    "head_missing": lambda data: data[301:],
}
"""What is done to every one of `ROUTINE_TO`."""

ROUTINE_TO = (
    "whole/index_end.mp4",
    "whole/index_front.mp4",
    "whole/h264.mov",
    "whole/h264.mkv",
    "whole/vp8.webm",
    "whole/vp9.webm",
    "whole/mpeg4.avi",
    "whole/h264.ts",
    "whole/mpeg1.mpg",
    "whole/h264.flv",
    "whole/wmv2.wmv",
)

MOST = b"\xff\xff\xff\xff"
DAMAGED: dict[str, Maker] = {
    **{f"{damage}/{name.removeprefix('whole/')}": changed(name, change) for name in ROUTINE_TO for damage, change in ROUTINE.items()},
    "bytes_behind/index_end.mp4": changed("whole/index_end.mp4", lambda data: data + random.Random(1).randbytes(5000)),
    "bytes_behind/h264.mkv": changed("whole/h264.mkv", lambda data: data + bytes(5000)),
    "bytes_behind/face.jpg": changed("picture/a.jpg", lambda data: data + b"PK\3\4 and more"),
    "lies/more_samples.mp4": changed("whole/index_end.mp4", replaced(b"stsz", MOST, 8)),
    "lies/huge_sample.mp4": changed("whole/index_end.mp4", replaced(b"stsz", MOST, 16)),
    "lies/far_chunk.mp4": changed("whole/index_end.mp4", replaced(b"stco", MOST, 8)),
    "lies/huge_table.mp4": changed("whole/index_end.mp4", replaced(b"stts", MOST, 4)),
    "lies/huge_picture.mp4": changed("whole/mpeg4.mp4", replaced(b"mp4v", b"\xff\xff\xff\xff", 24)),
    "lies/protected.mp4": clip(container={"encryption_scheme": "cenc-aes-ctr", "encryption_key": "07" * 16, "encryption_kid": "01" * 16}),
    "lies/encrypted.mp4": changed("whole/index_end.mp4", renamed(b"avc1\0\0\0\0\0\0\0\1", b"encv\0\0\0\0\0\0\0\1")),
    "lies/unknown_codec.mp4": changed("whole/mpeg4.mp4", renamed(b"mp4v", b"xxxx")),
    "lies/box_of_everything.mp4": changed("whole/index_end.mp4", lambda data: MOST + data[4:]),
    "lies/box_of_nothing.mp4": changed("whole/index_end.mp4", lambda data: b"\0\0\0\7" + data[4:]),
    "lies/wrong_codec.avi": changed("whole/mpeg4.avi", renamed(b"FMP4", b"MJPG")),
    "lies/more_frames.avi": changed("whole/mpeg4.avi", replaced(b"vids", b"\xff\xff\xff\x7f", 28)),
    "lies/chunk_too_long.avi": changed("whole/mpeg4.avi", replaced(b"movi00dc", b"\xff\xff\xff\x7f")),
    "lies/endless_element.mkv": changed("whole/h264.mkv", replaced(b"\x1f\x43\xb6\x75", b"\x08\xff\xff\xff\xff\xff\xff\xfe")),
    "lies/one_bit.mkv": changed("whole/h264.mkv", noise(0.5, 0.5005)),
    "lies/huge.png": changed("picture/a.png", png_of(65_000, 65_000)),
    "lies/endless.png": changed("picture/a.png", png_of(2**31 - 1, 2**31 - 1)),
    "lies/no_size.png": changed("picture/a.png", png_of(0, 0)),
    "lies/huge.jpg": changed("picture/a.jpg", jpeg_of(65_500, 65_500)),
    "lies/huge.bmp": changed("picture/a.bmp", lambda data: data[:18] + struct.pack("<ii", 2**30, -(2**30)) + data[26:]),
    "lies/huge.gif": changed("picture/still.gif", lambda data: data[:6] + b"\xff\xff\xff\xff" + data[10:]),
    "lies/huge.webp": changed("picture/moving.webp", lambda data: data[:24] + b"\xff\xff\xff\xff\xff\xff" + data[30:]),
    "lies/cut.png": changed("picture/a.png", keep(0.5)),
    "lies/cut.jpg": changed("picture/a.jpg", keep(0.5)),
    "lies/cut.webp": changed("picture/a.webp", keep(0.5)),
    "lies/cut.bmp": changed("picture/a.bmp", keep(0.5)),
    "lies/cut.tiff": changed("picture/a.tiff", keep(0.5)),
    "lies/cut.gif": changed("whole/moving.gif", keep(0.5)),
    "lies/spoilt.png": changed("picture/a.png", noise(0.5, 0.6)),
}
