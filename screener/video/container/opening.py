"""Opens a file with PyAV such that it cannot lead to other files or protocols, and chooses the stream that is judged.

Reads headers only; `walk` reads the packets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from screener.errors import SourceError
from screener.runtime.absolute_paths import absolute_path
from screener.settings import ScanSettings
from screener.video.container.allowed_codecs import check_codec
from screener.video.container.end import ends_early

# Demuxers that read only the file itself. Playlists, concatenations and devices, which open others, are not among them.
FILE_FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,vob,mpegvideo,flv,live_flv,asf,gif,ogg,h264,hevc,vvc,m4v,h263,mjpeg,ivf,obu,av1,mxf,nut,dv,rm,"
    "wtv,vc1,yuv4mpegpipe,swf,apng,mp3,wav,flac,aac,ac3,eac3,aiff,amr,caf,w64,au,tta,ape"
)
UNTIMED = frozenset({"avi", "h264", "hevc", "vvc", "m4v", "h263", "mpegvideo", "mjpeg", "obu", "vc1", "yuv4mpegpipe"})
"""Containers without timestamps, or with timestamps in decoding order only: nothing but the order of the frames is known."""

TIMED_AS_CODED = frozenset({"asf", "mxf", "mxf_opatom"})
"""Containers with one time per picture that rises in file order, although the pictures may be shown in another order."""

WITH_HIDDEN_PICTURES = {"ignore_editlist": "1"}
"""Option of the MP4 and QuickTime demuxer: also read the pictures that an edit list hides from players."""

_STILL = Disposition.attached_pic | Disposition.timed_thumbnails


def open_container(path: Path, name: str, hwaccel: HWAccel | None = None, options: dict[str, str] | None = None) -> InputContainer:
    """Open a file's container, with other protocols and file-opening formats disabled. Raises SourceError, whose message calls it `name`.

    hwaccel: the hardware that decodes its video; the CPU if left out. options: further FFmpeg options.
    """
    options = {**(options or {}), "protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
    try:
        # Bytes of a name that is not UTF-8 pass through as surrogates.
        return av.open(absolute_path(path), options=options, metadata_errors="replace", hwaccel=hwaccel)
    except FFmpegError as error:
        if ends_early(path):
            raise SourceError("truncated", f"{name}: cut short before its index, so that nothing of it can be played") from error
        if ends_early(path) is False:
            raise SourceError("corrupt", f"{name}: the container is damaged: {error.strerror}") from error
        raise SourceError("not_media", f"{name}: not a video or picture that can be read here: {error.strerror}") from error


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """The video streams without cover art and previews."""
    return [stream for stream in container.streams.video if not stream.disposition & _STILL]


def first_video(container: InputContainer, name: str) -> tuple[VideoStream, int]:
    """The video stream that players show, and the number of video streams. Raises SourceError.

    The stream marked as default, else the one with the largest pictures, else the first, as FFmpeg's own players choose.
    """
    moving = moving_streams(container)
    if not moving:
        kinds = ", ".join(sorted({"a cover picture" if stream.type == "video" else stream.type for stream in container.streams}))
        raise SourceError("no_video", f"{name}: holds no video stream, only {kinds or 'nothing'}")
    known = [stream for stream in moving if stream.codec_context is not None]
    if not known:
        raise SourceError("unsupported_codec", f"{name}: no decoder here knows its video")
    return max(known, key=_prominence), len(moving)


def _prominence(stream: VideoStream) -> tuple[bool, int, int]:
    size = stream.codec_context.width * stream.codec_context.height
    return bool(stream.disposition & Disposition.default), size, -stream.index


def sample_aspect_ratio(stream: VideoStream) -> float:
    """Width over height of one sample; 1 if unknown or implausible."""
    return plausible_ratio(stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio)


def plausible_ratio(ratio: Any) -> float:
    """A ratio of sides as a number; 1 if unknown or implausible."""
    known = float(ratio or 1)
    return known if 0.125 <= known <= 8 else 1.0


def check_stream(container: InputContainer, stream: VideoStream, limits: ScanSettings, name: str) -> None:
    """Raises SourceError for a file with too many streams, or with a codec that may not be decoded."""
    count = len(container.streams)
    if count > limits.max_streams:
        raise SourceError("limit_size", f"{name}: holds {count} streams, more than {limits.max_streams}; raise max_streams")
    check_codec(stream, name)


def check_pixels(width: int, height: int, max_pixels: int, name: str) -> None:
    """Raises SourceError `limit_pixels` for a picture larger than the limit. Call it before decoding the picture where possible."""
    if width * height > max_pixels:
        size = f"{width} x {height} pixels"
        raise SourceError("limit_pixels", f"{name}: pictures of {size} exceed the limit of {max_pixels}; raise max_pixels")


def check_duration(seconds: float, limits: ScanSettings, name: str) -> None:
    """Raises SourceError for a video that lasts longer than the limits allow."""
    if seconds > limits.max_duration_seconds:
        lasts = f"lasts {seconds:.0f} s, more than {limits.max_duration_seconds:.0f}; raise max_duration_seconds"
        raise SourceError("limit_time", f"{name}: {lasts}")


def is_encrypted(packet: Packet[Any]) -> bool:
    """Whether a packet carries encryption information."""
    return packet.has_sidedata("encryption_info")


def encrypted(name: str) -> SourceError:
    """The error for an encrypted video."""
    return SourceError("encrypted", f"{name}: the video is encrypted and cannot be judged")
