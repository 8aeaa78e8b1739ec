"""The part of a coded key picture that carries its size, for telling whether a stream changes size on the way.

OpenCV scales every picture to the first one's size without saying so, so that this has to be known before it is chosen as reader.
Does not interpret the headers: two that differ may still mean the same size. None for codecs that keep the size in the container.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SEARCHED_BYTES = 4096
_SPS_H264 = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67](.{4,256}?)\x00\x00[\x00\x01]", re.DOTALL)
_SPS_HEVC = re.compile(rb"\x00\x00\x01\x42\x01(.{4,512}?)\x00\x00[\x00\x01]", re.DOTALL)
_SEQUENCE_MPEG = re.compile(rb"\x00\x00\x01\xb3(.{3})", re.DOTALL)
_FRAME_JPEG = re.compile(rb"\xff[\xc0-\xc2]\x00.\x08(.{4})", re.DOTALL)


def size_header(codec: str, packet: bytes) -> bytes | None:
    """The bytes of a key packet that fix the size of the pictures that follow, if they can be found."""
    find = _FINDERS.get(codec)
    return find(packet[:_SEARCHED_BYTES]) if find else None


def _searching(pattern: re.Pattern[bytes]) -> Callable[[bytes], bytes | None]:
    def find(packet: bytes) -> bytes | None:
        match = pattern.search(packet)
        return match.group(1) if match else None

    return find


def _vp8(packet: bytes) -> bytes | None:
    """RFC 6386, section 9.1: start code, then 14 bits each of width and height."""
    return packet[6:10] if packet[3:6] == b"\x9d\x01\x2a" else None


def _vp9(packet: bytes) -> bytes | None:
    """VP9 bitstream, section 6.2: sync code, colour configuration, width and height."""
    return packet[4:9] if packet[1:4] == b"\x49\x83\x42" else None


_FINDERS: dict[str, Callable[[bytes], bytes | None]] = {
    "h264": _searching(_SPS_H264),
    "hevc": _searching(_SPS_HEVC),
    "mpeg1video": _searching(_SEQUENCE_MPEG),
    "mpeg2video": _searching(_SEQUENCE_MPEG),
    "mjpeg": _searching(_FRAME_JPEG),
    "vp8": _vp8,
    "vp9": _vp9,
}
