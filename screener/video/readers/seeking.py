"""Single frames from anywhere in a file, through PyAV. A key frame costs decoding one frame, any other decoding from the key frame before
it.

Seconds count from the first picture. Does not trust a seek: each frame is placed by its own time. Does not know which moments are wanted,
or why.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from screener.video.container.parameter_sets import ParameterSets
from screener.video.container.timeline import Timeline
from screener.video.container.walk import CLOCKED
from screener.video.ledger import Complaints
from screener.video.readers.losses import Losses
from screener.video.readers.reader import use_threads

_TOLERANCE_SECONDS = 1e-4
_STEPS_BACK_SECONDS = (0.0, 2.0, 10.0)
"""If a seek lands after the wanted moment, it is repeated for a moment this much earlier."""

_BEFORE_ALL_SECONDS = 10.0
"""Where seeks use decoding times, which start before presentation times, the beginning of the file is before 0."""

_FEW_KEYS = 8
_LONG_SECONDS = 120.0
"""A video of more than this with few key frames would be decoded almost from end to end for every look."""

_PAST_SECONDS = 0.5
"""How much later than stated a video may end: muxers count the last frame differently."""

_CONTINUE_SECONDS = 1.0
_PROBES = 16


class SeekingReader:
    """Frames of one stream of an open container; `close` closes the container too.

    ended_seconds: where the packets ended, if that was reached. losses: what was decoded without giving a whole picture.
    """

    name = "pyav"

    def __init__(self, container: InputContainer, stream: VideoStream, complaints: Complaints) -> None:
        self._container, self._stream = container, stream
        self._codec = stream.codec_context.codec.canonical_name
        self._base = float(stream.time_base or 0)
        self._names = frozenset(container.format.name.split(","))
        self._origin_ticks = stream.start_time or 0
        self._walked_seconds = 0.0
        self._indexed = False
        self._running: Generator[VideoFrame, None, None] | None = None
        self._at_seconds = 0.0
        self._ahead: VideoFrame | None = None
        self.ended_seconds: float | None = None
        extradata = stream.codec_context.extradata or b""
        self.losses = Losses(self._codec, extradata, complaints)
        self._sets = ParameterSets(self._codec, extradata)
        # With VP8, an error is raised at the picture that caused it only if pictures are not decoded in parallel.
        use_threads(stream.codec_context, "SLICE" if self._codec == "vp8" else "AUTO")

    @property
    def turned(self) -> bool:
        """Whether a message within the pictures decoded so far said how they are turned."""
        return self._sets.turned

    @property
    def duration_seconds(self) -> float:
        """Duration according to the packets, else the stream's header, else the file's header; 0 if none states it."""
        if self._walked_seconds:
            return self._walked_seconds
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        seconds = (self._container.duration or 0) / av.time_base
        # Matroska states when the file ends on its clock, whose beginning the video may not be there for.
        late = self._origin_ticks * self._base if "matroska" in self._names else 0.0
        return seconds - late if 0 < late < seconds else seconds

    def go_by(self, timeline: Timeline) -> None:
        """Use the first picture and the end of the last one from a timeline, instead of the header's values."""
        self._walked_seconds = timeline.end_seconds
        if len(timeline.seconds) and self._base > 0:
            self._origin_ticks = round(float(timeline.container_seconds[0]) / self._base)

    def can_seek(self) -> bool:
        """Whether frames can be had from anywhere: times and a duration are known, a seek lands near its target, key frames are
        not rare and can be shown alone.
        """
        seconds = self.duration_seconds
        if self._base <= 0 or seconds <= 0 or self._stream.start_time is None:
            return False
        try:
            landed = self._land(0.75 * seconds)
        except FFmpegError:
            return False
        index = self._stream.index_entries
        self._indexed = bool(self._names & {"mov", "matroska"}) and len(index) > 1
        if landed is None or (seconds > _LONG_SECONDS and not 0.25 * seconds <= landed[0] <= 0.75 * seconds + _CONTINUE_SECONDS):
            return False
        if self._indexed and seconds > _LONG_SECONDS and self._keys_probed(seconds) < _FEW_KEYS:
            return False
        return self._shows_alone(landed[1])

    def ends_as_stated(self) -> bool:
        """Whether the packets from the last key frame before the stated end on can be read, and none lasts much longer than that. What they
        last longer is then part of the duration.

        A header may state less than the file holds: of the rest, no frame would be looked for. Matroska states the end of its longest
        stream; where that is another one, which lasts as long as stated, the duration is that of these packets.
        """
        end = of_others = 0.0
        stated, is_of_all = self.duration_seconds, "matroska" in self._names
        try:
            landed = self._land(stated, with_others=is_of_all)
            if landed is None:
                return False
            _, key, packets = landed
            for packet in chain((key,), packets):
                if packet.stream_index != self._stream.index:
                    of_others = max(of_others, self._end_of(packet))
                    continue
                end = max(end, self._end_of(packet))
                if end > stated + _PAST_SECONDS:
                    return False
        except (FFmpegError, IndexError):
            return False
        is_outlasted = is_of_all and end + _PAST_SECONDS < stated <= of_others + _PAST_SECONDS
        self._walked_seconds = end if is_outlasted else max(end, stated)
        return True

    def index_fits(self, path: Path) -> bool:
        """Whether the file reaches as far as the last position in its index, if it has one."""
        index = self._stream.index_entries
        if "mov" not in self._names or not len(index):
            return True
        last = index[len(index) - 1]
        return bool(last.pos + last.size <= path.stat().st_size)

    def key_is_near(self, width_seconds: float) -> bool:
        """Whether slices of that width mostly contain a key frame."""
        seconds = self.duration_seconds
        return self._indexed and self._keys_probed(seconds) >= min(_PROBES, seconds / width_seconds) / 2

    def find(self, start: float, target: float, end: float) -> Iterator[VideoFrame | None]:
        """Yield None while searching, and at last the frame for the slice: its key frame nearest to the target, else the frame on screen at
        the target. Ends without a frame if there is none.
        """
        key = self._key_within(start, target, end)
        if key is not None and (frame := self._decoded_alone(key)) is not None:
            yield frame
            return
        yield from self._on_screen(target)

    def seconds_of(self, frame: VideoFrame) -> float | None:
        """Time of a frame in seconds from the first picture; None if it has none."""
        return None if frame.pts is None else max(0.0, (frame.pts - self._origin_ticks) * self._base)

    def close(self) -> None:
        """Close the decoder and the container."""
        self._leave()
        self._container.close()

    def _key_within(self, start: float, target: float, end: float) -> Packet[Any] | None:
        """The packet of a key frame in the slice: with an index the one nearest to the target, else the one before it."""
        goal = target
        if self._indexed:
            found = [self._indexed_key(target, backward) for backward in (True, False)]
            inside = [key for key in found if key is not None and start <= key < end]
            if not inside:
                return None
            goal = min(inside, key=lambda key: abs(key - target)) + _TOLERANCE_SECONDS
        elif end - start < _CONTINUE_SECONDS:
            return None  # a key frame may lie in the slice, but looking for it costs as much as it saves
        self._leave()
        try:
            landed = self._land(goal)
        except FFmpegError:
            self.losses.count += 1
            return None
        return landed[1] if landed is not None and start <= landed[0] < end else None

    def _indexed_key(self, seconds: float, backward: bool) -> float | None:
        index = self._stream.index_entries
        # The index of MP4 holds decoding times, which precede presentation times by a constant.
        shift = self._origin_ticks - index[0].timestamp if "mov" in self._names else 0
        ticks = round(seconds / self._base) + self._origin_ticks
        place = index.search_timestamp(ticks - shift, backward=backward)
        return None if place < 0 else (index[place].timestamp + shift - self._origin_ticks) * self._base

    def _keys_probed(self, seconds: float) -> int:
        return len({self._indexed_key((number + 0.5) * seconds / _PROBES, True) for number in range(_PROBES)} - {None})

    def _shows_alone(self, key: Packet[Any]) -> bool:
        """Whether the decoder gives out the picture of a key frame. With intra refresh it shows none until all parts were refreshed."""
        try:
            return bool([*self._stream.decode(key), *self._stream.decode(None)])
        except FFmpegError:
            return True  # damage, which counts where it is met

    def _decoded_alone(self, key: Packet[Any]) -> VideoFrame | None:
        """The picture of a key frame, without decoding what follows."""
        frames = [*self._decoded(key), *self._decoded(None)]
        return frames[0] if frames else None

    def _on_screen(self, seconds: float) -> Iterator[VideoFrame | None]:
        """Decode forward from the current position if no key frame lies between, else from the key frame before the moment."""
        if not self._is_on_the_way(seconds):
            self._leave()
            self._running = self._from_key(seconds)
        assert self._running is not None
        shown, ahead = None, self._ahead
        while True:
            frame = ahead or next(self._running, None)
            ahead = None
            if frame is None:
                self._leave()
                break
            at = self.seconds_of(frame)
            if at is not None and at > seconds + _TOLERANCE_SECONDS:
                self._ahead = frame
                break
            shown, self._at_seconds = frame, at if at is not None else self._at_seconds
            yield None
        if shown is None:
            shown = self._ahead
        if shown is not None:
            yield shown

    def _is_on_the_way(self, seconds: float) -> bool:
        if self._running is None or self._ahead is None or seconds < (self.seconds_of(self._ahead) or 0.0):
            return False
        if not self._indexed:
            return seconds - self._at_seconds < _CONTINUE_SECONDS
        key = self._indexed_key(seconds, True)
        return key is None or key <= self._at_seconds

    def _from_key(self, seconds: float) -> Generator[VideoFrame, None, None]:
        """Frames in order from the key frame before a moment, without those that refer to frames before it."""
        try:
            landed = self._land(seconds)
        except FFmpegError:
            self.losses.count += 1
            return
        if landed is None:
            return
        _, key, packets = landed
        end_seconds = self._end_of(key)
        yield from self._decoded(key)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, IndexError):
                packet = None
            if packet is not None and packet.pts is not None and key.pts is not None and packet.pts < key.pts:
                self.losses.note_gap(packet)
                continue
            if packet is None or not packet.size:
                yield from self._decoded(None)
                self.ended_seconds = end_seconds
                return
            end_seconds = max(end_seconds, self._end_of(packet))
            yield from self._decoded(packet)

    def _decoded(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        if packet is not None:
            self.losses.note_gap(packet)
            self._sets.add(packet)
            if not self.losses.is_fit(packet):
                return []
        try:
            frames = list(self._stream.decode(packet))
        except FFmpegError:
            self.losses.note(packet is not None)
            return []
        for frame in frames:
            self.losses.note_order(frame)
        return frames

    def _land(self, seconds: float, with_others: bool = False) -> tuple[float, Packet[Any], Iterator[Packet[Any]]] | None:
        """Seek. Returns the time of the first key frame from there, its packet and an iterator of the packets after it; None if there is
        none. with_others: of all streams.
        """
        for back in _STEPS_BACK_SECONDS:
            goal = max(0.0, seconds - back)
            told = goal if goal or not self._names & CLOCKED else -_BEFORE_ALL_SECONDS
            self._container.seek(round(told / self._base) + self._origin_ticks, stream=self._stream)
            packets: Iterator[Packet[Any]] = iter(self._container.demux() if with_others else self._container.demux(self._stream))
            key = next((packet for packet in packets if self._is_key(packet)), None)
            if key is not None and key.pts is not None:
                at = (key.pts - self._origin_ticks) * self._base
                if at <= seconds + _TOLERANCE_SECONDS or not goal:
                    return at, key, packets
        return None

    def _is_key(self, packet: Packet[Any]) -> bool:
        return bool(packet.is_keyframe and packet.size and packet.pts is not None and packet.stream_index == self._stream.index)

    def _leave(self) -> None:
        """Drop the current position."""
        if self._running is not None:
            self._running.close()
        self._running, self._ahead = None, None
        self.losses.start_anew()

    def _end_of(self, packet: Packet[Any]) -> float:
        """When the packet's picture leaves the screen, or its sound ends."""
        if packet.pts is None:
            return 0.0
        return (packet.pts + (packet.duration or 0)) * float(packet.time_base or self._base) - self._origin_ticks * self._base
