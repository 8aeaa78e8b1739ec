"""Reads all packets of a file in order and collects times, faults, changes of parameter sets, and the first picture.

One pass of the demuxer over the whole file. Only the first picture of the judged stream is decoded, and a few more where pictures after it
have no time.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from screener.video.container.opening import is_encrypted, moving_streams
from screener.video.container.packet_faults import PacketFaults
from screener.video.container.parameter_sets import ParameterSets

PACKET_LIMIT = 8_000_000  # 128 MB of times and positions: three days at 30 frames per second
NO_TICK = -(1 << 63)
"""Stands for the time of a packet that has none."""

_PROGRESS_PACKETS = 512
RESTART_SECONDS = 0.5
"""A step back in decoding time of more than this starts a new piece, as where recordings were joined. In a broadcast stream any step back
that comes with a key picture does.
"""

_JUMP_SECONDS = 10.0  # in a broadcast stream a step forward of more than this does too, as in FFmpeg's own players
_SEAM_SECONDS = 1.0  # or of this much, if the packets' continuity counter breaks just before a key picture
_SEAM_PACKETS = 4  # FFmpeg marks one of the last packets before it
CLOCKED = frozenset({"mpegts", "mpeg"})
_PROBED_PACKETS = 64
_MOST_LEADING = 16  # no codec here shows a picture before more than so many that were decoded earlier


@dataclass
class Walk:
    """ticks: presentation times in the stream's time base, in decoding order, `NO_TICK` for none.
    moved: times that packets stated for their pictures, and that are not among the ticks.
    places: byte position of each packet in the file, -1 if unknown.
    segments: indices of packets at which time starts anew. jumps: those of them at which it leaps forward.
    begun: index of a segment -> tick at which it begins, for segments that begin with pictures which are not to be shown.
    keys: indices of the packets of key pictures. untimed: number of packets without any time. unplaced: number of those without a picture
    time of their own.
    leads: number of packets without a time that come right after the first key picture and may refer to pictures before it.
    shows_untimed: one of the pictures decoded here has no time.
    end: position after the last byte that any packet holds. discarded: number of packets that are not to be shown.
    others: number of packets of each other video stream.
    """

    container: InputContainer
    stream: VideoStream
    ticks: array[int] = field(default_factory=lambda: array("q"))
    moved: array[int] = field(default_factory=lambda: array("q"))
    places: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    segments: list[int] = field(default_factory=lambda: [0])
    jumps: set[int] = field(default_factory=set)
    begun: dict[int, int] = field(default_factory=dict)
    packets: int = 0
    discarded: int = 0
    corrupt: int = 0
    untimed: int = 0
    unplaced: int = 0
    leads: int = 0
    shows_untimed: bool = False
    end: int = 0
    encrypted: bool = False
    backwards: bool = False
    end_seconds: float = 0.0
    failed: bool = False
    ends_corrupt: bool = False
    first_picture: VideoFrame | None = None
    others: dict[int, int] = field(default_factory=dict)
    _bases: dict[int, float] = field(default_factory=dict)
    _last_dts: int | None = None
    _corrupt_at: int = -_SEAM_PACKETS
    _may_lead: bool = False

    def __post_init__(self) -> None:
        context = self.stream.codec_context
        self.colours = (
            int(context.color_trc),
            int(context.color_primaries),
        )  # as stated by the container; a decoder overwrites them with its own
        self.faults = PacketFaults(context.codec.canonical_name, context.extradata)
        self.sets = ParameterSets(context.codec.canonical_name, context.extradata)
        self._clocked = bool(CLOCKED & frozenset(self.container.format.name.split(",")))
        self._moving = {stream.index for stream in moving_streams(self.container)}
        context.thread_type, context.thread_count = ThreadType.SLICE, 1  # gives the first picture without waiting for others

    def run(self, on_progress: Callable[[], None]) -> None:
        """Read all packets. on_progress: called every few hundred packets."""
        try:
            for number, packet in enumerate(self.container.demux()):
                if number % _PROGRESS_PACKETS == 0:
                    on_progress()
                if len(self.ticks) > PACKET_LIMIT:
                    return
                if packet.size:
                    self._note(packet)
        except IndexError:
            pass  # PyAV ends with an empty packet for each stream, and does not know streams that appeared on the way
        except FFmpegError:
            self.failed = True
        if self.packets and self._is_curious():
            self._probe(None)

    def _note(self, packet: Packet[Any]) -> None:
        self.ends_corrupt = packet.is_corrupt
        if packet.pts is not None:
            self.end_seconds = max(self.end_seconds, (packet.pts + (packet.duration or 0)) * self._base_of(packet))
        if packet.pos is not None:
            self.end = max(self.end, packet.pos + packet.size)
        if packet.stream_index == self.stream.index:
            self._add(packet)
        elif packet.stream_index in self._moving:
            self.others[packet.stream_index] = self.others.get(packet.stream_index, 0) + 1

    def _base_of(self, packet: Packet[Any]) -> float:
        """Seconds per tick of the packet's stream."""
        if packet.stream_index not in self._bases:
            self._bases[packet.stream_index] = float(packet.time_base or 0)
        return self._bases[packet.stream_index]

    def _add(self, packet: Packet[Any]) -> None:
        self.packets += 1
        if packet.is_corrupt:
            self.corrupt, self._corrupt_at = self.corrupt + 1, self.packets
        self.encrypted |= is_encrypted(packet)
        self.sets.add(packet)
        self.faults.add(packet)
        if packet.is_discard:
            self._discard(packet)
        elif not is_hidden(packet, self.stream.codec_context.name):
            self._place(packet)
        if self._is_curious():
            self._probe(packet)

    def _discard(self, packet: Packet[Any]) -> None:
        """Note a packet that is not to be shown; it still takes up time if it begins another piece."""
        self.discarded += 1
        if packet.dts is not None and self.packets > 1:
            self._note_step(packet)
            self._last_dts = packet.dts
            tick = packet.dts if packet.pts is None else packet.pts
            if self.segments[-1] == len(self.ticks):
                self.begun.setdefault(len(self.segments) - 1, tick)

    def _place(self, packet: Packet[Any]) -> None:
        if packet.dts is not None:
            self._note_step(packet)
            self._last_dts = packet.dts
        if packet.is_keyframe:
            self.keys.append(len(self.ticks))
        self._note_lead(packet)
        tick = packet.dts if packet.pts is None else packet.pts
        if packet.pts is not None and self._is_of_the_next(packet):
            tick = packet.dts
            self.moved.append(packet.pts)
        self.untimed += tick is None
        self.unplaced += packet.pts is None
        self.ticks.append(NO_TICK if tick is None else tick)
        self.places.append(-1 if packet.pos is None else packet.pos)

    def _note_lead(self, packet: Packet[Any]) -> None:
        if packet.is_keyframe:
            self._may_lead = len(self.keys) == 1 and packet.pts is not None and self.sets.may_refer_across(packet)
        elif self._may_lead:
            is_timed = packet.pts is not None or packet.dts is not None
            self._may_lead = not is_timed and self.leads < _MOST_LEADING and self.sets.leads(packet)
            self.leads += self._may_lead

    def _is_of_the_next(self, packet: Packet[Any]) -> bool:
        """Whether a picture at the end of a recording got the time of the recording appended after it."""
        known = self._clocked and packet.dts is not None and packet.pts is not None
        return known and (packet.pts - packet.dts) * self._base_of(packet) > _JUMP_SECONDS  # type: ignore[operator]

    def _note_step(self, packet: Packet[Any]) -> None:
        known = self._last_dts is not None and packet.dts is not None
        step = (packet.dts - self._last_dts) * self._base_of(packet) if known else 0.0  # type: ignore[operator]
        self.backwards |= step < 0
        seam = packet.is_keyframe and self.packets - self._corrupt_at <= _SEAM_PACKETS
        if step < (0.0 if self._clocked and packet.is_keyframe else -RESTART_SECONDS):
            self.segments.append(len(self.ticks))
        elif self._clocked and (step > _JUMP_SECONDS or (seam and step > _SEAM_SECONDS)):
            self.segments.append(len(self.ticks))
            self.jumps.add(len(self.ticks))

    def _probe(self, packet: Packet[Any] | None) -> None:
        try:
            pictures = self.stream.decode(packet)
        except FFmpegError:
            return
        for picture in pictures:
            self.first_picture = picture if self.first_picture is None else self.first_picture
            self.shows_untimed |= picture.pts is None

    def _is_curious(self) -> bool:
        """Whether the first picture did not come out yet, or those without a time might."""
        return (self.first_picture is None or self.leads > 0) and self.packets <= _PROBED_PACKETS and not self.encrypted


def is_hidden(packet: Packet[Any], codec: str) -> bool:
    """Whether a VP8 packet is only a reference for others and never shown (RFC 6386, section 9.1: the show_frame bit)."""
    return codec == "vp8" and packet.size > 0 and not bytes(packet)[0] & 0x10
