"""Frames in order through PyAV: the rescue reader, for what OpenCV cannot decode, gives up on, or would squeeze to one size.

Decodes past errors. Does not know how many frames there should be, or which frames another reader has already delivered.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.video.readers.reader import DECODER_THREADS
from screener.video.readers.upright import bgr_as_rgb, check_pixels, squared, turned

_UNHEARD = frozenset({"vp8", "av1"})
"""Codecs whose decoders give up a picture without a word in the log: their errors are counted here."""


class PyAVReader:
    """Sequential reader of one stream of an open container, which it closes in the end."""

    name = "pyav"

    def __init__(
        self, container: InputContainer, stream: VideoStream, *, shown_name: str, max_pixels: int, sample_aspect_ratio: float
    ) -> None:
        self._container = container
        self._stream = stream
        self._shown_name = shown_name
        self._max_pixels = max_pixels
        self._ratio = sample_aspect_ratio
        codec = stream.codec_context.codec.canonical_name
        # VP8's error goes with the picture that caused it only where pictures are not decoded side by side.
        stream.codec_context.thread_type = "SLICE" if codec == "vp8" else "AUTO"
        self._counts_errors = codec in _UNHEARD
        if codec == "av1":
            stream.codec_context.options = {"strict": "strict"}
        stream.codec_context.thread_count = DECODER_THREADS
        self._frames = self._decode()
        self._frame: VideoFrame | None = None
        self.frames_read = 0
        self.faults = 0

    def grab(self) -> bool:
        """Step to the next frame; False at the end."""
        self._frame = next(self._frames, None)
        self.frames_read += self._frame is not None
        return self._frame is not None

    @property
    def seconds(self) -> float | None:
        """Presentation time of the frame in container time, if it has one."""
        if self._frame is None or self._frame.pts is None:
            return None
        # Frames that a decoder hands out at the end may come without a time base of their own.
        time_base = self._frame.time_base or self._stream.time_base
        return float(self._frame.pts * time_base) if time_base else None

    def picture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB of the frame, upright, with square pixels and the frame's own size; None if it cannot be had."""
        return None if self._frame is None else picture_of(self._frame, self._max_pixels, self._shown_name, self._ratio)

    def close(self) -> None:
        self._frames.close()
        self._container.close()

    def _decode(self) -> Generator[VideoFrame, None, None]:
        for packet in self._packets():
            try:
                yield from self._stream.decode(packet)
            except FFmpegError:  # a lost frame: with most codecs it shows in the count
                self.faults += self._counts_errors

    def _packets(self) -> Iterator[Packet[Any] | None]:
        """Every packet, and None at the end so that the decoder hands out what it has held back, also if the end is an error."""
        packets = self._container.demux(self._stream)
        with suppress(FFmpegError):
            yield from (packet for packet in packets if packet.size)
        yield None


def picture_of(frame: VideoFrame, max_pixels: int, shown_name: str, sample_aspect_ratio: float) -> NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB of a decoded frame, upright, with square pixels; None if it cannot be had. Raises SourceError `limit_pixels`."""
    check_pixels(frame.width, frame.height, max_pixels, shown_name)
    try:
        # Bicubic, the stream's own colour matrix, and blue first, to which FFmpeg turns more than 8 bits otherwise than to red first: what
        # OpenCV does, so that both readers give the same picture.
        picture = frame.reformat(format="bgr24", interpolation=Interpolation.BICUBIC).to_ndarray()
    except (FFmpegError, ValueError):
        return None
    upright = turned(bgr_as_rgb(picture), frame.rotation)
    return squared(upright, sample_aspect_ratio, frame.rotation % 180 == 90)
