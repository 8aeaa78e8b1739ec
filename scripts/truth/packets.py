"""Coded pictures moved between containers as they are, and the boxes and packets of containers changed by hand.

Knows PyAV and the bytes of MP4 and MPEG-TS. Does not know which change stands for what.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

TS_BYTES = 188


@dataclass(frozen=True)
class Coded:
    """One coded picture: its bytes, times in seconds (dts: None where the container keeps none), whether decoding can begin with it."""

    data: bytes
    pts: Fraction
    dts: Fraction | None
    key: bool
    duration: Fraction = Fraction(0)


def coded(path: Path) -> list[Coded]:
    """The pictures of the first video stream, in the order of decoding. One that has no time follows the one before."""
    found: list[Coded] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if not packet.size:
                continue
            duration = (packet.duration or 0) * stream.time_base
            dts = None if packet.dts is None else packet.dts * stream.time_base
            pts = dts if packet.pts is None else packet.pts * stream.time_base
            if pts is None:
                pts = dts = found[-1].pts + found[-1].duration if found else Fraction(0)
            found.append(Coded(bytes(packet), pts, dts, packet.is_keyframe, duration))
    return found


def copied(template: Path, pictures: Sequence[Coded], target: Path, container: str, muxer: dict[str, str] | None = None) -> Path:
    """Write coded pictures into a container, with the stream header of the template.

    Raises FFmpegError or ValueError where the container does not take them.
    """
    with ExitStack() as stack:
        source = stack.enter_context(av.open(str(template))).streams.video[0]
        output: Any = stack.enter_context(av.open(str(target), "w", format=container, options=muxer or {}))
        stream = output.add_stream_from_template(source, opaque=source.codec_context.name == "libdav1d" or None)  # which cannot encode
        base = Fraction(1, 90000)
        for picture in pictures:
            packet = av.Packet(picture.data)
            packet.time_base, packet.stream, packet.is_keyframe = base, stream, picture.key
            packet.pts = round(picture.pts / base)
            packet.dts = packet.pts if picture.dts is None else round(picture.dts / base)
            packet.duration = round(picture.duration / base)
            output.mux(packet)
    return target


def later(pictures: Sequence[Coded], seconds: Fraction) -> list[Coded]:
    return [replace(each, pts=each.pts + seconds, dts=None if each.dts is None else each.dts + seconds) for each in pictures]


def strung(parts: Sequence[Sequence[Coded]], frame: Fraction) -> list[Coded]:
    """Parts one behind the other: each begins one frame after the last of the one before is shown."""
    found: list[Coded] = []
    end = Fraction(0)
    for part in parts:
        placed = later(part, end - min(each.pts for each in part))
        found += placed
        end = max(each.pts for each in placed) + frame
    return found


def told_to_turn(picture: Coded, turn: int) -> Coded:
    """An H.264 picture with start codes, and before it, if decoding can begin with it, the message how to show it and those that follow:
    mirrored or not, then turned (ITU-T H.264, D.1.27)."""
    if not picture.key:
        return picture
    at = next(found.start() for found in re.finditer(b"\0\0\1[\x05\x25\x45\x65]", picture.data))
    anticlockwise = -turn % 4 * 0x4000
    bits = f"0{turn // 4}0{anticlockwise:016b}" + "010" + "0" + "1"  # repeated until further notice, no extension, the stop bit
    message = bytes([0x06, 47, 3]) + int(bits, 2).to_bytes(3, "big") + b"\x80"
    return replace(picture, data=picture.data[:at] + b"\0\0\1" + message + picture.data[at:])


def mixed(first: bytes, second: bytes) -> bytes:
    """Packets of two transport streams in turns, as where two programmes share one, with a table that names both."""
    pieces = [_ts_packets(data) for data in (first, second)]
    programmes = [_programme(packets) for packets in pieces]
    table = _association(programmes)
    bodies = [[packet for packet in packets if _pid(packet)] for packets in pieces]
    longest = max(map(len, bodies))
    turns = sorted((place * longest // len(body), number, place) for number, body in enumerate(bodies) for place in range(len(body)))
    return table + b"".join(bodies[number][place] for _, number, place in turns)


def _ts_packets(data: bytes) -> list[bytes]:
    return [data[start : start + TS_BYTES] for start in range(0, len(data), TS_BYTES)]


def _pid(packet: bytes) -> int:
    return (packet[1] & 0x1F) << 8 | packet[2]


def _programme(packets: Sequence[bytes]) -> tuple[int, int]:
    """(number, PID of its map) from the first association table."""
    table = next(packet for packet in packets if _pid(packet) == 0)
    number, pid = struct.unpack(">HH", table[5 + 8 : 5 + 12])
    return number, pid & 0x1FFF


def _association(programmes: Sequence[tuple[int, int]]) -> bytes:
    """A table of programmes in one packet (ISO/IEC 13818-1, 2.4.4.3)."""
    entries = b"".join(struct.pack(">HH", number, 0xE000 | pid) for number, pid in programmes)
    section = b"\0" + struct.pack(">HHBBB", 0xB000 | 5 + len(entries) + 4, 1, 0xC1, 0, 0) + entries
    section += struct.pack(">I", _crc32_mpeg(section))
    return (b"\x47\x40\x00\x10\x00" + section).ljust(TS_BYTES, b"\xff")


def _crc32_mpeg(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
    return register


@dataclass(frozen=True)
class Edit:
    """An entry of an edit list. seconds: how long it lasts. start_seconds: what it shows first, of the pictures; None: nothing."""

    seconds: float
    start_seconds: float | None


def with_edits(data: bytes, edits: Sequence[Edit]) -> bytes:
    """An MP4 whose index lies at its end, with another edit list in its first track."""

    def change(name: bytes, content: bytes) -> bytes:
        return _edited_index(content, edits) if name == b"moov" else content

    return _rebuilt(data, change)


def _edited_index(moov: bytes, edits: Sequence[Edit]) -> bytes:
    scale = struct.unpack(">I", _find(moov, b"mvhd")[12:16])[0]
    done = False

    def change(name: bytes, content: bytes) -> bytes:
        nonlocal done
        if name != b"trak" or done:
            return content
        done = True
        track_scale = struct.unpack(">I", _find(_find(content, b"mdia"), b"mdhd")[12:16])[0]
        origin = _first_shown(content)
        entries = b"".join(
            struct.pack(
                ">Iihh",
                round(edit.seconds * scale),
                -1 if edit.start_seconds is None else origin + round(edit.start_seconds * track_scale),
                1,
                0,
            )
            for edit in edits
        )
        elst = _box(b"elst", struct.pack(">II", 0, len(edits)) + entries)
        rest = b"".join(_box(kind, inner) for kind, inner in _boxes(content) if kind != b"edts")
        at = len(_box(*next(_boxes(content))))  # behind the track header
        return rest[:at] + _box(b"edts", elst) + rest[at:]

    return _rebuilt(moov, change)


def _first_shown(trak: bytes) -> int:
    """Where in the track's own time the edit list that is there begins, which is where its first picture lies."""
    if b"edts" not in (name for name, _ in _boxes(trak)):
        return 0
    entries = _find(_find(trak, b"edts"), b"elst")[8:]
    starts = [struct.unpack(">Iihh", entries[place : place + 12])[1] for place in range(0, len(entries) - 11, 12)]
    return next((start for start in starts if start >= 0), 0)


def _boxes(data: bytes) -> Any:
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big") or len(data) - position
        yield data[position + 4 : position + 8], data[position + 8 : position + length]
        position += length


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def _rebuilt(data: bytes, change: Callable[[bytes, bytes], bytes]) -> bytes:
    return b"".join(_box(name, change(name, content)) for name, content in _boxes(data))


def _find(data: bytes, name: bytes) -> bytes:
    return next(content for found, content in _boxes(data) if found == name)
