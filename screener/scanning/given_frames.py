"""Pictures that a program has in memory, in place of a decoded video. All of them are judged; the caller has chosen them.

Does not know where the pictures come from, so nothing is known about the rest of their source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import replace
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import SettingsError, SourceError
from screener.records import Frame, VideoFacts
from screener.settings.checks import above_zero
from screener.video.frame_rates import nearest_rate


class GivenFrames:
    """The stages' interface of a video, for pictures in memory: `frames`, `facts`, `expected_frames`, `close`."""

    def __init__(self, pictures: Iterable[NDArray[np.uint8] | Frame], fps: float | Fraction, max_pixels: int) -> None:
        """pictures: (H, W, 3) uint8, RGB, upright, `1 / fps` seconds apart; or `Frame`s, which have their own times."""
        # PyAV's rates are fractions, or None where a file states none.
        rate = float(fps) if isinstance(fps, Real) and not isinstance(fps, bool) else fps
        if rate is None:
            raise SettingsError("fps: expected a number above 0, got None")
        above_zero("fps", rate)
        self._pictures, self._fps, self._max_pixels = pictures, rate, max_pixels
        self._count, self._sizes, self._end_seconds, self._closed = 0, [(0, 0)], 0.0, False
        self._before: tuple[float, int] | None = None
        self.expected_frames = len(pictures) if isinstance(pictures, Sized) else None

    def __enter__(self) -> GivenFrames:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def facts(self) -> VideoFacts:
        """What is known so far; final once `frames` has ended."""
        return VideoFacts(
            duration_seconds=self._end_seconds,
            size_wh=self._sizes[-1],
            fps=self._fps,
            reader="given",
            frame_rate=str(nearest_rate(self._fps)),
            is_still=self._count == 1,
            frames_decoded=self._count,
            frames_sampled=self._count,
            warnings=("resolution_change",) if len(self._sizes) > 2 else (),
        )

    @property
    def origin(self) -> dict[str, Any]:
        """Pictures in memory say nothing of where they come from."""
        return {}

    def frames(self) -> Iterator[Frame]:
        """Each picture once. Raises SettingsError for one that is none or out of order, and SourceError if there are none."""
        for given in self._pictures:
            if self._closed:
                return
            frame = self._frame(given)
            if frame.size_wh != self._sizes[-1]:
                self._sizes.append(frame.size_wh)
            self._count += 1
            self._end_seconds = max(self._end_seconds, frame.pts_seconds + 1 / self._fps)
            yield frame
        if not self._count:
            raise SourceError("empty", "frames: there is no picture among them")

    def close(self) -> None:
        """End a running `frames` at its next picture."""
        self._closed = True

    def _frame(self, given: NDArray[np.uint8] | Frame) -> Frame:
        try:
            frame = given if isinstance(given, Frame) else Frame(given, self._count / self._fps, self._count)
        except ValueError as error:
            raise SettingsError(f"frames: picture {self._count}: {error}") from error
        if frame.size_wh[0] * frame.size_wh[1] > self._max_pixels:
            raise SettingsError(f"frames: picture {self._count}: has more than {self._max_pixels:,} pixels, see max_pixels")
        self._require_order(frame)
        # A copy: reading is ahead of judging, and a program may read its next picture into the same array.
        return replace(frame, picture_rgb=frame.picture_rgb.copy())

    def _require_order(self, frame: Frame) -> None:
        """People are followed in order of time, and what is judged of a frame is kept under its index."""
        if self._before is not None and (frame.pts_seconds < self._before[0] or frame.index <= self._before[1]):
            raise SettingsError(
                f"frames: picture {self._count}: index {frame.index} at {frame.pts_seconds:g} seconds comes after index "
                f"{self._before[1]} at {self._before[0]:g} seconds; give each frame an index of its own, and all in order of time"
            )
        self._before = frame.pts_seconds, frame.index
