"""How long a source has been sending one and the same picture: a frozen camera goes on sending. Pure."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

GRID_WH = (64, 36)
CELL_TOLERANCE = 0.75
"""Grey levels by which the mean of a cell may differ: as much as encoding the same picture once more makes of it."""

SAME_SHARE = 0.5
"""Share of the frames that must be the very frame before, bit by bit: an empty room keeps its cells too, but not the camera's noise."""


class Stillness:
    """Watches the frames of one connection, in order."""

    def __init__(self) -> None:
        self._checksum: int | None = None
        self._cells: NDArray[np.float32] | None = None
        self._since = 0.0
        self._frames = 0
        self._same = 0

    def unchanged_seconds(self, picture_rgb: NDArray[np.uint8], seconds: float) -> float:
        """For how long the picture (H, W, 3), which came at `seconds`, has not changed; 0 for a new one."""
        checksum = zlib.crc32(np.ascontiguousarray(picture_rgb).data, picture_rgb.shape[0])
        # In two steps: whole numbers are precise enough for small cells, whose means are then taken without rounding.
        small = cv2.resize(picture_rgb, (4 * GRID_WH[0], 4 * GRID_WH[1]), interpolation=cv2.INTER_AREA).mean(-1, dtype=np.float32)
        grey = np.asarray(cv2.resize(small, GRID_WH, interpolation=cv2.INTER_AREA), np.float32)
        same = checksum == self._checksum
        self._checksum = checksum
        if self._cells is None or float(np.abs(grey - self._cells).max()) > CELL_TOLERANCE:
            self._cells, self._since, self._frames, self._same = grey, seconds, 0, 0
            return 0.0
        self._frames += 1
        self._same += same
        return seconds - self._since if self._same >= SAME_SHARE * self._frames else 0.0
