"""Two pictures of one moment -> how much they differ, cell by cell, relative to the effect of encoding. Pure.

Encoding changes a picture everywhere, and more so where it has more detail; replacing a face changes only the face. The effect of encoding
is fitted on the rest of the same pictures: difference as a function of detail ("liveliness"). The difference of a face is then a factor,
where 1 is what the rest of the picture predicts. Does not know faces, time or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

WORKING_PX = 640
"""Pictures are compared at a size of at most this longer side."""

CELL_PX = 8
_BLUR_PX = 1.2
"""Sigma of the smoothing, because finer detail differs through encoding alone."""

_LEVELS = 8
LEAST_DIFFERENCE = 0.35
"""Smallest expected difference in grey levels, as between two encodings of a flat wall."""


@dataclass(frozen=True, eq=False)
class CellMap:
    """A picture in cells. differences, liveliness: (rows, columns) float32, grey levels. scale: cells per pixel of A's picture, x and y."""

    differences: Float32
    liveliness: Float32
    scale: tuple[float, float]


def common_size(a_wh: tuple[int, int], b_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height at which two pictures are compared: those of the smaller one, limited and rounded to whole cells."""
    width, height = min(a_wh, b_wh)
    scale = min(1.0, WORKING_PX / max(width, height))
    return tuple(max(2 * CELL_PX, round(side * scale / CELL_PX) * CELL_PX) for side in (width, height))  # type: ignore[return-value]


def grid_shape(common_wh: tuple[int, int], a_wh: tuple[int, int]) -> tuple[tuple[int, int], tuple[float, float]]:
    """Rows and columns of cells at a common size, and cells per pixel of A's picture, x and y."""
    columns, rows = (side // CELL_PX for side in common_wh)
    return (rows, columns), (columns / a_wh[0], rows / a_wh[1])


def cell_map(a_rgb: UInt8, b_rgb: UInt8, outside: NDArray[np.bool_] | None = None) -> CellMap:
    """(H, W, 3) and (h, w, 3) uint8 of one moment -> their differences, after aligning B with A in position and in levels.

    outside: (rows, columns) mask of the cells used for this alignment; all cells by default.
    """
    width, height = common_size((a_rgb.shape[1], a_rgb.shape[0]), (b_rgb.shape[1], b_rgb.shape[0]))
    a, b = (_smooth(picture, (width, height)) for picture in (a_rgb, b_rgb))
    b = _moved(a, b)
    use = np.ones((height, width), np.bool_) if outside is None else np.kron(outside, np.ones((CELL_PX, CELL_PX))).astype(np.bool_)
    b = _levelled(a, b, use)
    grey = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)
    steepness = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 4, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 4)
    _, scale = grid_shape((width, height), (a_rgb.shape[1], a_rgb.shape[0]))
    return CellMap(_cells(np.abs(a - b).mean(2)), _cells(np.asarray(steepness, np.float32)), scale)


def cells_of(
    box_xyxy: NDArray[np.floating], shape: tuple[int, int], scale: tuple[float, float], margin: float = 0.0
) -> tuple[slice, slice]:
    """Rows and columns of the cells covered by a box in A's pixels, at least one of each. margin: on every side, as a share of its size."""
    x0, y0, x1, y1 = (float(v) for v in box_xyxy)
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    columns = _span((x0 - dx) * scale[0], (x1 + dx) * scale[0], shape[1])
    return _span((y0 - dy) * scale[1], (y1 + dy) * scale[1], shape[0]), columns


@dataclass(frozen=True)
class Expectation:
    """Expected difference between two encodings as a function of liveliness: a line through medians. Made by `learnt_from`."""

    base: float
    slope: float

    def of(self, liveliness: Float32) -> Float32:
        """(...,) grey levels -> (...,) grey levels, at least LEAST_DIFFERENCE."""
        return np.asarray(np.maximum(LEAST_DIFFERENCE, self.base + self.slope * liveliness), np.float32)


def learnt_from(differences: Float32, liveliness: Float32) -> Expectation:
    """Fit on (n,) cells outside of faces. Robust: up to half of the cells may have been changed."""
    if len(differences) < 2 * _LEVELS:
        return Expectation(float(np.median(differences)) if len(differences) else LEAST_DIFFERENCE, 0.0)
    order = np.array_split(np.argsort(liveliness), _LEVELS)
    x = np.array([np.median(liveliness[group]) for group in order])
    y = np.array([np.median(differences[group]) for group in order])
    slopes = [(y[j] - y[i]) / (x[j] - x[i]) for i in range(_LEVELS) for j in range(i + 1, _LEVELS) if x[j] > x[i]]
    slope = max(0.0, float(np.median(slopes))) if slopes else 0.0  # Theil and Sen's
    return Expectation(float(np.median(y - slope * x)), slope)


def _span(low: float, high: float, count: int) -> slice:
    first = min(max(0, round(low)), count - 1)
    return slice(first, min(count, max(first + 1, round(high))))


def _smooth(picture_rgb: UInt8, size_wh: tuple[int, int]) -> Float32:
    height, width = picture_rgb.shape[:2]
    way = cv2.INTER_AREA if size_wh[0] <= width else cv2.INTER_LINEAR
    small = picture_rgb if (width, height) == size_wh else cv2.resize(picture_rgb, size_wh, interpolation=way)
    return np.asarray(cv2.GaussianBlur(small.astype(np.float32), (0, 0), _BLUR_PX), np.float32)


def _moved(a: Float32, b: Float32) -> Float32:
    """B shifted to undo the sub-pixel offset that scaling and chroma subsampling leave between two encodings."""
    grey_a, grey_b = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (a, b))
    window = cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_32F)
    (dx, dy), response = cv2.phaseCorrelate(grey_a, grey_b, window)
    if response < 0.1 or max(abs(dx), abs(dy)) > CELL_PX / 2 or max(abs(dx), abs(dy)) < 0.02:
        return b
    move = np.array([[1, 0, -dx], [0, 1, -dy]], np.float64)
    return np.asarray(
        cv2.warpAffine(b, move, (a.shape[1], a.shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _levelled(a: Float32, b: Float32, use: NDArray[np.bool_]) -> Float32:
    """B with the brightness and contrast of A, fitted per channel on the pixels in `use`."""
    levelled = np.empty_like(b)
    for channel in range(3):
        x, y = b[..., channel][use], a[..., channel][use]
        spread = float(x.std())
        gain = float(np.clip(((x - x.mean()) * (y - y.mean())).mean() / spread**2, 0.5, 2.0)) if spread > 1 else 1.0
        levelled[..., channel] = (b[..., channel] - x.mean()) * gain + y.mean()
    return levelled


def _cells(values: Float32) -> Float32:
    height, width = values.shape
    return np.asarray(cv2.resize(values, (width // CELL_PX, height // CELL_PX), interpolation=cv2.INTER_AREA), np.float32)
