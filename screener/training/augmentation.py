"""Augmented copies of a face crop: mirrored, slightly moved and scaled, brightened or darkened, recompressed.

Made from the picture before cropping and resizing, so that a copy is processed like the plain crop. Knows pixels and the crop contract.
Does not know labels: real and fake are augmented alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.model.preprocessing import Preprocessing, crop_face, cut_square, square_around

UInt8 = NDArray[np.uint8]

SURROUNDINGS = 1.5
"""Side of the area that is cut out first, relative to the crop's: enough for the largest move."""


@dataclass(frozen=True)
class Change:
    """How one copy differs. shift_xy: of the face box, relative to its longer side. scale: of the box.

    gain, bias: of the grey levels. jpeg_quality: of an additional compression, None for none.
    """

    mirrored: bool
    shift_xy: tuple[float, float]
    scale: float
    gain: float
    bias: float
    jpeg_quality: int | None


def draw_change(rng: np.random.Generator) -> Change:
    """A random change within the range that scans meet: other detectors' framing, lighting, and messengers' compression."""
    return Change(
        mirrored=bool(rng.random() < 0.5),
        shift_xy=(float(rng.uniform(-0.05, 0.05)), float(rng.uniform(-0.05, 0.05))),
        scale=float(rng.uniform(0.92, 1.1)),
        gain=float(rng.uniform(0.85, 1.15)),
        bias=float(rng.uniform(-15, 15)),
        jpeg_quality=int(rng.integers(50, 96)) if rng.random() < 0.7 else None,
    )


def changed_crop(picture_rgb: UInt8, box_xyxy: NDArray[np.floating[Any]], contract: Preprocessing, change: Change) -> UInt8:
    """Picture (H, W, 3) and face box -> (input_size, input_size, 3) crop of the changed picture."""
    centre_x, centre_y, side = square_around(box_xyxy, contract.crop_margin)
    around = cut_square(picture_rgb, centre_x, centre_y, side * SURROUNDINGS)
    # Rounded as in `cut_square`, so that the box keeps its place to the pixel.
    corner = np.array([round(centre_x - around.shape[0] / 2), round(centre_y - around.shape[0] / 2)] * 2, np.float32)
    box = np.asarray(box_xyxy, np.float32) - corner
    if change.mirrored:
        around = np.ascontiguousarray(around[:, ::-1])
        box = np.array([around.shape[1] - box[2], box[1], around.shape[1] - box[0], box[3]], np.float32)
    return crop_face(_relit(around, change), _moved(box, change), contract)


def _relit(picture: UInt8, change: Change) -> UInt8:
    table = np.clip(np.arange(256) * change.gain + change.bias, 0, 255).astype(np.uint8)
    lit = np.asarray(cv2.LUT(picture, table), np.uint8)
    if change.jpeg_quality is None:
        return lit
    _, data = cv2.imencode(".jpg", cv2.cvtColor(lit, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, change.jpeg_quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


def _moved(box: NDArray[np.float32], change: Change) -> NDArray[np.float32]:
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    centre = centre + np.array(change.shift_xy, np.float32) * float(2 * half.max())
    return np.concatenate([centre - half * change.scale, centre + half * change.scale]).astype(np.float32)
