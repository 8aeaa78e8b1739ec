"""Encodes a few frames with a video codec and decodes them again, without a container.

Knows codecs and pixels. Does not know where frames come from or why they are encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]

RATE = 25

SMALLEST_PX = {"libx265": 64}
"""Minimum side per encoder: x265's assembler writes past the memory of smaller pictures, which kills the process."""

DECODERS = {"libx264": "h264", "libx265": "hevc", "mpeg4": "mpeg4", "libvpx": "vp8", "libvpx-vp9": "vp9"}
"""Encoder -> its decoder."""


@dataclass(frozen=True)
class Encoding:
    """encoder: one of `DECODERS`. options: FFmpeg's options."""

    encoder: str
    options: dict[str, str] = field(default_factory=dict)


def encode_and_decode(frames: Sequence[UInt8], encoding: Encoding, wanted: Sequence[int]) -> list[UInt8]:
    """Code (h, w, 3) RGB frames of one even size; returns those at the indices `wanted`, in that order.

    Raises av.FFmpegError if the encoder cannot be opened.
    """
    shown_height, shown_width = frames[0].shape[:2]
    least = SMALLEST_PX.get(encoding.encoder, 0)
    height, width = max(shown_height, least), max(shown_width, least)
    encoder = av.CodecContext.create(encoding.encoder, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"  # type: ignore[attr-defined]
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)  # type: ignore[attr-defined]
    encoder.thread_count, encoder.options = 1, dict(encoding.options)
    decoder = av.CodecContext.create(DECODERS[encoding.encoder], "r")
    decoder.thread_count = 1
    decoded: dict[int, UInt8] = {}

    def take(packets: Sequence[av.Packet[Any] | None]) -> None:
        for packet in packets:
            for picture in decoder.decode(packet):  # type: ignore[attr-defined]
                if picture.pts in places:
                    decoded[picture.pts] = _rgb(picture)

    places = set(wanted)
    for number, shown in enumerate(frames):
        frame = cv2.copyMakeBorder(shown, 0, height - shown_height, 0, width - shown_width, cv2.BORDER_REFLECT_101)
        picture = av.VideoFrame.from_ndarray(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8), format="yuv420p")
        picture.pts = number
        take(encoder.encode(picture))  # type: ignore[attr-defined]
    take([*encoder.encode(None), None])  # type: ignore[attr-defined]
    # An encoder may drop a frame; a viewer then sees the previous one.
    known = sorted(decoded)
    seen = [decoded[min(known, key=lambda place: abs(place - number))] if known else frames[number] for number in wanted]
    return [picture[:shown_height, :shown_width] for picture in seen]


def _rgb(picture: av.VideoFrame) -> UInt8:
    planes = picture.to_ndarray(format="yuv420p") if picture.format.name != "yuv420p" else picture.to_ndarray()
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
