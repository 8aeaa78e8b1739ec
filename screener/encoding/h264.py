"""Re-encodes with H.264, as sites do with every upload: a whole clip into a file, or one picture there and back.

Encodes with x264 through PyAV; the same frames give the same bytes every time. Does not know where the frames come from or what they are
used for.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.errors import OutputError
from screener.records import Frame

UInt8 = NDArray[np.uint8]

TICKS_PER_SECOND = 90_000
_LONGEST_TICKS = 3600 * TICKS_PER_SECOND
"""Longest time between two pictures: MP4 stores in 31 bits, which are 6.6 hours, how much later than decoded a picture is shown, and with
B pictures that is up to five times as long.
"""

OPTIONS = {"preset": "medium", "threads": "4", "x264-params": "mbtree=0"}
"""A fixed number of threads, because x264's decisions depend on it. Macroblock tree is off, because its float arithmetic varied from run to
run (x264 165 with B-frames) and figures must be repeatable.
"""


def write_h264(path: Path, frames: Iterable[Frame], crf: int, fps: float) -> int:
    """Encode frames of one size at a constant rate factor into the MP4 file `path`, each at its own time; returns their number.

    A picture that is shown for hours is written again every hour. crf: x264's, from 0 (lossless) to 51 (worst). fps: the rate that x264
    assumes. An odd side is extended by one repeated pixel. Raises OutputError.
    """
    try:
        with av.open(str(path), "w", format="mp4") as output:
            return _encode(output, frames, crf, fps)
    except FFmpegError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; check the folder and the free space") from error


def through_h264(picture_rgb: UInt8, crf: int) -> UInt8:
    """(H, W, 3) -> the same picture encoded by x264 as a key frame and decoded."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        _encode(output, [Frame(picture_rgb, 0.0, 0)], crf, 25.0)
    buffer.seek(0)
    height, width = picture_rgb.shape[:2]
    with av.open(buffer, "r") as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return np.ascontiguousarray(decoded[:height, :width], np.uint8)


def _encode(output: OutputContainer, frames: Iterable[Frame], crf: int, fps: float) -> int:
    stream: VideoStream | None = None
    shown: Any = None
    count, last = 0, 0
    for frame in frames:
        picture = _even(frame.picture_rgb)
        tick = round(frame.pts_seconds * TICKS_PER_SECOND)
        stream = stream or _stream(output, picture, crf, fps)
        while shown is not None and tick - last > _LONGEST_TICKS:
            last += _LONGEST_TICKS
            output.mux(stream.encode(_timed(shown, last)))
        # Times of a video may be equal, those in a file may not.
        last = tick if shown is None else max(last + 1, tick)
        shown = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        output.mux(stream.encode(_timed(shown, last)))
        count += 1
    if stream is not None:
        output.mux(stream.encode())
    return count


def _timed(coded: Any, tick: int) -> Any:
    coded.pts, coded.time_base = tick, Fraction(1, TICKS_PER_SECOND)
    return coded


def _stream(output: OutputContainer, picture: UInt8, crf: int, fps: float) -> VideoStream:
    rate = Fraction(fps).limit_denominator(1001) if fps > 0 else Fraction(25)
    stream = output.add_stream("libx264", rate=rate, options={**OPTIONS, "crf": str(crf)})
    stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS_PER_SECOND)
    return stream


def _even(picture: UInt8) -> UInt8:
    """Extend odd sides by one pixel, because chroma has half the resolution."""
    below, right = picture.shape[0] % 2, picture.shape[1] % 2
    if not below and not right:
        return np.ascontiguousarray(picture)
    return np.asarray(cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
