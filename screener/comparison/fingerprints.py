"""Fingerprints of pictures: small vectors that are robust to encoding and scaling, to find matching pictures in two recordings. Pure.

A fingerprint is the picture's brightness at SIDE x SIDE points, minus its mean, normalised to length 1, so that the inner product of two is
their correlation. Codec, size and levels hardly change it; another framing or another scene does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32

MOVING_SECONDS = 0.3
"""Time over which movement is measured: long enough for a slow one to show above the noise of encoding."""

Float32 = NDArray[np.float32]


def fingerprint(picture_rgb: NDArray[np.uint8]) -> Float32:
    """(H, W, 3) uint8 -> (SIDE * SIDE,) float32 of length 1; all zeros for a uniform picture."""
    small = cv2.resize(picture_rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32).ravel()
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return np.asarray(grey / length if length > SIDE else np.zeros_like(grey), np.float32)


def movements(seconds: NDArray[np.float64], fingerprints: Float32) -> Float32:
    """(n,) ascending times and (n, d) fingerprints of one recording -> (n, d) change within MOVING_SECONDS around each; 0 at both ends.

    Two recordings in one studio look alike but move differently; a replaced face looks different but moves alike. Only pictures close in
    time are used, so that an excerpt has the same movements as the whole recording.
    """
    before, after = (_at(seconds + shift, seconds, fingerprints) for shift in (-MOVING_SECONDS / 2, MOVING_SECONDS / 2))
    inside = (seconds - MOVING_SECONDS / 2 >= seconds[0]) & (seconds + MOVING_SECONDS / 2 <= seconds[-1])
    return np.asarray((after - before) * inside[:, None], np.float32)


def _at(wanted: NDArray[np.float64], seconds: NDArray[np.float64], fingerprints: Float32) -> Float32:
    """Fingerprints at any times, interpolated, because two recordings may differ in frame rate."""
    right = np.clip(np.searchsorted(seconds, wanted), 1, max(1, len(seconds) - 1)).clip(max=len(seconds) - 1)
    left = np.maximum(right - 1, 0)
    apart = seconds[right] - seconds[left]
    share = np.clip((wanted - seconds[left]) / np.where(apart > 0, apart, 1), 0, 1)[:, None]
    return np.asarray(fingerprints[left] + share * (fingerprints[right] - fingerprints[left]), np.float32)
