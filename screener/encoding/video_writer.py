"""Writes pictures with their times to an MP4 file that stays playable up to the last written fragment, whatever happens to the program.

Knows PyAV. Does not know what the pictures show. The file is written in fragments of a second under its final name: a temporary name, as
for reports, would leave nothing to play after a crash, and a recording cannot be repeated.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from screener.errors import OutputError

FRAGMENT_SECONDS = 1.0
"""How much of the recording a crash may cost."""

LONGEST_SIDE_PX = 1920
"""Larger pictures are reduced to this, so that encoding does not take the CPU time that judging needs."""

_TIME_BASE = Fraction(1, 1000)
_LONGEST_TICKS = 12 * 3600 * 1000
"""Longest time between two pictures: MP4 stores it in 31 bits, which are 37 hours, and the file's times would be wrong after more."""

_KEY_FRAMES = 50  # at most this many pictures between key frames, so that players can seek
_OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "crf": "23"}
_CONTAINER_OPTIONS = {
    "movflags": "empty_moov+default_base_moof",
    "frag_duration": str(round(FRAGMENT_SECONDS * 1e6)),
    "flush_packets": "1",
}


class Mp4Writer:
    """H.264 in fragmented MP4. The first picture fixes the size; later ones of another size are fitted in, with black bars."""

    def __init__(self, path: Path) -> None:
        """The first picture replaces an existing file. Raises OutputError, also if the file cannot be written."""
        self._path = path
        self._is_new = not os.path.lexists(path)
        self._first_seconds = 0.0
        self._last_tick = -1
        self._closed = False
        self._size_wh: tuple[int, int] | None = None
        self._shown: av.VideoFrame | None = None
        try:
            # PyAV empties the file only when the first picture is encoded. Until then an earlier recording must stay, because there may
            # never be a picture.
            self._container = av.open(str(path), "w", format="mp4", options=_CONTAINER_OPTIONS)
            self._stream = self._container.add_stream("libx264", options=_OPTIONS)
            with open(path, "ab"):  # whether the file can be written is known only once it was opened
                pass
        except (OSError, FFmpegError, ValueError) as error:
            raise self._failure(error) from error

    def add(self, picture_rgb: NDArray[np.uint8], seconds: float) -> None:
        """Append (H, W, 3) uint8 RGB, shown from `seconds` on. The video starts with its first picture.

        A time that is not after the previous one is moved to just after it. Raises OutputError.
        """
        if self._size_wh is None:
            self._begin(picture_rgb)
            self._first_seconds = seconds
        assert self._size_wh is not None
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(fitted(picture_rgb, self._size_wh)), format="rgb24")
        tick = max(self._last_tick + 1, round((seconds - self._first_seconds) / _TIME_BASE))
        while self._shown is not None and tick - self._last_tick > _LONGEST_TICKS:
            self._encode(self._shown, self._last_tick + _LONGEST_TICKS)
        self._encode(frame, tick)
        self._shown = frame

    def close(self) -> None:
        """Write what is left. Without pictures, everything stays as it was. A second call does nothing. Raises OutputError."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._size_wh is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except (OSError, FFmpegError) as error:
            raise self._failure(error) from error
        if self._size_wh is None and self._is_new:
            with suppress(OSError):
                self._path.unlink()

    def _begin(self, picture_rgb: NDArray[np.uint8]) -> None:
        height, width = picture_rgb.shape[:2]
        scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
        # Chroma has half the resolution, so the size must be even.
        self._size_wh = max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)
        self._stream.width, self._stream.height = self._size_wh
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.codec_context.gop_size = _KEY_FRAMES
        self._stream.codec_context.thread_count = 1

    def _encode(self, frame: av.VideoFrame, tick: int) -> None:
        self._last_tick = tick
        frame.pts, frame.time_base = tick, _TIME_BASE
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, FFmpegError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> OutputError:
        why = getattr(error, "strerror", None) or str(error)
        return OutputError(f"{self._path}: the recording cannot be written: {why}; check the folder, its permissions and the free space")


def fitted(picture_rgb: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """The whole picture, as large as fits into `size_wh`, centred on black."""
    height, width = picture_rgb.shape[:2]
    if (width, height) == size_wh:
        return picture_rgb
    scale = min(size_wh[0] / width, size_wh[1] / height)
    inner_wh = max(1, min(size_wh[0], round(width * scale))), max(1, min(size_wh[1], round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    x, y = (size_wh[0] - inner_wh[0]) // 2, (size_wh[1] - inner_wh[1]) // 2
    canvas[y : y + inner_wh[1], x : x + inner_wh[0]] = cv2.resize(picture_rgb, inner_wh, interpolation=way)
    return canvas
