"""What a picture looks like to whoever asks whether two recordings are one: a small vector that outlasts encoding and scaling. Pure.

A fingerprint is the picture's brightness at SIDE x SIDE points, without its mean, at length 1: the inner product of two is their
correlation. Codecs, sizes and levels hardly move it; another framing or another scene does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32

Float32 = NDArray[np.float32]


def fingerprint(picture_rgb: NDArray[np.uint8]) -> Float32:
    """(H, W, 3) uint8 -> (SIDE * SIDE,) float32 of length 1; of an even picture all zeros."""
    small = cv2.resize(picture_rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32).ravel()
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return np.asarray(grey / length if length > SIDE else np.zeros_like(grey), np.float32)


def movements(fingerprints: Float32) -> Float32:
    """(n, d) fingerprints of one recording in order -> (n, d) what each has that the usual picture of it lacks.

    Two recordings in one studio look alike and move differently; a face that was replaced looks different and moves alike.
    """
    return np.asarray(fingerprints - np.median(fingerprints, 0), np.float32) if len(fingerprints) else fingerprints
