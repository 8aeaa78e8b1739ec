"""Brings a real and a fake picture to the same fine detail, so that neither softness nor sharpness says which is which.

What generators draw is softer than a photograph, or sharper once they sharpen it, and so are old television and phone cameras. What is left
after levelling is detail in the wrong places. Knows pixels only.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Grey = NDArray[np.float32]

INNER = 1 / 7
"""Border of a picture that is not measured, relative to its side."""

SPREAD = 0.25
"""Standard deviation of the ratio that is left, as a logarithm: equal to the last digit would be a pattern as well."""

WIDEST_SIGMA = 3.0
SIGMA_STEPS = 6
"""Widest blur tried, in displayed pixels, and steps of the bisection: its width is known to a twentieth of a pixel."""

LEAST_SIGMA = 0.25
"""Below this a blur changes nothing that a codec keeps."""

SMALLEST_PX = 48


def levelled(real: UInt8, fake: UInt8, shown_px: float, rng: np.random.Generator) -> tuple[UInt8, UInt8]:
    """The pictures, (s, s, 3) RGB each, the one with more fine detail softened to what the other has, give or take `SPREAD`.

    shown_px: side at which they will be displayed, where detail is measured.
    """
    of_real, of_fake = _shown(real, shown_px), _shown(fake, shown_px)
    ratio = detail(of_real) / max(detail(of_fake), 1e-6) * float(np.exp(rng.normal(0, SPREAD)))
    if ratio > 1:
        return _softened(real, of_real, 1 / ratio), fake
    return real, _softened(fake, of_fake, ratio)


def detail(grey: Grey) -> float:
    """Mean absolute difference of the inner part of a picture, (s, s), from itself blurred by one pixel; grey levels."""
    edge = round(INNER * len(grey))
    inner = grey[edge : len(grey) - edge, edge : len(grey) - edge]
    return float(np.abs(inner - cv2.GaussianBlur(inner, (0, 0), 1.0)).mean())


def _shown(picture: UInt8, shown_px: float) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = max(SMALLEST_PX, round(shown_px))
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.float32) if side < len(grey) else grey


def _softened(picture: UInt8, shown: Grey, share: float) -> UInt8:
    """The picture blurred until `shown`, the same as displayed, keeps `share` of its detail."""
    target, low, high = share * detail(shown), 0.0, WIDEST_SIGMA
    for _ in range(SIGMA_STEPS):
        sigma = (low + high) / 2
        softer = np.asarray(cv2.GaussianBlur(shown, (0, 0), sigma), np.float32)
        low, high = (sigma, high) if detail(softer) > target else (low, sigma)
    sigma = (low + high) / 2
    if sigma < LEAST_SIGMA:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma * len(picture) / len(shown)), np.uint8)
