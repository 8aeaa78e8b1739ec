"""Files of the kinds that are read wrongly by whoever does not look at their facts first: joined, interlaced, turned, edited, cut, damaged.

Made on the spot with PyAV. Every frame tells its number by its brightness, as in `video_media`. Knows nothing of the readers.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from video_media import level, write_clip

Picture = Callable[[int], np.ndarray]


def flat(first: int, size_wh: tuple[int, int]) -> Picture:
    """Pictures whose numbers begin with `first`."""
    return lambda number: np.full((size_wh[1], size_wh[0], 3), level(number + first), np.uint8)


def part(
    path: Path,
    first: int,
    frames: int,
    size_wh: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    container: str = "mpegts",
    options: dict[str, str] | None = None,
    **more: Any,
) -> bytes:
    """The bytes of a clip, whose frames count from `first`."""
    chosen = {"bf": "2", "g": "10"} if options is None else options
    more.setdefault("picture", flat(first, size_wh))
    return write_clip(path, codec, frames, size_wh=size_wh, container=container, options=chosen, **more).read_bytes()


def strung(path: Path, parts: Sequence[bytes]) -> Path:
    """One behind the other, as `cat` does it."""
    path.write_bytes(b"".join(parts))
    return path


def remuxed(source: Path, target: Path, container: str | None = None, options: dict[str, str] | None = None) -> Path:
    """The same coded pictures in another container, as `ffmpeg -c copy` does it; time goes on where it starts anew."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=container, options=options or {}) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        shift, last = 0, None
        for packet in given.demux(stream):
            if packet.dts is None:
                continue
            step = packet.duration or 3600
            if last is not None and packet.dts + shift <= last:
                shift = last + step - packet.dts
            last = packet.dts + shift
            packet.pts, packet.dts = (packet.pts if packet.pts is not None else packet.dts) + shift, last
            packet.stream = copy
            output.mux(packet)
    return target


def cut(source: Path, target: Path, start_seconds: float, container: str | None = None) -> Path:
    """From the key picture at or before a moment on, as `ffmpeg -ss -c copy` cuts: leading pictures come along."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=container) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        given.seek(round(start_seconds / stream.time_base), stream=stream)
        origin = None
        for packet in given.demux(stream):
            if packet.dts is None:
                continue
            origin = packet.dts if origin is None else origin
            packet.pts, packet.dts = packet.pts - origin, packet.dts - origin
            packet.stream = copy
            output.mux(packet)
    return target


def with_bitstream_filter(source: Path, target: Path, description: str, container: str | None = None) -> Path:
    """The same coded pictures after one of FFmpeg's filters of coded streams."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=container) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        changing = BitStreamFilterContext(description, stream, copy)
        for packet in given.demux(stream):
            for changed in changing.filter(packet if packet.dts is not None else None):
                changed.stream = copy
                output.mux(changed)
    return target


def shifted_clock(data: bytes, seconds: float) -> bytes:
    """A transport stream whose clock is so much ahead: the same packets, muxed again with later times."""
    file, source = io.BytesIO(), io.BytesIO(data)
    with av.open(source) as given, av.open(file, "w", format="mpegts", options={"output_ts_offset": str(seconds)}) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                output.mux(packet)
    return file.getvalue()


def with_two_descriptions(path: Path, first: Path, second: Path) -> Path:
    """One MP4 track of the pictures of two, each with its own sample description (ISO/IEC 14496-12, section 8.5.2)."""
    entries, samples = [], []
    for source in (first, second):
        entries.append(_boxed(source.read_bytes(), b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")[8:])
        with av.open(str(source)) as container:
            samples.append([(bytes(p), p.is_keyframe) for p in container.demux(video=0) if p.size])
    everything = [*samples[0], *samples[1]]
    head = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    media = b"".join(data for data, _ in everything)
    chunks = (len(head) + 8, len(head) + 8 + sum(len(data) for data, _ in samples[0]))
    keys = [number + 1 for number, (_, key) in enumerate(everything) if key]
    count = len(everything)
    table = b"".join(
        (
            full(b"stsd", struct.pack(">I", 2) + entries[0] + entries[1]),
            full(b"stts", struct.pack(">III", 1, count, 512)),
            full(b"stss", struct.pack(f">I{len(keys)}I", len(keys), *keys)),
            full(b"stsc", struct.pack(">I6I", 2, 1, len(samples[0]), 1, 2, len(samples[1]), 2)),
            full(b"stsz", struct.pack(f">II{count}I", 0, count, *(len(data) for data, _ in everything))),
            full(b"stco", struct.pack(">III", 2, *chunks)),
        )
    )
    path.write_bytes(head + box(b"mdat", media) + _movie(first.read_bytes(), table, count * 512))
    return path


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def full(name: bytes, content: bytes) -> bytes:
    return box(name, b"\0\0\0\0" + content)


def _movie(source: bytes, table: bytes, duration: int) -> bytes:
    """The header of `source`, whose only track gets another table of samples."""
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    header = full(b"mvhd", struct.pack(">4I", 0, 0, 12800, duration) + struct.pack(">IHHII", 65536, 256, 0, 0, 0) + matrix + bytes(24) + b"\0\0\0\2")
    track = box(b"tkhd", b"\0\0\0\3" + struct.pack(">5I", 0, 0, 1, 0, duration) + bytes(16) + matrix + struct.pack(">II", 96 << 16, 64 << 16))
    handler = _boxed(source, b"moov", b"trak", b"mdia", b"hdlr")
    media = full(b"mdhd", struct.pack(">4I", 0, 0, 12800, duration) + b"\x55\xc4\0\0")
    information = b"".join(
        (_whole(source, b"moov", b"trak", b"mdia", b"minf", b"vmhd"), _whole(source, b"moov", b"trak", b"mdia", b"minf", b"dinf"), box(b"stbl", table))
    )
    return box(b"moov", header + box(b"trak", track + box(b"mdia", media + box(b"hdlr", handler) + box(b"minf", information))))


def _boxed(data: bytes, *names: bytes) -> bytes:
    """The content of a box within boxes."""
    for name in names:
        position = 0
        while data[position + 4 : position + 8] != name:
            position += struct.unpack_from(">I", data, position)[0]
        data = data[position + 8 : position + struct.unpack_from(">I", data, position)[0]]
    return data


def _whole(data: bytes, *names: bytes) -> bytes:
    return box(names[-1], _boxed(data, *names))


def fields(number: int) -> np.ndarray:
    """A bright bar that moves between the two fields of a frame: woven, its edges are combs."""
    picture = np.full((64, 96, 3), 60, np.uint8)
    for line in range(64):
        at = 4 + 2 * number + (line % 2)
        picture[line, at * 1 % 80 : at % 80 + 16] = 200
    return picture


def two_pids(path: Path, first: bytes, second: bytes) -> Path:
    """Two transport streams one behind the other, the second of which has other identifiers of packets."""
    path.write_bytes(first + second)
    return path


def transport(path: Path, first: int, frames: int, identifier: int = 0x100, program: int = 1, size_wh: tuple[int, int] = (96, 64)) -> bytes:
    """A transport stream with an identifier of its own."""
    options = {"mpegts_start_pid": str(identifier), "mpegts_service_id": str(program), "mpegts_pmt_start_pid": str(0x1000 + program)}
    return part(path, first, frames, size_wh, container_options=options)


def rate_of(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return Fraction(container.streams.video[0].average_rate or 25)
