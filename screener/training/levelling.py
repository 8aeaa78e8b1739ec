"""Brings a real and a fake picture to the same fine detail, so that neither softness nor sharpness says which is which.

What generators draw is softer than a photograph, or sharper once they sharpen it, and so are old television and phone cameras. Levelled
as a whole, the real picture is as soft everywhere as the fake is inside of what is forged: what is left is detail in the wrong places,
and surroundings that are sharper in the fake. Levelled by region, neither is left. Knows pixels only.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.training.self_blending import mix

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

LEAST_SHARE = 0.02
"""A smaller part of the picture is not levelled for itself."""


def levelled(
    real: UInt8, fake: UInt8, shown_px: float, rng: np.random.Generator, mask: NDArray[np.float32] | None = None
) -> tuple[UInt8, UInt8]:
    """The pictures, (s, s, 3) RGB each, the one with more fine detail softened to what the other has, give or take `SPREAD`.

    shown_px: side at which they will be displayed, where detail is measured. mask: (s, s) where the fake is forged, to level what is inside
    and what is outside each for itself; left out, the whole of one picture is softened.
    """
    if mask is None:
        return _levelled(real, fake, shown_px, rng, None)
    for where in (mask, 1 - mask):
        if where.mean() >= LEAST_SHARE:
            real, fake = _levelled(real, fake, shown_px, rng, np.asarray(where, np.float32))
    return real, fake


def _levelled(
    real: UInt8, fake: UInt8, shown_px: float, rng: np.random.Generator, where: NDArray[np.float32] | None
) -> tuple[UInt8, UInt8]:
    of_real, of_fake = _shown(real, shown_px), _shown(fake, shown_px)
    size_wh = of_real.shape[1], of_real.shape[0]
    weight = None if where is None else np.asarray(cv2.resize(where, size_wh, interpolation=cv2.INTER_AREA), np.float32)
    ratio = detail(of_real, weight) / max(detail(of_fake, weight), 1e-6) * float(np.exp(rng.normal(0, SPREAD)))
    if ratio > 1:
        softer = _softened(real, of_real, 1 / ratio, weight)
        return softer if where is None else mix(softer, real, where), fake
    softer = _softened(fake, of_fake, ratio, weight)
    return real, softer if where is None else mix(softer, fake, where)


def detail(grey: Grey, weight: Grey | None = None) -> float:
    """Mean absolute difference of a picture, (s, s), from itself blurred by one pixel; grey levels.

    weight: (s, s) how much each place counts; the inner part of the picture if left out.
    """
    if weight is None:
        edge = round(INNER * len(grey))
        grey = grey[edge : len(grey) - edge, edge : len(grey) - edge]
        return float(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0)).mean())
    return float((np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0)) * weight).sum() / weight.sum())


def _shown(picture: UInt8, shown_px: float) -> Grey:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    side = max(SMALLEST_PX, round(shown_px))
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.float32) if side < len(grey) else grey


def _softened(picture: UInt8, shown: Grey, share: float, weight: Grey | None) -> UInt8:
    """The picture blurred until `shown`, the same as displayed, keeps `share` of its detail where it counts (see `detail`)."""
    target, low, high = share * detail(shown, weight), 0.0, WIDEST_SIGMA
    for _ in range(SIGMA_STEPS):
        sigma = (low + high) / 2
        softer = np.asarray(cv2.GaussianBlur(shown, (0, 0), sigma), np.float32)
        low, high = (sigma, high) if detail(softer, weight) > target else (low, sigma)
    sigma = (low + high) / 2
    if sigma < LEAST_SIGMA:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma * len(picture) / len(shown)), np.uint8)
