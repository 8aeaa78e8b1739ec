"""Decoded arrays -> (H, W, 3) uint8 RGB, upright, with square pixels. Pure; knows neither files nor decoders."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.video.container.facts import Matrix

_ANGLE = 0.02  # about one degree


def bgr_as_rgb(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA of uint8 or uint16 -> (H, W, 3) uint8 RGB. Alpha is dropped."""
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype != np.uint8:
        raise ValueError(f"picture: expected uint8 or uint16, got {picture.dtype}")
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.ascontiguousarray(np.repeat(picture.reshape(*picture.shape[:2], 1), 3, axis=2))
    # Reversing the channels with NumPy's slices takes forty times as long, which is as much as decoding the picture.
    order = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(picture, order), np.uint8)


def upright(picture: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """(H, W, C) rotated and mirrored by a display matrix. Like players, ignores angles that are not a multiple of 90 degrees.

    A point (x, y) is shown at (a x + c y, b x + d y) (ISO/IEC 14496-12, section 8.3.2.3).
    """
    a, b, c, d = _directions(matrix)
    if a == d == 1:
        return picture
    if b and c:
        shown = picture.transpose(1, 0, 2)[::b, ::c]
    elif a and d:
        shown = picture[::d, ::a]
    else:
        return picture
    return np.ascontiguousarray(shown)


def lies_on_its_side(matrix: Matrix) -> bool:
    """Whether the matrix swaps width and height."""
    _, b, c, _ = _directions(matrix)
    return bool(b and c)


def _directions(matrix: Matrix) -> tuple[int, int, int, int]:
    """The four rotation entries, each -1, 0 or 1; all 0 for angles that are not right ones."""
    if len(matrix) != 9:
        return 1, 0, 0, 1
    four = (matrix[0], matrix[1], matrix[3], matrix[4])
    largest = max(map(abs, four)) or 1
    a, b, c, d = (0 if abs(value) < _ANGLE * largest else (1 if value > 0 else -1) for value in four)
    is_right = (a and d and not b and not c) or (b and c and not a and not d)
    return (a, b, c, d) if is_right else (0, 0, 0, 0)


def squared(picture_rgb: NDArray[np.uint8], sample_aspect_ratio: float, sideways: bool) -> NDArray[np.uint8]:
    """Stretched so that pixels are square. sample_aspect_ratio: width over height of a coded sample. sideways: the picture was rotated by
    90 degrees.
    """
    height, width = picture_rgb.shape[:2]
    if sample_aspect_ratio == 1:
        return picture_rgb
    size_wh = (width, max(1, round(height * sample_aspect_ratio))) if sideways else (max(1, round(width * sample_aspect_ratio)), height)
    return np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
