"""The recompressed copy of a crop that a score may be relative to.

Knows pixels and JPEG. Does not know networks or engines: `scoring.relative_engine` subtracts what the network says of the copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Reference:
    """How a checkpoint's logits are formed: that of the crop minus `weight` times that of its copy as JPEG of `quality`, 1 to 100.

    Weight and quality 0: the logit of the crop alone.
    """

    quality: int = 0
    weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.quality <= 100:
            raise ValueError(f"quality: expected a JPEG quality from 1 to 100, or 0 for no copy, got {self.quality}")
        if not 0 <= self.weight <= 1 or (self.weight > 0) != (self.quality > 0):
            raise ValueError(f"weight: expected above 0 and up to 1 with a copy, and 0 without, got {self.weight}")


NO_REFERENCE = Reference()


def recompressed(crops_rgb: UInt8, quality: int) -> UInt8:
    """(N, S, S, 3) RGB crops -> the same as JPEG of this quality, with colours at half resolution, decoded again."""
    return np.stack([_as_jpeg(crop, quality) for crop in crops_rgb]) if len(crops_rgb) else crops_rgb


def _as_jpeg(crop_rgb: UInt8, quality: int) -> UInt8:
    data = cv2.imencode(".jpg", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
