"""Files of the kinds that are read wrongly by whoever does not look at their facts first: joined, cut, turned, edited, given other headers.

Made on the spot with PyAV. Frames tell their number by their brightness, as in `video_media`. Knows nothing of the readers.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from video_media import level, write_clip

Picture = Callable[[int], np.ndarray]

CORNERS = np.zeros((64, 96, 3), np.uint8)
CORNERS[:32, :48], CORNERS[:32, 48:], CORNERS[32:, :48], CORNERS[32:, 48:] = (220, 40, 40), (40, 220, 40), (40, 40, 220), (200, 200, 200)
"""Another colour in each corner, so that it tells how it was turned and mirrored."""


def corners(number: int) -> np.ndarray:
    return CORNERS


def flat(first: int, size_wh: tuple[int, int]) -> Picture:
    """Pictures whose numbers begin with `first`."""
    return lambda number: np.full((size_wh[1], size_wh[0], 3), level(number + first), np.uint8)


def part(
    path: Path,
    first: int,
    frames: int = 20,
    size_wh: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    container: str = "mpegts",
    options: dict[str, str] | None = None,
    **more: Any,
) -> bytes:
    """The bytes of a clip, whose frames count from `first`; it is left at `path`."""
    chosen = {"bf": "2", "g": "10"} if options is None else options
    more.setdefault("picture", flat(first, size_wh))
    return write_clip(path, codec, frames, size_wh=size_wh, container=container, options=chosen, **more).read_bytes()


def strung(path: Path, *parts: bytes) -> Path:
    """One behind the other, as `cat` does it."""
    path.write_bytes(b"".join(parts))
    return path


def transport(path: Path, first: int, identifier: int = 0x100, programme: int = 1, **more: Any) -> bytes:
    """A transport stream whose video has an identifier of its own."""
    options = {
        "mpegts_start_pid": str(identifier),
        "mpegts_service_id": str(programme),
        "mpegts_pmt_start_pid": str(0x1000 + programme),
    }
    return part(path, first, container_options=options, **more)


def remuxed(source: Path, target: Path, container: str | None = None, options: dict[str, str] | None = None) -> Path:
    """The same coded pictures in another container, as `ffmpeg -c copy` does it; time goes on where it starts anew."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=container, options=options or {}) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        shift, last = 0, None
        for packet in given.demux(stream):
            if packet.dts is None:
                continue
            if last is not None and packet.dts + shift <= last:
                shift = last + (packet.duration or 3600) - packet.dts
            last = packet.dts + shift
            packet.pts, packet.dts = (packet.pts if packet.pts is not None else packet.dts) + shift, last
            packet.stream = copy
            output.mux(packet)
    return target


def cut(source: Path, target: Path, start_seconds: float, shows_key_at_zero: bool = False) -> Path:
    """From the key picture before a moment on, as `ffmpeg -ss -c copy` cuts: pictures that refer to what was cut off come along.

    shows_key_at_zero: times count from when the key picture is shown, not from when it is decoded, and those before it are below 0.
    """
    options = {"avoid_negative_ts": "disabled"} if shows_key_at_zero else {}
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        given.seek(round(start_seconds / stream.time_base), stream=stream)
        origin = None
        for packet in given.demux(stream):
            if packet.dts is None:
                continue
            if origin is None:
                origin = packet.pts if shows_key_at_zero else packet.dts
            packet.pts, packet.dts = packet.pts - origin, packet.dts - origin
            packet.stream = copy
            output.mux(packet)
    return target


def without_times(source: Path, target: Path, numbers: Collection[int], are_spoilt: bool) -> Path:
    """Matroska in which some pictures, by their place in the file, have times before 0, which demuxers read as none.

    are_spoilt: they are all zeros.
    """
    with av.open(str(source)) as given, av.open(str(target), "w", options={"avoid_negative_ts": "disabled"}) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        origin = None
        for number, packet in enumerate(given.demux(stream)):
            if packet.dts is None:
                continue
            origin = packet.pts if origin is None else origin
            placed = av.Packet(b"\0" * packet.size) if are_spoilt and number in numbers else packet
            pts, dts = packet.pts - origin, packet.dts - origin
            if number <= max(numbers):
                dts = -packet.duration * (max(numbers) + 4 - number)
            placed.pts, placed.dts = dts if number in numbers else pts, dts
            placed.time_base, placed.duration = packet.time_base, packet.duration
            placed.stream = copy
            output.mux(placed)
    return target


def with_message(source: Path, target: Path, orientation: str) -> Path:
    """A stream of H.264 whose pictures say how they are turned. orientation: as FFmpeg's filter `h264_metadata` calls it."""
    with av.open(str(source)) as given, av.open(str(target), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        changing = BitStreamFilterContext(f"h264_metadata=display_orientation=insert:{orientation}", stream, copy)
        for packet in given.demux(stream):
            for changed in changing.filter(packet if packet.dts is not None else None):
                changed.stream = copy
                output.mux(changed)
    return target


def with_hevc_message(data: bytes, sixteenths: int) -> bytes:
    """A bare stream of HEVC whose key pictures say that they are turned, by so many sixteenths of a circle (ITU-T H.265, D.2.17)."""
    bits = f"000{sixteenths * 4096:016b}11".ljust(24, "0")
    payload = int(bits, 2).to_bytes(3, "big")
    unit = b"\0\0\0\1" + bytes([39 << 1, 1, 47, len(payload)]) + payload + b"\x80"
    parts, position = [], 0
    while (at := data.find(b"\0\0\1", position)) >= 0:
        start = at - (data[at - 1 : at] == b"\0")
        parts.append(data[position:start])
        if data[at + 3] >> 1 in (19, 20, 21):
            parts.append(unit)
        parts.append(data[start : at + 4])
        position = at + 4
    return b"".join(parts) + data[position:]


def shifted_clock(data: bytes, seconds: float, container: str = "mpegts") -> bytes:
    """A transport or program stream whose clock is so much ahead: the same packets, muxed again with later times."""
    file, source = io.BytesIO(), io.BytesIO(data)
    with av.open(source) as given, av.open(file, "w", format=container, options={"output_ts_offset": str(seconds)}) as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                output.mux(packet)
    return file.getvalue()


def edited(source: Path, target: Path, duration_milliseconds: int, from_frame: int) -> Path:
    """An MP4 of 25 frames a second whose edit list shows a part of it."""
    data = bytearray(source.read_bytes())
    at = data.index(b"elst") + 12
    _, start = struct.unpack_from(">Ii", data, at)
    struct.pack_into(">Ii", data, at, duration_milliseconds, start + 512 * from_frame)
    target.write_bytes(data)
    return target


def with_edits(source: Path, target: Path, *edits: tuple[int, int]) -> Path:
    """An MP4 of 25 frames a second that shows several parts of it. edits: of each the milliseconds, and the frame it begins with."""
    data = source.read_bytes()
    at = data.rindex(b"elst")
    length, origin = int.from_bytes(data[at - 4 : at], "big"), int.from_bytes(data[at + 16 : at + 20], "big")
    entries = b"".join(struct.pack(">III", milliseconds, origin + 512 * frame, 0x10000) for milliseconds, frame in edits)
    table = full(b"elst", struct.pack(">I", len(edits)) + entries)
    changed = bytearray(data[: at - 4] + table + data[at - 4 + length :])
    for name in (b"moov", b"trak", b"edts"):
        place = data.rindex(name) - 4
        struct.pack_into(">I", changed, place, int.from_bytes(data[place : place + 4], "big") + len(table) - length)
    target.write_bytes(changed)
    return target


def with_stated_duration(source: Path, target: Path, share: float) -> Path:
    """An MP4 or Matroska file whose headers state only a share of its duration."""
    data = bytearray(source.read_bytes())
    is_matroska = data.startswith(b"\x1a\x45\xdf\xa3")
    kind, places = (">d", {b"\x44\x89\x88": 3}) if is_matroska else (">I", {b"mvhd": 20, b"tkhd": 24, b"mdhd": 20})
    for name, place in places.items():
        at = data.index(name) + place
        (stated,) = struct.unpack_from(kind, data, at)
        struct.pack_into(kind, data, at, stated * share if is_matroska else round(stated * share))
    target.write_bytes(data)
    return target


def left_out(source: Path, target: Path, numbers: Collection[int]) -> Path:
    """Without some of the coded pictures, by their place in the file; the container is in order."""
    with av.open(str(source)) as given, av.open(str(target), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for number, packet in enumerate(given.demux(stream)):
            if packet.dts is not None and number not in numbers:
                packet.stream = copy
                output.mux(packet)
    return target


def with_two_descriptions(path: Path, first: Path, second: Path) -> Path:
    """One MP4 track of the pictures of two, each with its own sample description (ISO/IEC 14496-12, section 8.5.2)."""
    sources = (first, second)
    entries = [content(source.read_bytes(), b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")[8:] for source in sources]
    samples = [_samples(source) for source in sources]
    everything = [*samples[0], *samples[1]]
    head = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    second_chunk = len(head) + 8 + sum(len(data) for data, _ in samples[0])
    keys = [number for number, (_, is_key) in enumerate(everything, 1) if is_key]
    count = len(everything)
    tables = (
        (b"stsd", struct.pack(">I", 2) + b"".join(entries)),
        (b"stts", struct.pack(">III", 1, count, 512)),
        (b"stss", struct.pack(f">I{len(keys)}I", len(keys), *keys)),
        (b"stsc", struct.pack(">I6I", 2, 1, len(samples[0]), 1, 2, len(samples[1]), 2)),
        (b"stsz", struct.pack(f">II{count}I", 0, count, *(len(data) for data, _ in everything))),
        (b"stco", struct.pack(">III", 2, len(head) + 8, second_chunk)),
    )
    table = b"".join(full(name, data) for name, data in tables)
    media = box(b"mdat", b"".join(data for data, _ in everything))
    path.write_bytes(head + media + _movie(first.read_bytes(), table, count * 512))
    return path


def _samples(source: Path) -> list[tuple[bytes, bool]]:
    with av.open(str(source)) as container:
        return [(bytes(packet), packet.is_keyframe) for packet in container.demux(video=0) if packet.size]


def _movie(source: bytes, table: bytes, duration: int) -> bytes:
    """The header of `source`, whose only track gets another table of samples."""
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    header = struct.pack(">4I", 0, 0, 12800, duration) + struct.pack(">IHHII", 65536, 256, 0, 0, 0) + matrix + bytes(24) + b"\0\0\0\2"
    track = struct.pack(">5I", 0, 0, 1, 0, duration) + bytes(16) + matrix + struct.pack(">II", 96 << 16, 64 << 16)
    media_header = full(b"mdhd", struct.pack(">4I", 0, 0, 12800, duration) + b"\x55\xc4\0\0")
    handler = box(b"hdlr", content(source, b"moov", b"trak", b"mdia", b"hdlr"))
    where = (b"moov", b"trak", b"mdia", b"minf")
    kept = b"".join(box(name, content(source, *where, name)) for name in (b"vmhd", b"dinf"))
    media = box(b"mdia", media_header + handler + box(b"minf", kept + box(b"stbl", table)))
    return box(b"moov", full(b"mvhd", header) + box(b"trak", box(b"tkhd", b"\0\0\0\3" + track) + media))


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def full(name: bytes, data: bytes) -> bytes:
    return box(name, b"\0\0\0\0" + data)


def content(data: bytes, *names: bytes) -> bytes:
    """Of a box within boxes."""
    for name in names:
        position = 0
        while data[position + 4 : position + 8] != name:
            position += struct.unpack_from(">I", data, position)[0]
        data = data[position + 8 : position + struct.unpack_from(">I", data, position)[0]]
    return data
