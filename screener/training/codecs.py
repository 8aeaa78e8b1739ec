"""A few frames -> the same frames as a video codec leaves them: encoded and decoded again, without a container.

Knows codecs and pixels. Does not know where frames come from or why they are encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator

RATE = 25

DECODERS = {"libx264": "h264", "libx265": "hevc", "mpeg4": "mpeg4", "libvpx": "vp8", "libvpx-vp9": "vp9"}
"""Encoder -> its decoder."""

SHARES = {"libx264": 0.74, "libx265": 0.05, "mpeg4": 0.08, "libvpx": 0.07, "libvpx-vp9": 0.06}
"""How often each encoder is drawn: most of what circulates is H.264."""


@dataclass(frozen=True)
class Encoding:
    """encoder: one of `DECODERS`. options: as FFmpeg names them."""

    encoder: str
    options: dict[str, str] = field(default_factory=dict)


def draw(rng: Rng, hardness: float) -> Encoding:
    """hardness: 0 is near what a camera writes, 1 is what social media and messengers leave."""
    encoder = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    harm = float(rng.uniform(0.0, 0.35 + 0.65 * hardness))
    match encoder:
        case "libx264":
            offsets = f"{int(rng.integers(-2, 3))}:{int(rng.integers(-2, 3))}" if rng.random() < 0.4 else "0:0"
            options = {
                "preset": str(rng.choice(["ultrafast", "superfast", "veryfast", "faster", "medium"], p=[0.3, 0.15, 0.3, 0.15, 0.1])),
                "crf": str(round(17 + 23 * harm)), "g": "250", "bf": str(int(rng.integers(0, 4))),
                "x264-params": f"deblock={offsets}:rc-lookahead=0:sync-lookahead=0:log-level=-1",
            }  # fmt: skip
            if rng.random() < 0.25:
                options["tune"] = str(rng.choice(["zerolatency", "film", "fastdecode"]))
        case "libx265":
            options = {"preset": "ultrafast", "crf": str(round(19 + 21 * harm)), "x265-params": "log-level=none:pools=none:frame-threads=1"}
        case "mpeg4":
            quantiser = str(round(2 + 11 * harm))
            options = {"qmin": quantiser, "qmax": quantiser, "g": "250", "bf": str(int(rng.integers(0, 2)))}
        case _:
            quantiser = str(round(8 + 48 * harm))
            fixed = {"crf": quantiser, "b": "0"} if encoder == "libvpx-vp9" else {"qmin": quantiser, "qmax": quantiser, "b": "9M"}
            options = {**fixed, "deadline": "realtime", "cpu-used": "8", "g": "250"}
    return Encoding(encoder, options)


def encode_and_decode(frames: Sequence[UInt8], encoding: Encoding, wanted: Sequence[int]) -> list[UInt8]:
    """(h, w, 3) RGB frames of one even size, through the codec; those at the places `wanted`, in that order.

    Raises av.FFmpegError when the encoder cannot be opened.
    """
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create(encoding.encoder, "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"  # type: ignore[attr-defined]
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)  # type: ignore[assignment,attr-defined]
    encoder.thread_count, encoder.options = 1, dict(encoding.options)
    decoder = av.CodecContext.create(DECODERS[encoding.encoder], "r")
    decoder.thread_count = 1
    decoded: dict[int, UInt8] = {}

    def take(packets: Sequence[av.Packet | None]) -> None:
        for packet in packets:
            for picture in decoder.decode(packet):  # type: ignore[attr-defined]
                if picture.pts in places:
                    decoded[picture.pts] = _rgb(picture)

    places = set(wanted)
    for number, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
        picture.pts = number
        take(encoder.encode(picture))  # type: ignore[attr-defined]
    take([*encoder.encode(None), None])  # type: ignore[attr-defined]
    # An encoder may drop a frame; what a viewer then sees is the one before it.
    known = sorted(decoded)
    return [decoded[min(known, key=lambda place: abs(place - number))] if known else frames[number] for number in wanted]


def _rgb(picture: av.VideoFrame) -> UInt8:
    planes = picture.to_ndarray(format="yuv420p") if picture.format.name != "yuv420p" else picture.to_ndarray()
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
