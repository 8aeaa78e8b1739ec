"""The recompressed, possibly shrunk copy of a crop that a score may be relative to.

Knows pixels and JPEG. Does not know networks or engines: `scoring.relative_engine` subtracts what the network says of the copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.model.architecture import STRIDE

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Reference:
    """How a checkpoint's logits are formed: that of the crop minus `weight` times that of its copy as JPEG of `quality`, 1 to 100, which is
    then shrunk to `side` pixels.

    Side 0: the copy keeps the crop's size. Weight and quality 0: the logit of the crop alone.
    """

    quality: int = 0
    weight: float = 0.0
    side: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.quality <= 100:
            raise ValueError(f"quality: expected a JPEG quality from 1 to 100, or 0 for no copy, got {self.quality}")
        if not 0 <= self.weight <= 1 or (self.weight > 0) != (self.quality > 0):
            raise ValueError(f"weight: expected above 0 and up to 1 with a copy, and 0 without, got {self.weight}")
        if self.side and (not self.quality or self.side % STRIDE or not 2 * STRIDE <= self.side <= 1024):
            raise ValueError(f"side: expected a multiple of {STRIDE} from {2 * STRIDE} to 1024 with a copy, or 0, got {self.side}")

    @property
    def copy_in_words(self) -> str:
        """Of one crop, such as `its copy as JPEG of quality 20, shrunk to 112 pixels`."""
        return f"its copy as JPEG of quality {self.quality}" + (f", shrunk to {self.side} pixels" if self.side else "")


NO_REFERENCE = Reference()


def recompressed(crops_rgb: UInt8, reference: Reference) -> UInt8:
    """(N, S, S, 3) RGB crops, at least one -> their copies, as JPEG with colours at half resolution, decoded again: (N, side, side, 3)."""
    copies = (_as_jpeg(crop, reference.quality) for crop in crops_rgb)
    side = reference.side or crops_rgb.shape[1]
    return np.stack([np.asarray(cv2.resize(copy, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for copy in copies])


def _as_jpeg(crop_rgb: UInt8, quality: int) -> UInt8:
    data = cv2.imencode(".jpg", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
