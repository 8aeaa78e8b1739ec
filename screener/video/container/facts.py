"""Collects what is known of a video file before it is decoded: its streams, how its pictures lie in it, how the first one looks.

Every file passes through here, in the decoding process. Only collects: what follows from the facts stands in `policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video.container.further import holds_unread
from screener.video.container.opening import (
    WITH_HIDDEN_PICTURES,
    check_duration,
    check_pixels,
    check_stream,
    encrypted,
    first_video,
    is_encrypted,
    moving_streams,
    open_container,
    sample_aspect_ratio,
)
from screener.video.container.parameter_sets import ParameterSets
from screener.video.container.timeline import Timeline, timeline_of
from screener.video.container.walk import CLOCKED, NO_TICK, PACKET_LIMIT, Walk

HDR_TRANSFERS = frozenset({16, 18})  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG), as ITU-T H.273 numbers them
WIDE_PRIMARIES = frozenset({9, 11, 12})  # BT.2020, DCI-P3, Display P3
_LOOKED_AT = 64


@dataclass(frozen=True)
class Facts:
    """Facts about the stream that is judged, unless stated otherwise.

    format: FFmpeg's names of the container.
    is_first: no other video stream comes before it.
    other_streams: number of other video streams that hold pictures.
    another_recording: another recording follows the first in the same file, and is not read.
    hidden_pictures: number of pictures that an edit list hides from players.
    unread_pictures: number of pictures that the container marks to be discarded.
    sets_readable, parameter_sets, interlaced: see `ParameterSets`.
    is_turned_within: messages inside the coded pictures give their orientation.
    first_picture: as PyAV decodes it, None if it cannot. transfer, primaries: of its colours, as numbered by ITU-T H.273.
    is_strung: the file is several recordings joined together, according to its clocks and counters.
    unplaced_pictures: number of pictures without a time of their own.
    reorders: the codec may show pictures in another order than that of decoding.
    is_damaged: the container contradicts itself, begins within a group of pictures, or ends early.
    holes: number of pictures of which a part is zeros.
    is_unwalked: only the beginning is known, because there was no time to read the rest.
    timeline: None if only the beginning of the file was read.
    """

    format: str
    codec: str
    pixel_format: str = ""
    size_wh: tuple[int, int] = (0, 0)
    sample_aspect_ratio: float = 1.0
    is_first: bool = True
    other_streams: int = 0
    another_recording: bool = False
    hidden_pictures: int = 0
    unread_pictures: int = 0
    unplaced_pictures: int = 0
    reorders: bool = False
    is_strung: bool = False
    is_damaged: bool = False
    holes: int = 0
    is_unwalked: bool = False
    sets_readable: bool = True
    parameter_sets: int = 1
    interlaced: bool = False
    is_turned_within: bool = False
    transfer: int = 2
    primaries: int = 2
    first_picture: VideoFrame | None = None
    timeline: Timeline | None = None

    @property
    def is_high_dynamic(self) -> bool:
        """Whether its transfer function is one of high dynamic range (PQ or HLG)."""
        return self.transfer in HDR_TRANSFERS

    @property
    def has_wide_colours(self) -> bool:
        """Whether its primaries are wider than those of an ordinary screen (BT.2020, DCI-P3, Display P3)."""
        return self.primaries in WIDE_PRIMARIES

    @property
    def is_mirrored(self) -> bool:
        """Whether the first picture is to be mirrored for display."""
        return self.first_picture is not None and mirrors(display_matrix(self.first_picture))

    @property
    def formats(self) -> frozenset[str]:
        """FFmpeg's names of the container, one by one."""
        return frozenset(self.format.split(","))


Matrix = tuple[int, ...]
"""FFmpeg's display matrix, nine numbers; empty if there is none."""


def display_matrix(frame: VideoFrame) -> Matrix:
    """How a frame is to be rotated and mirrored for display, according to its container or its own messages."""
    try:
        if not len(frame.side_data):
            return ()
        matrix: Any = frame.side_data["DISPLAYMATRIX"]  # type: ignore[typeddict-item]
        return tuple(memoryview(matrix).cast("i"))
    except (KeyError, ValueError):  # PyAV raises ValueError for kinds of side data that it does not know
        return ()


def mirrors(matrix: Matrix) -> bool:
    """Whether a matrix mirrors rather than only rotates."""
    return bool(matrix) and matrix[0] * matrix[4] - matrix[1] * matrix[3] < 0


def read_facts(path: Path, name: str, on_progress: Callable[[], None] = lambda: None, limits: ScanSettings | None = None) -> Facts:
    """Read all packets of a file. on_progress: called every few hundred packets. limits: of duration and streams; the defaults if left out.

    Raises SourceError if there is no video to decode, or if it exceeds the limits.
    """
    limits = limits or ScanSettings()
    with open_container(path, name) as container:
        walk = _walked(container, name, limits, on_progress)
        hidden = _left_out(walk)
        if not hidden:
            return _facts(path, name, walk, limits, on_progress)
        first = min((at for at in zip(walk.ticks, walk.places, strict=True) if at[0] != NO_TICK), default=(0, -1))
        with open_container(path, name, options=WITH_HIDDEN_PICTURES) as opened:
            everything = _walked(opened, name, limits, on_progress)
            found = everything.packets - everything.discarded - (walk.packets - walk.discarded)
            if found <= 0:  # the pictures are discarded for another reason than an edit list
                return _facts(path, name, walk, limits, on_progress)
            everything.faults = walk.faults
            shown_from = next((tick for tick, place in zip(everything.ticks, everything.places, strict=True) if place == first[1]), None)
            return _facts(path, name, everything, limits, on_progress, found, shown_from)


def read_beginning(path: Path, name: str, container: InputContainer, stream: VideoStream) -> Facts:
    """Facts from the header and first packets of an open container; the packets are consumed. Raises SourceError if its video
    is encrypted.
    """
    context = stream.codec_context
    sets = ParameterSets(context.codec.canonical_name, context.extradata)
    colours = (int(context.color_trc), int(context.color_primaries))
    first: VideoFrame | None = None
    unplaced, begins_late = 0, None
    for packet in islice(container.demux(stream), _LOOKED_AT):
        if is_encrypted(packet):
            raise encrypted(name)
        if packet.size:
            sets.add(packet)
            unplaced += packet.pts is None
            begins_late = not packet.is_keyframe if begins_late is None else begins_late
        with suppress(FFmpegError):
            first = next(iter(stream.decode(packet)), None)
        if first is not None:
            break
    index, formats = stream.index_entries, frozenset(container.format.name.split(","))
    left_out = 0
    if "mov" in formats and stream.frames and len(index):
        left_out = max(0, stream.frames - len(index)) + sum(entry.is_discard for entry in index)
    another = holds_unread(path, formats)
    known = {"another_recording": another, "hidden_pictures": left_out, "unplaced_pictures": unplaced, "is_damaged": bool(begins_late)}
    return _described(container, stream, sets, first, colours, **known)


def _walked(container: InputContainer, name: str, limits: ScanSettings, on_progress: Callable[[], None]) -> Walk:
    stream, _ = first_video(container, name)
    check_stream(container, stream, limits, name)
    check_pixels(stream.codec_context.width, stream.codec_context.height, limits.max_pixels, name)
    walk = Walk(container, stream)
    walk.run(on_progress)
    if len(walk.ticks) > PACKET_LIMIT:
        raise SourceError("limit_time", f"{name}: holds more than {PACKET_LIMIT} frames; cut it into parts")
    if walk.encrypted:
        raise encrypted(name)
    return walk


def _starts_late(walk: Walk) -> bool:
    """Whether pictures come before the first key picture, which only recordings of a broadcast may begin with."""
    return bool(walk.keys) and walk.keys[0] > 0 and not CLOCKED & frozenset(walk.container.format.name.split(","))


def _left_out(walk: Walk) -> int:
    """Number of pictures that the container holds but does not give out to be shown."""
    entries = len(walk.stream.index_entries)
    return walk.discarded + (max(0, walk.stream.frames - entries) if "mov" in walk.container.format.name.split(",") else 0)


def _facts(
    path: Path,
    name: str,
    walk: Walk,
    limits: ScanSettings,
    alive: Callable[[], None],
    hidden: int = 0,
    shown_from: int | None = None,
) -> Facts:
    timeline = timeline_of(path, walk, shown_from, alive)
    check_duration(timeline.end_seconds, limits, name)
    another = holds_unread(path, frozenset(walk.container.format.name.split(",")), walk.end)
    # FFmpeg does not list streams that do not show at the beginning of the file.
    others = max(len(walk.others), timeline.videos - 1)
    return _described(
        walk.container,
        walk.stream,
        walk.sets,
        walk.first_picture,
        walk.colours,
        another_recording=another,
        other_streams=others,
        hidden_pictures=hidden,
        unread_pictures=walk.discarded,
        unplaced_pictures=walk.unplaced,
        is_strung=timeline.is_strung,
        is_damaged=timeline.corrupt_packets > 0 or timeline.whole is False or _starts_late(walk),
        holes=walk.faults.holes,
        timeline=timeline,
    )


def _described(
    container: InputContainer, stream: VideoStream, sets: ParameterSets, first: VideoFrame | None, colours: tuple[int, int], **known: object
) -> Facts:
    """colours: transfer and primaries as the container states them."""
    context = stream.codec_context
    moving = moving_streams(container)
    given: dict[str, object] = {"other_streams": len(moving) - 1, **known}
    return Facts(
        format=container.format.name,
        codec=context.codec.canonical_name,
        pixel_format=context.pix_fmt or "",
        size_wh=(context.width, context.height),
        sample_aspect_ratio=sample_aspect_ratio(stream),
        is_first=container.streams.video[0].index == stream.index,
        sets_readable=sets.readable,
        reorders=context.codec.reorder,
        parameter_sets=max(1, sets.count),
        interlaced=sets.interlaced or (first is not None and first.interlaced_frame),
        is_turned_within=sets.turned,
        transfer=stated(first.color_trc if first is not None else 2, colours[0]),
        primaries=stated(first.color_primaries if first is not None else 2, colours[1]),
        first_picture=first,
        **given,  # type: ignore[arg-type]
    )


def stated(of_picture: int, of_stream: int) -> int:
    """The picture's own statement about its colours, or the container's if it makes none."""
    return int(of_picture) if int(of_picture) not in (0, 2) else int(of_stream)
