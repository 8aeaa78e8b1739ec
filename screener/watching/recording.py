"""The annotated pictures of a live watch -> a video file. Knows when a picture is worth another frame; the writing is `video_writer`'s."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from screener.encoding.video_writer import Mp4Writer

MOST_FPS = 30.0
"""A picture that comes sooner after the one before is left out: a recording need not be faster than what it shows."""


class Recorder:
    """Writes `path` (MP4, whatever the name ends in); it can be played as far as it was written.

    Pictures lie as far apart as they did in the watch; the video's own time starts with its first picture.
    """

    def __init__(self, path: Path) -> None:
        """An existing file is replaced. Raises OutputError."""
        self._writer = Mp4Writer(path)
        self._last_seconds: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def add(self, picture_rgb: NDArray[np.uint8], seconds: float) -> None:
        """(H, W, 3) uint8 RGB, seconds since the start of the watch. The first picture fixes the video's size. Raises OutputError."""
        if self._last_seconds is not None and seconds - self._last_seconds < 0.9 / MOST_FPS:
            return
        self._writer.add(picture_rgb, seconds)
        self._last_seconds = seconds

    def close(self) -> None:
        """Raises OutputError. A second call does nothing."""
        self._writer.close()
