"""How a face is cut out for training: closer or farther, a little off the middle, mirrored. Both of a pair are cut alike.

Knows faces and the crop rule. Does not know blending, degradation or labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from screener.model.preprocessing import resize_square
from screener.training.labelled_pictures import LabelledFace
from screener.training.self_blending import Face

ZOOM = (0.74, 1.12)
"""Of the crop margin. Some sets come in tight crops: the others must be tight at times too, or "tight" would mean these sets."""

SHIFT = 0.05
"""Most shift of the middle, in shares of the side."""


@dataclass(frozen=True)
class Framing:
    """zoom: times the margin. shift_xy: shares of the side. mirrored: left and right swapped."""

    zoom: float
    shift_xy: tuple[float, float]
    mirrored: bool


def draw_framing(rng: np.random.Generator) -> Framing:
    """A random zoom, shift and side."""
    return Framing(float(rng.uniform(*ZOOM)), (rng.uniform(-SHIFT, SHIFT), rng.uniform(-SHIFT, SHIFT)), bool(rng.random() < 0.5))


def framed(labelled: LabelledFace, framing: Framing, margin: float, most_px: float) -> Face:
    """The crop with its landmarks, brought down to `most_px` if it is larger."""
    face = labelled.crop(margin * framing.zoom, framing.shift_xy)
    side, most = face.crop_rgb.shape[0], round(most_px)
    if side > most:
        face = Face(resize_square(face.crop_rgb, most), face.landmarks_xy * (most / side))
    return face.mirrored() if framing.mirrored else face
