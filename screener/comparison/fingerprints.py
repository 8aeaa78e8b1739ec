"""Fingerprints of pictures: small vectors that are robust to encoding and scaling, to find matching pictures in two recordings. Pure.

A fingerprint is the picture's brightness at SIDE x SIDE points, minus its mean, normalised to length 1, so that the inner product of two is
their correlation. Codec, size and levels hardly change it; another framing or another scene does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32

Float32 = NDArray[np.float32]


def fingerprint(picture_rgb: NDArray[np.uint8]) -> Float32:
    """(H, W, 3) uint8 -> (SIDE * SIDE,) float32 of length 1; all zeros for a uniform picture."""
    small = cv2.resize(picture_rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32).ravel()
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return np.asarray(grey / length if length > SIDE else np.zeros_like(grey), np.float32)


def movements(fingerprints: Float32) -> Float32:
    """(n, d) fingerprints of one recording in order -> (n, d) deviation of each from the recording's typical picture.

    Two recordings in one studio look alike but move differently; a replaced face looks different but moves alike.
    """
    return np.asarray(fingerprints - np.median(fingerprints, 0), np.float32) if len(fingerprints) else fingerprints
