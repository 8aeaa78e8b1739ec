"""The codecs that may be decoded: those that cameras, phones, sites and editors write. All other codecs of the decoder library are never
run.

A decoder library knows hundreds of formats, many of them from old games and rarely maintained; each adds to the attack surface. Does not
decode.
"""

from __future__ import annotations

from av.video.stream import VideoStream

from screener.errors import SourceError

# fmt: off
CODECS = frozenset({
    "h264", "hevc", "vvc", "av1", "vp8", "vp9", "mpeg4", "mpeg1video", "mpeg2video", "h261", "h263", "h263p", "flv1", "vp6", "vp6f", "vp6a",
    "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "theora", "rv10", "rv20", "rv30", "rv40", "mjpeg", "mjpegb",
    "prores", "dnxhd", "cfhd", "dvvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "lagarith", "rawvideo", "v210", "cinepak",
    "svq1", "svq3", "indeo3", "indeo4", "indeo5", "jpeg2000", "gif", "apng", "png", "webp", "qtrle", "msvideo1", "dirac", "snow", "flashsv",
    "flashsv2", "cavs", "hap", "wrapped_avframe",
})
# fmt: on


def check_codec(stream: VideoStream, name: str) -> None:
    """Check that the codec of a stream may be decoded. Raises SourceError `unsupported_codec`; `name` is what the message calls
    the file.
    """
    codec = stream.codec_context.codec.canonical_name
    if codec not in CODECS:
        raise SourceError("unsupported_codec", f"{name}: its video is {codec}, which is not decoded here; convert it to H.264")
