"""Records the annotated pictures of a live watch to a video file. Decides which pictures become frames; `video_writer` writes them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from screener.encoding.video_writer import Mp4Writer

MOST_FPS = 30.0
"""A picture that follows the previous one faster than this is skipped."""


class Recorder:
    """Writes `path` (MP4, whatever its suffix), which stays playable up to the last written frame if the program dies.

    Pictures keep their times in the watch; the video starts with the first picture.
    """

    def __init__(self, path: Path) -> None:
        """The first picture replaces an existing file. Raises OutputError, also if the file cannot be written."""
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
        """Finish the file. A second call does nothing. Raises OutputError."""
        self._writer.close()
