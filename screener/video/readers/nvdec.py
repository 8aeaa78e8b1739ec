"""Frames in order through an NVIDIA card, with PyAV: FFmpeg reads the stream, the card (NVDEC) decodes it.

Why not torchcodec: it reports no more errors, falls back to the CPU silently, converts colours differently, and needs PyTorch and a system
FFmpeg. Here packets, times, order, orientation and colours are those of `pyav`, and only wanted frames leave the card. Cannot detect damage
inside a picture, which the card conceals silently. Any other fault ends this reader, and the CPU goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.video.container.facts import Facts
from screener.video.ledger import Complaints
from screener.video.readers.nvdec_card import CARD_FORMAT
from screener.video.readers.pyav import PyAVReader
from screener.video.readers.whole_frames import Decoded

CODECS = frozenset({"h264", "hevc", "vp9"})
"""Codecs that FFmpeg parses as it does for the CPU and that are slow there. AV1 is missing because PyAV decodes it with dav1d, which has no
hardware support.
"""

PIXEL_FORMATS = frozenset({"yuv420p", "yuvj420p", "yuv420p10le", "yuv420p12le"})


class NvdecReader(PyAVReader):
    """Sequential reader of one stream of a container that was opened on the card. has_failed: it ended before the stream did."""

    name = "nvdec"

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        facts: Facts,
        complaints: Complaints,
        *,
        shown_name: str,
        max_pixels: int,
    ) -> None:
        super().__init__(container, stream, shown_name=shown_name, max_pixels=max_pixels)
        stream.codec_context.thread_count = 1  # the card does the work; more threads would only use more of its memory
        self._pixel_format, self._size_wh = facts.pixel_format, facts.size_wh
        self._complaints = complaints
        self.has_failed = False

    def picture(self) -> NDArray[np.uint8] | None:
        """Same pixels as from the CPU: the planes are first rearranged into the CPU decoder's layout, because FFmpeg converts the card's
        layout to slightly different colours.
        """
        if self._frame is None:
            return None
        try:
            planar = self._frame.frame.reformat(format=self._pixel_format)
        except (FFmpegError, ValueError):
            return None
        return self._view.picture(replace(self._frame, frame=planar))

    def _decode(self) -> Iterator[Decoded]:
        for packet in self._packets():
            try:
                frames = list(self._stream.decode(packet))
            except FFmpegError:
                self.has_failed = True
                return
            if self._complaints.new():
                self.has_failed = True
                return
            for frame in frames:
                if not self._is_as_promised(frame):
                    self.has_failed = True
                    return
                yield self._seen(frame)

    def _is_as_promised(self, frame: VideoFrame) -> bool:
        """Whether the frame is on the card and has the header's size: if a picture is cropped at its left or top, a card shows another part
        of it.
        """
        return frame.format.name == CARD_FORMAT and (frame.width, frame.height) == self._size_wh


def can_read(facts: Facts) -> bool:
    """Whether the card can decode a file. Whether it may is decided by the policy."""
    return facts.codec in CODECS and facts.pixel_format in PIXEL_FORMATS
