"""Reads the screen, or a rectangle of it, as a live source: for calls whose program gives its picture to nobody. Needs the extra `screen`.

Knows the library that takes screenshots. Does not know windows: what lies over the rectangle is in the picture too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError
from screener.settings import LiveSettings
from screener.video.ledger import Complaints
from screener.video.live.arrivals import Arrival
from screener.video.live.reconnecting import NothingToRetry
from screener.video.live.screen_area import ScreenArea
from screener.video.sources import Source


class ScreenCapture:
    """The screen, taken as often as frames are wanted. Raises SourceError where it cannot be read."""

    finite = False
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    lost = 0
    reader = "screen"

    def __init__(self, source: Source, settings: LiveSettings, complaints: Complaints, alive: Callable[[], None]) -> None:
        try:
            import mss
            from mss.exception import ScreenShotError
        except ImportError as error:
            raise NothingToRetry("unsupported_codec", f"{source.name}: needs mss: pip install 'screener-video[screen]'") from error
        area = ScreenArea.named(str(source.target))
        assert area is not None
        self.fps = settings.picture_fps
        try:
            self._screens = mss.MSS()
            self._rectangle = _on(self._screens.monitors, area, source.name, settings.max_pixels)
            self._grab()
        except ScreenShotError as error:
            raise NothingToRetry("not_found", f"{source.name}: no screen can be read here: {error}") from error

    def arrivals(self) -> Iterator[Arrival]:
        """Yield at the rate at which pictures are wanted; each is taken when it is asked for, so that it is never an old one."""
        index, due = 0, time.monotonic()
        while True:
            due = max(due + 1 / self.fps, time.monotonic())
            yield Arrival(index, None, self._grab)
            index += 1
            time.sleep(max(0.0, due - time.monotonic()))

    def _grab(self) -> NDArray[np.uint8]:
        shot = self._screens.grab(self._rectangle)
        pixels = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return np.ascontiguousarray(pixels[:, :, 2::-1])  # BGRA

    def close(self) -> None:
        """Give the screen back."""
        self._screens.close()


def _on(monitors: list[dict[str, int]], area: ScreenArea, name: str, max_pixels: int) -> dict[str, int]:
    """The area in the coordinates of all screens together. monitors: the first is all of them. Raises SourceError."""
    screens = monitors[1:]
    if area.number >= len(screens):
        raise NothingToRetry("not_found", f"{name}: there is no such screen; this machine has {len(screens)}, counted from 0")
    screen = screens[area.number]
    left, top, width, height = area.place_xywh or (0, 0, screen["width"], screen["height"])
    if width < 1 or height < 1 or left < 0 or top < 0 or left + width > screen["width"] or top + height > screen["height"]:
        raise NothingToRetry("not_found", f"{name}: lies outside the screen, which has {screen['width']}x{screen['height']} pixels")
    if width * height > max_pixels:
        raise SourceError("limit_pixels", f"{name}: has {width}x{height} pixels, more than the {max_pixels:,} that are allowed")
    return {"left": screen["left"] + left, "top": screen["top"] + top, "width": width, "height": height}
