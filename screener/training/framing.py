"""Random framing of faces for training: zoom, shift and mirroring, the same for both pictures of a pair.

Knows faces and the crop rule. Does not know blending, degradation or labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from screener.model.preprocessing import resize_square
from screener.training.labelled_pictures import LabelledFace
from screener.training.self_blending import Face

ZOOM = (0.74, 1.18)
"""Range of factors on the crop margin. Some data sets contain tight crops, so the others must be tight at times too, or tightness would
reveal the set.
"""

TIGHTEST = 0.88
"""Pictures that are too small for the margin are cropped to between this share of their side, at the lowest zoom, and all of it."""

SHIFT = 0.05
"""Maximum shift of the centre, relative to the side."""


@dataclass(frozen=True)
class Framing:
    """zoom: factor on the margin. shift_xy: relative to the side. mirrored: left and right swapped."""

    zoom: float
    shift_xy: tuple[float, float]
    mirrored: bool


def draw_framing(rng: np.random.Generator) -> Framing:
    """A random zoom, shift and mirroring."""
    return Framing(float(rng.uniform(*ZOOM)), (rng.uniform(-SHIFT, SHIFT), rng.uniform(-SHIFT, SHIFT)), bool(rng.random() < 0.5))


def framed(labelled: LabelledFace, framing: Framing, margin: float, most_px: float) -> Face:
    """The crop with its landmarks, reduced to `most_px` if it is larger."""
    lowest, highest = ZOOM
    fits = labelled.widest * (TIGHTEST + (1 - TIGHTEST) * (framing.zoom - lowest) / (highest - lowest))
    face = labelled.crop(min(margin * framing.zoom, fits), framing.shift_xy)
    side, most = face.crop_rgb.shape[0], round(most_px)
    if side > most:
        face = Face(resize_square(face.crop_rgb, most), face.landmarks_xy * (most / side))
    return face.mirrored() if framing.mirrored else face
