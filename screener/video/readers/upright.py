"""Decoded arrays -> (H, W, 3) uint8 RGB, upright, with square pixels. Pure; knows neither files nor decoders."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import SourceError


def check_pixels(width: int, height: int, max_pixels: int, name: str) -> None:
    """Raises SourceError `limit_pixels` for a picture larger than the limit; call it before the picture is decoded where possible."""
    if width * height > max_pixels:
        size = f"{width} x {height} pixels"
        raise SourceError("limit_pixels", f"{name}: pictures of {size} exceed the limit of {max_pixels}; raise max_pixels")


def bgr_as_rgb(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W), (H, W, 1), (H, W, 3) BGR or (H, W, 4) BGRA of uint8 or uint16 -> (H, W, 3) uint8 RGB. Alpha is dropped."""
    if picture.dtype == np.uint16:
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype != np.uint8:
        raise ValueError(f"picture: expected uint8 or uint16, got {picture.dtype}")
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.ascontiguousarray(np.repeat(picture.reshape(*picture.shape[:2], 1), 3, axis=2))
    # Turned round by NumPy's slices this takes forty times as long: as much as decoding the picture.
    order = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(picture, order), np.uint8)


def turned(picture_rgb: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Turned counterclockwise by a multiple of 90 degrees; other angles are left alone, as players do."""
    return np.ascontiguousarray(np.rot90(picture_rgb, degrees // 90)) if degrees % 90 == 0 and degrees % 360 else picture_rgb


def squared(picture_rgb: NDArray[np.uint8], sample_aspect_ratio: float, sideways: bool) -> NDArray[np.uint8]:
    """Stretched so that pixels are square. sample_aspect_ratio: of the coded picture, width over height. sideways: it was turned by 90."""
    height, width = picture_rgb.shape[:2]
    if sample_aspect_ratio == 1:
        return picture_rgb
    size_wh = (width, max(1, round(height * sample_aspect_ratio))) if sideways else (max(1, round(width * sample_aspect_ratio)), height)
    return np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
