"""Pictures of faces -> JPEG, also as data URIs to embed in a page. Knows OpenCV's encoder, nothing of verdicts."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

LONGEST_SIDE_PX = 224
JPEG_QUALITY = 90


def data_uri(picture_rgb: NDArray[np.uint8], longest_side_px: int = LONGEST_SIDE_PX) -> str:
    """(H, W, 3) uint8 RGB -> `jpeg_of` as `data:image/jpeg;base64,...`."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg_of(picture_rgb, longest_side_px)).decode("ascii")


def jpeg_of(picture_rgb: NDArray[np.uint8], longest_side_px: int = LONGEST_SIDE_PX) -> bytes:
    """(H, W, 3) uint8 RGB -> JPEG without chroma subsampling, reduced to at most that longest side. Raises ValueError.

    Chroma keeps its full resolution because colour fringes are a sign of a blended face.
    """
    if picture_rgb.ndim != 3 or picture_rgb.shape[2] != 3 or picture_rgb.dtype != np.uint8:
        raise ValueError(f"picture_rgb: expected (H, W, 3) uint8, got {picture_rgb.shape} {picture_rgb.dtype}")
    height, width = picture_rgb.shape[:2]
    scale = longest_side_px / max(height, width)
    if scale < 1:
        size_wh = max(1, round(width * scale)), max(1, round(height * scale))
        picture_rgb = np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"picture_rgb: a picture of {picture_rgb.shape} could not be encoded as JPEG")
    return bytes(encoded.tobytes())
