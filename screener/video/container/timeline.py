"""The packets of a file's first video stream, without decoding: how many frames there ought to be, and when each is shown.

PyAV walks the container once. Knows nothing of pixels; whether a packet decodes is found out by the readers.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video.container.allowed_codecs import check_codec
from screener.video.container.end import ends_early
from screener.video.container.packet_faults import PacketFaults
from screener.video.container.rhythm import joined, rhythm_warnings, usual_step
from screener.video.container.size_headers import size_header
from screener.video.container.structure import Walked, structural_faults

# Demuxers that read the file itself and never open another. Playlists, concatenations and devices are not among them.
FILE_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,vob,mpegvideo,flv,live_flv,asf,gif,ogg,h264,hevc,vvc,m4v,h263,mjpeg,ivf,obu,av1,mxf,nut,dv,rm,"
    "wtv,vc1,yuv4mpegpipe,swf,apng,mp3,wav,flac,aac,ac3,eac3,aiff,amr,caf,w64,au,tta,ape"
)
# Containers whose header says how long they last; elsewhere FFmpeg's duration is read off the last timestamps and proves nothing.
_PROMISING = frozenset({"mov", "matroska", "avi", "flv", "asf", "gif"})
# Containers without timestamps of their own, or whose timestamps are of decoding order: the order of frames is all there is.
UNTIMED = frozenset({"avi", "h264", "hevc", "vvc", "m4v", "h263", "mpegvideo", "mjpeg", "obu", "vc1", "yuv4mpegpipe"})
# Containers that may legitimately start in the middle of a group of pictures, as recordings of a broadcast do.
_BROADCAST = frozenset({"mpegts", "mpeg", "mpegvideo", "h264", "hevc"})
HDR_TRANSFERS = frozenset({16, 18})  # smpte2084, arib-std-b67
_PACKET_LIMIT = 8_000_000  # 64 MB of timestamps: three days at 30 frames per second
_PROGRESS_PACKETS = 512
_DEFAULT_FPS = 25.0
_RESTART_SECONDS = 0.5  # a step back in decoding time of more than this starts a new piece, as where recordings were strung together


@dataclass(frozen=True)
class Timeline:
    """seconds: (n,) presentation time of every frame there should be, rising from 0. frame_seconds: usual time between two.
    origin_seconds: container time of second 0. reader_origin_seconds: what OpenCV takes for 0, in container time.
    timed: frames carry usable timestamps of their own. first_stream: OpenCV, which takes the first stream, reads the right one.
    sizes_change: the stream carries more than one size header. pixel_format: what the CPU decodes it to, empty if unknown.
    whole: False if the file ends early, None if nothing says."""

    seconds: NDArray[np.float64]
    frame_seconds: float
    origin_seconds: float
    reader_origin_seconds: float | None
    timed: bool
    format: str
    codec: str
    pixel_format: str
    size_wh: tuple[int, int]
    sample_aspect_ratio: float
    first_stream: bool
    sizes_change: bool
    frames_promised: int
    corrupt_packets: int
    whole: bool | None
    warnings: tuple[str, ...]

    @property
    def end_seconds(self) -> float:
        return float(self.seconds[-1]) + self.frame_seconds if len(self.seconds) else 0.0


def open_container(path: Path, name: str, hwaccel: HWAccel | None = None) -> InputContainer:
    """The container of a file, other protocols and file-opening formats shut out. Raises SourceError, whose message calls it `name`.

    hwaccel: what decodes its video; the CPU if left out.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    try:
        # The bytes of a name that is not UTF-8 pass through as surrogates.
        return av.open(os.path.abspath(os.fspath(path)), options=options, metadata_errors="replace", hwaccel=hwaccel)
    except FFmpegError as error:
        if ends_early(path):
            raise SourceError("truncated", f"{name}: cut short before its index, so that nothing of it can be played") from error
        if ends_early(path) is False:
            raise SourceError("corrupt", f"{name}: the container is damaged: {error.strerror}") from error
        raise SourceError("not_media", f"{name}: not a video or picture that can be read here: {error.strerror}") from error


def first_video(container: InputContainer, name: str) -> tuple[VideoStream, int]:
    """The first stream of moving pictures and how many there are; cover art does not count. Raises SourceError."""
    moving = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not moving:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise SourceError("no_video", f"{name}: holds no video stream, only {kinds}")
    if moving[0].codec_context is None:
        raise SourceError("unsupported_codec", f"{name}: no decoder here knows its video")
    return moving[0], len(moving)


def sample_aspect_ratio(stream: VideoStream) -> float:
    """Width over height of one sample; 1 where it is unknown or absurd."""
    ratio = float(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1)
    return ratio if 0.125 <= ratio <= 8 else 1.0


def check_stream(container: InputContainer, stream: VideoStream, limits: ScanSettings, name: str) -> None:
    """Raises SourceError for a file of too many streams, or of a codec that is not decoded here."""
    count = len(container.streams)
    if count > limits.max_streams:
        raise SourceError("limit_size", f"{name}: holds {count} streams, more than {limits.max_streams}; raise max_streams")
    check_codec(stream, name)


def check_duration(seconds: float, limits: ScanSettings, name: str) -> None:
    """Raises SourceError for a video that lasts longer than the limits allow."""
    if seconds > limits.max_duration_seconds:
        lasts = f"lasts {seconds:.0f} s, more than {limits.max_duration_seconds:.0f}; raise max_duration_seconds"
        raise SourceError("limit_time", f"{name}: {lasts}")


def is_encrypted(packet: Packet[Any]) -> bool:
    return packet.has_sidedata("encryption_info")


def encrypted(name: str) -> SourceError:
    return SourceError("encrypted", f"{name}: the video is encrypted and cannot be judged")


def read_timeline(path: Path, name: str, on_progress: Callable[[], None] = lambda: None, limits: ScanSettings | None = None) -> Timeline:
    """Walk the packets of a file. on_progress: called every few hundred. limits: of duration and streams; the defaults if left out.

    Raises SourceError if there is no video to decode, or more than the limits allow.
    """
    limits = limits or ScanSettings()
    with open_container(path, name) as container:
        stream, count = first_video(container, name)
        check_stream(container, stream, limits, name)
        warnings = ["multi_video"] if count > 1 else []
        if stream.codec_context.color_trc in HDR_TRANSFERS:
            warnings.append("hdr")
        walk = _Walk(container, stream)
        walk.run(on_progress)
        if len(walk.ticks) > _PACKET_LIMIT:
            raise SourceError("limit_time", f"{name}: holds more than {_PACKET_LIMIT} frames; cut it into parts")
        if walk.encrypted:
            raise encrypted(name)
        timeline = _timeline(path, container, stream, walk, warnings, on_progress)
        check_duration(timeline.end_seconds, limits, name)
        return timeline


@dataclass
class _Walk:
    """What the packets say. ticks: presentation times in the stream's time base, in decoding order; segments: where time starts anew."""

    container: InputContainer
    stream: VideoStream
    ticks: array[int] = field(default_factory=lambda: array("q"))
    segments: list[int] = field(default_factory=lambda: [0])
    first_key: int | None = None
    packets: int = 0
    corrupt: int = 0
    untimed: int = 0
    encrypted: bool = False
    backwards: bool = False
    end_seconds: float = 0.0
    size_headers: set[bytes] = field(default_factory=set)
    failed: bool = False
    ends_corrupt: bool = False
    _last_dts: int | None = None

    def __post_init__(self) -> None:
        self.faults = PacketFaults(self.stream.codec_context.codec.canonical_name)

    def run(self, on_progress: Callable[[], None]) -> None:
        try:
            for number, packet in enumerate(self.container.demux()):
                if number % _PROGRESS_PACKETS == 0:
                    on_progress()
                if len(self.ticks) > _PACKET_LIMIT:
                    return
                if packet.size:
                    self.ends_corrupt = packet.is_corrupt
                    self._note_end(packet)
                    if packet.stream_index == self.stream.index:
                        self._add(packet)
        except IndexError:
            pass  # PyAV ends with a packet for each stream, and does not know those that came up on the way
        except FFmpegError:
            self.failed = True

    def _note_end(self, packet: Packet[Any]) -> None:
        if packet.pts is not None and packet.time_base:
            self.end_seconds = max(self.end_seconds, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def _add(self, packet: Packet[Any]) -> None:
        self.packets += 1
        self.corrupt += packet.is_corrupt
        self.encrypted |= is_encrypted(packet)
        if packet.is_keyframe or packet.has_sidedata("new_extradata"):
            self._note_size(packet)
        self.faults.add(packet)
        if packet.is_discard or _is_hidden(packet, self.stream.codec_context.name):
            return
        if packet.dts is not None:
            back = 0 if self._last_dts is None else self._last_dts - packet.dts
            self.backwards |= back > 0
            if back > 0 and packet.time_base and back * packet.time_base > _RESTART_SECONDS:
                self.segments.append(len(self.ticks))
            self._last_dts = packet.dts
        if packet.is_keyframe and self.first_key is None:
            self.first_key = len(self.ticks)
        tick = packet.pts if packet.pts is not None else packet.dts
        if tick is None:
            self.untimed += 1
            tick = self.ticks[-1] if self.ticks else 0
        self.ticks.append(tick)

    def _note_size(self, packet: Packet[Any]) -> None:
        if len(self.size_headers) < 2:
            header = size_header(self.stream.codec_context.name, bytes(packet))
            if header:
                self.size_headers.add(header)


def _is_hidden(packet: Packet[Any], codec: str) -> bool:
    """A VP8 packet that is only a reference for others and is never shown (RFC 6386, section 9.1: the show_frame bit)."""
    return codec == "vp8" and packet.size > 0 and not bytes(packet)[0] & 0x10


def _timeline(
    path: Path, container: InputContainer, stream: VideoStream, walk: _Walk, warnings: list[str], alive: Callable[[], None]
) -> Timeline:
    names = frozenset(container.format.name.split(","))
    time_base = float(stream.time_base) if stream.time_base else 1 / _DEFAULT_FPS
    fps = float(stream.guessed_rate or stream.average_rate or _DEFAULT_FPS)
    ticks = np.frombuffer(walk.ticks, dtype=np.int64) if walk.ticks else np.zeros(0, np.int64)
    faults = structural_faults(path, Walked(names, stream.index, stream.id, walk.packets, ticks, alive))
    if "mpeg" in names:
        faults += walk.first_key or 0  # a file, unlike a broadcast, begins with a picture that can be entered at
    if names & _BROADCAST:
        ticks, walk.segments = _from_first_key(ticks, walk)
    raw = ticks.astype(np.float64) * time_base
    if walk.untimed == len(ticks):
        raw = np.arange(len(ticks)) / fps
        walk.segments = [0]
    restarts = len(walk.segments) - 1 if "mpegts" in names else 0
    pieces = [np.sort(piece) for piece in np.split(raw, walk.segments[1:]) if len(piece)]
    frame_seconds = usual_step(pieces, 1 / fps)
    seconds, restarted = joined(pieces, frame_seconds)
    origin = float(pieces[0][0]) if pieces else 0.0
    whole = _is_whole(path, container, stream, walk, names, frame_seconds)
    warnings += rhythm_warnings(seconds, frame_seconds) + ["nonmonotonic"] * walk.backwards + ["end_unverified"] * (whole is None)
    context = stream.codec_context
    return Timeline(
        seconds=seconds,
        frame_seconds=frame_seconds,
        origin_seconds=origin,
        reader_origin_seconds=None if stream.start_time is None else stream.start_time * time_base,
        timed=not (names & UNTIMED or walk.untimed or restarted),
        format=container.format.name,
        codec=context.codec.canonical_name,
        pixel_format=context.pix_fmt or "",
        size_wh=(context.width, context.height),
        sample_aspect_ratio=sample_aspect_ratio(stream),
        first_stream=container.streams.video[0].index == stream.index,
        sizes_change=len(walk.size_headers) > 1,
        frames_promised=max(0, stream.frames),
        # FFmpeg calls the packet at each seam of a strung recording corrupt.
        corrupt_packets=max(0, walk.corrupt - restarts) + walk.failed + walk.faults.count + faults,
        whole=whole,
        warnings=tuple(warnings),
    )


def _from_first_key(ticks: NDArray[np.int64], walk: _Walk) -> tuple[NDArray[np.int64], list[int]]:
    """Without the pictures that refer to what lies before the recording: no decoder shows them."""
    first = walk.first_key or 0
    if not len(ticks) or len(walk.segments) > 1:
        return ticks, walk.segments
    kept = ticks[first:]
    return (kept[kept >= kept[0]] if not walk.untimed else kept), [0]


def _is_whole(
    path: Path, container: InputContainer, stream: VideoStream, walk: _Walk, names: frozenset[str], frame_seconds: float
) -> bool | None:
    """Whether everything promised is there: bytes, a whole last packet, then index entries or time; None without promise.

    Time is taken to half a second or two frames: that much lies between whole files and their own headers, as muxers differ in
    counting the last frame and the padding of audio.
    """
    early = ends_early(path)
    if early or walk.ends_corrupt or (walk.failed and names & _PROMISING):
        return False
    if "mov" in names:
        # The index, not the header's count: an edit list may leave frames out. Fragments come without a count.
        return walk.packets >= len(stream.index_entries) if stream.frames else None
    if names & {"avi", "gif"}:
        return None if early is None else True
    promised = (container.duration or 0) / av.time_base
    if names & _PROMISING and promised:
        return walk.end_seconds + max(0.5, 2 * frame_seconds) >= promised
    return None
