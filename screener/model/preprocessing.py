"""Frame and box in, square face crop and normalised tensor out: the only preprocessing, used by scanning, live, training and evaluation.

Knows the contract (`Preprocessing`) that a checkpoint carries. Does not know where frames come from, how faces were found, or what the
network does with the result. Any change here changes every checkpoint's contract: raise `RULE_VERSION`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

RULE_VERSION = 1
"""Version of the cropping and resizing arithmetic below."""

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Preprocessing:
    """What happens to the pixels of a face before the network sees them.

    input_size: side of the network's square input, pixels.
    crop_margin: side of the crop over the longer side of the face box.
    mean_rgb, std_rgb: per-channel normalisation of values in [0, 1].
    colour_order: order of the channels that the network expects.
    resize_rule: name of the resampling rule; `area_or_linear` averages when it shrinks and interpolates when it enlarges.
    rule_version: version of this module's arithmetic.
    """

    input_size: int = 224
    crop_margin: float = 1.3
    mean_rgb: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std_rgb: tuple[float, float, float] = (0.229, 0.224, 0.225)
    colour_order: str = "rgb"
    resize_rule: str = "area_or_linear"
    rule_version: int = RULE_VERSION

    def __post_init__(self) -> None:
        if not 32 <= self.input_size <= 1024 or self.input_size % 16:
            raise ValueError(f"input_size: expected a multiple of 16 from 32 to 1024, got {self.input_size}")
        if not 1.0 <= self.crop_margin <= 3.0:
            raise ValueError(f"crop_margin: expected 1 to 3, got {self.crop_margin}")
        if len(self.mean_rgb) != 3 or not all(0.0 <= value <= 1.0 for value in self.mean_rgb):
            raise ValueError(f"mean_rgb: expected three values from 0 to 1, got {self.mean_rgb}")
        if len(self.std_rgb) != 3 or not all(0.0 < value <= 1.0 for value in self.std_rgb):
            raise ValueError(f"std_rgb: expected three values above 0 and up to 1, got {self.std_rgb}")
        if self.colour_order != "rgb" or self.resize_rule != "area_or_linear":
            raise ValueError(
                f"colour_order and resize_rule: expected rgb and area_or_linear, got {self.colour_order!r} and {self.resize_rule!r}"
            )
        if self.rule_version != RULE_VERSION:
            raise ValueError(f"rule_version: this screener crops by version {RULE_VERSION}, the checkpoint by {self.rule_version}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as stored in checkpoints."""
        return asdict(self)


def square_around(box_xyxy: NDArray[np.floating[Any]], margin: float) -> tuple[float, float, float]:
    """Face box -> (centre x, centre y, side) of the square crop, in pixels of the frame."""
    x0, y0, x1, y1 = (float(v) for v in box_xyxy)
    return (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * margin


def cut_square(picture: UInt8, centre_x: float, centre_y: float, side: float) -> UInt8:
    """The square of `picture` (H, W, 3) at its own resolution, as a (side, side, 3) copy; outside the picture the content is mirrored.

    The square is rounded to whole pixels and never smaller than 2 x 2.
    """
    height, width = picture.shape[:2]
    whole = max(2, round(side))
    left, top = round(centre_x - whole / 2), round(centre_y - whole / 2)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + whole, width), min(top + whole, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"square at ({left}, {top}) of side {whole} lies outside the {width} x {height} picture")
    inside = picture[y0:y1, x0:x1]
    missing = (y0 - top, top + whole - y1, x0 - left, left + whole - x1)
    if not any(missing):
        return inside.copy()
    # Mirroring creates no hard edge, which a detector of blending would react to; a one-pixel strip can only be repeated.
    border = cv2.BORDER_REFLECT_101 if min(inside.shape[:2]) > 1 else cv2.BORDER_REPLICATE
    return np.asarray(cv2.copyMakeBorder(inside, *missing, border), np.uint8)


def resize_square(square: UInt8, size: int) -> UInt8:
    """(s, s, 3) -> (size, size, 3) by the rule `area_or_linear`."""
    if square.shape[0] == size:
        return square
    interpolation = cv2.INTER_AREA if square.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation), np.uint8)


def crop_face(frame_rgb: UInt8, box_xyxy: NDArray[np.floating[Any]], contract: Preprocessing) -> UInt8:
    """Full-size frame (H, W, 3) and face box -> (input_size, input_size, 3) uint8 crop, RGB."""
    return resize_square(cut_square(frame_rgb, *square_around(box_xyxy, contract.crop_margin)), contract.input_size)


def normalise(crops_rgb: UInt8, contract: Preprocessing) -> Float32:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) float32 as the network expects it, in channels-last memory order."""
    mean = np.asarray(contract.mean_rgb, np.float32) * 255.0
    scale = 1.0 / (np.asarray(contract.std_rgb, np.float32) * 255.0)
    normalised: Float32 = (crops_rgb.astype(np.float32) - mean) * scale
    return normalised.transpose(0, 3, 1, 2)


def sharpness(crop_rgb: UInt8) -> float:
    """Variance of the Laplacian of the grey crop, in squared grey levels; low means blurred (Pech-Pacheco et al. 2000)."""
    return float(cv2.Laplacian(cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
