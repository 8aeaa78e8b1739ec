"""Frames in order through OpenCV, the reader of first choice. The only user of cv2.VideoCapture.

It cannot tell whether the end it reaches is the real one, which picture was damaged when its decoder reports an error, or whether a picture
reported as decoded was written at all. The caller has to find that out.
"""

from __future__ import annotations

import os
import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.video.container.opening import check_pixels
from screener.video.readers.reader import DECODER_THREADS
from screener.video.readers.upright import bgr_as_rgb, squared

_ATTEMPTS = 64
_ATTEMPTS_LIMIT = 100_000
_OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_opening = threading.Lock()

# A still picture with a long audio track needs more reads between two frames than OpenCV's default of 4096. OpenCV reads this variable
# once, at first use.
os.environ.setdefault("OPENCV_FFMPEG_READ_ATTEMPTS", str(10_000_000))


class OpenCVReader:
    """Sequential reader of a file, an address or a camera. Raises SourceError `unsupported_codec` if OpenCV cannot open it."""

    name = "opencv"
    is_sound = True

    def __init__(
        self,
        target: bytes | str | int,
        options: dict[str, str],
        *,
        shown_name: str,
        max_pixels: int,
        origin_seconds: float | None = 0.0,
        sample_aspect_ratio: float | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """options: FFmpeg's, such as the white lists. origin_seconds: the container time that OpenCV counts from; None if unknown.
        sample_aspect_ratio: of the coded picture; None uses OpenCV's value. timeout_seconds: for opening and for each read.
        """
        self._capture = _open(target, options, timeout_seconds)
        if not self._capture.isOpened():
            raise SourceError("unsupported_codec", f"{shown_name}: OpenCV cannot open it")
        self._shown_name = shown_name
        self._max_pixels = max_pixels
        self._origin_seconds = origin_seconds
        self._sideways = int(self._capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 == 90
        self._ratio = self._ratio_of_capture() if sample_aspect_ratio is None else sample_aspect_ratio
        self.frames_expected: int | None = None
        self.frames_read = 0
        self.faults = 0  # its decoders report damage in the log only

    @property
    def fps(self) -> float:
        """Frames per second according to OpenCV."""
        return float(self._capture.get(cv2.CAP_PROP_FPS))

    def grab(self) -> bool:
        """Step to the next frame; False at the end. OpenCV also returns False for a lost frame, so it is asked again once for each frame
        still expected.
        """
        attempts = 1
        if self.frames_expected is not None:
            attempts = min(_ATTEMPTS + max(0, self.frames_expected - self.frames_read), _ATTEMPTS_LIMIT)
        for _ in range(attempts):
            if self._capture.grab():
                self.frames_read += 1
                return True
        return False

    @property
    def seconds(self) -> float | None:
        """Presentation time of the frame in container time; None if unknown, which OpenCV reports as 0."""
        milliseconds = float(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        if self._origin_seconds is None or (milliseconds == 0 and self.frames_read > 1):
            return None
        return self._origin_seconds + milliseconds / 1000

    def picture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB of the frame, upright, with square pixels; None if it cannot be retrieved."""
        width, height = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        check_pixels(width, height, self._max_pixels, self._shown_name)
        retrieved, picture = self._capture.retrieve()
        if not retrieved or picture is None or not picture.size:
            return None
        return squared(bgr_as_rgb(picture), self._ratio, self._sideways)

    def close(self) -> None:
        """Release the capture."""
        self._capture.release()

    def _ratio_of_capture(self) -> float:
        width, height = self._capture.get(cv2.CAP_PROP_SAR_NUM), self._capture.get(cv2.CAP_PROP_SAR_DEN)
        ratio = width / height if width > 0 and height > 0 else 1.0
        return ratio if 0.125 <= ratio <= 8 else 1.0


def _open(target: bytes | str | int, options: dict[str, str], timeout_seconds: float | None) -> cv2.VideoCapture:
    if isinstance(target, int):
        return cv2.VideoCapture(target, cv2.CAP_ANY)
    parameters = [cv2.CAP_PROP_N_THREADS, DECODER_THREADS]
    if timeout_seconds is not None:
        milliseconds = int(timeout_seconds * 1000)
        parameters += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    with _opening:  # OpenCV takes FFmpeg's options only from the environment, which all threads share
        before = os.environ.get(_OPTIONS_VARIABLE)
        os.environ[_OPTIONS_VARIABLE] = "|".join(f"{key};{value}" for key, value in options.items())
        try:
            # Bytes, because a name that is not UTF-8 given as str would end the interpreter.
            return cv2.VideoCapture(target, cv2.CAP_FFMPEG, parameters)  # type: ignore[arg-type]
        finally:
            if before is None:
                del os.environ[_OPTIONS_VARIABLE]
            else:
                os.environ[_OPTIONS_VARIABLE] = before
