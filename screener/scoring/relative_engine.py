"""Scores each crop relative to a strongly recompressed copy of itself, around any engine.

The logit of the copy says what the network makes of the person, the light and the softness of the picture, because recompression removes
the fine traces of a forgery and leaves these. Without subtracting a part of it, clips of one source lie together, real or not. Knows
engines. Does not know networks or checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from screener.model.reference import NO_REFERENCE, Reference, recompressed
from screener.scoring.engine import BeginningEngine, ByBeginning, Engine, LogitsAndMaps, Pictures, begun


class RelativeEngine(ByBeginning):
    """An engine whose logits are differences of another's. The maps are those of the crops."""

    def __init__(self, engine: Engine, reference: Reference) -> None:
        self._engine, self._reference = engine, reference
        self.name, self.device, self.dtype_name = engine.name, engine.device, engine.dtype_name
        self.keeps_in_flight = isinstance(engine, BeginningEngine) and engine.keeps_in_flight

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        """See `BeginningEngine.begin`."""
        crops = np.ascontiguousarray(pictures_rgb)
        of_crops = begun(self._engine, crops, locate)
        of_copies = begun(self._engine, recompressed(crops, self._reference), locate=False)

        def difference() -> LogitsAndMaps:
            logits, maps = of_crops()
            return logits - self._reference.weight * of_copies()[0], maps

        return difference

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """See `Engine.bare_pass`: over the crops and over their copies."""
        passes = [self._engine.bare_pass(pictures) for pictures in (crops_rgb, recompressed(crops_rgb, self._reference))]
        return lambda: [run() for run in passes]


def relative(engine: Engine, reference: Reference) -> Engine:
    """The engine as a checkpoint's `reference` wants it: unchanged if there is none."""
    return engine if reference == NO_REFERENCE else RelativeEngine(engine, reference)
