"""Scores each crop against a strongly recompressed copy of itself, around any engine.

The logit of the copy says what the network makes of the person, the light and the softness of the picture alone, because recompression
removes the fine traces of a forgery and leaves these. What is left after subtracting it can be compared between sources: without it, clips
of one source lie together, real or not. Knows engines and JPEG. Does not know networks or checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.scoring.engine import BeginningEngine, Engine, LogitsAndMaps, Pictures


class RelativeEngine:
    """An engine whose logits are the difference of another's. The maps are those of the crops."""

    def __init__(self, engine: Engine, quality: int) -> None:
        """quality: of the JPEG copies, 1 to 100."""
        self._engine, self._quality = engine, quality
        self.name, self.device, self.dtype_name = engine.name, engine.device, engine.dtype_name
        self.keeps_in_flight = isinstance(engine, BeginningEngine) and engine.keeps_in_flight

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """See `Engine.logits`."""
        return self.begin(crops_rgb, locate=False)()[0]

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See `Engine.logits_and_maps`."""
        logits, maps = self.begin(crops_rgb, locate=True)()
        assert maps is not None
        return logits, maps

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """See `BeginningEngine.begin`; an engine that is none has finished when this returns."""
        both = self._with_copies(np.asarray(pictures_rgb))
        if isinstance(self._engine, BeginningEngine):
            fetch = self._engine.begin(both, locate)
        else:
            answers = self._engine.logits_and_maps(both) if locate else (self._engine.logits(both), None)

            def fetch() -> LogitsAndMaps:
                return answers

        def difference() -> LogitsAndMaps:
            logits, maps = fetch()
            of_crops, of_copies = np.split(logits, 2)
            return of_crops - of_copies, None if maps is None else maps[: len(of_crops)]

        return difference

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """See `Engine.bare_pass`: over the crops and their copies."""
        return self._engine.bare_pass(self._with_copies(crops_rgb))

    def _with_copies(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.concatenate([crops_rgb, recompressed(crops_rgb, self._quality)])


def relative(engine: Engine, quality: int) -> Engine:
    """The engine as a checkpoint's `reference_quality` wants it: unchanged for 0."""
    return RelativeEngine(engine, quality) if quality else engine


def recompressed(crops_rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """(N, S, S, 3) RGB crops -> the same as JPEG of this quality, with colours at half resolution, decoded again."""
    return np.stack([_as_jpeg(crop, quality) for crop in crops_rgb]) if len(crops_rgb) else crops_rgb


def _as_jpeg(crop_rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    data = cv2.imencode(".jpg", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
