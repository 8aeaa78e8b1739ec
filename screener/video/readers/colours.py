"""Converts high dynamic range and wide-gamut colours to what an ordinary screen shows: 8-bit BT.709, as the checkpoint was trained on.

Pure, and the same for a picture whichever decoder produced it. Light up to a knee is unchanged, so that faces keep their shades; only
brighter light is compressed.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

PQ, HLG = 16, 18
"""Transfer characteristics of ITU-T H.273: SMPTE ST 2084 and ARIB STD-B67."""

WHITE_NITS = 203.0
"""Luminance of diffuse white in high dynamic range (ITU-R BT.2408); shown as white on an ordinary screen."""

HLG_PEAK_NITS = 1000.0
"""Peak luminance of the nominal HLG screen, whose system gamma is 1.2 (ITU-R BT.2100, note 5f)."""

KNEE = 0.75
SCREEN_GAMMA = 2.4
"""Gamma of an ordinary screen (ITU-R BT.1886)."""

_STEPS = 1 << 16
_TO_BT709 = {
    # To BT.709 in linear light, from BT.2020 (ITU-R BT.2087), and from P3 with the white of DCI and of D65 (SMPTE RP 431-2, EG 432-1).
    9: [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    11: [[1.1573, -0.1550, -0.0022], [-0.0415, 1.0456, -0.0041], [-0.0181, -0.0786, 1.0967]],
    12: [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],
}
_UNSPECIFIED = 2


def is_ordinary(transfer: int, primaries: int) -> bool:
    """Whether colours need no conversion for an ordinary screen; both numbers as in ITU-T H.273."""
    return transfer not in (PQ, HLG) and primaries not in _TO_BT709


def as_on_a_screen(frame: VideoFrame, transfer: int, primaries: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a frame in BT.709."""
    colourspace = Colorspace.BT2020 if frame.colorspace == _UNSPECIFIED and primaries == 9 else None
    # PyAV only undoes the colour matrix and keeps the transfer function.
    coded = frame.reformat(format="rgb48le", interpolation=Interpolation.BICUBIC, src_colorspace=colourspace).to_ndarray()
    light = _light(transfer)[coded]
    if transfer == HLG:
        light *= _scene_to_screen(light)
    if primaries in _TO_BT709:
        light = np.asarray(cv2.transform(light, np.array(_TO_BT709[primaries], np.float32)), np.float32)
    if transfer in (PQ, HLG):
        light *= _pressed(light.max(-1, keepdims=True))
    steps = np.clip(light * (_STEPS - 1) + 0.5, 0, _STEPS - 1).astype(np.uint16)
    return np.asarray(_codes()[steps], np.uint8)


def pq_nits(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in nits of a code value in [0, 1] (SMPTE ST 2084, equation 4.1)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = np.power(code, 1 / m2)
    return np.asarray(10_000 * np.power(np.maximum(root - c1, 0) / (c2 - c3 * root), 1 / m1))


def hlg_scene(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scene light in [0, 1] of a code value in [0, 1] (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.asarray(np.where(code <= 0.5, code * code / 3, (np.exp((code - c) / a) + b) / 12))


@cache
def _light(transfer: int) -> Float32:
    """(65536,) light for each code value, 1 being white; scene light for HLG."""
    code = np.arange(_STEPS) / (_STEPS - 1)
    curves = {PQ: lambda: pq_nits(code) / WHITE_NITS, HLG: lambda: hlg_scene(code)}
    return np.asarray(curves.get(transfer, lambda: code**SCREEN_GAMMA)(), np.float32)


def _scene_to_screen(scene: Float32) -> Float32:
    """(H, W, 1) factor from scene light to screen light (ITU-R BT.2100, the OOTF of HLG)."""
    luminance = np.asarray(cv2.transform(scene, np.array([[0.2627, 0.6780, 0.0593]], np.float32)), np.float32)
    return np.power(np.maximum(luminance, 1e-6), np.float32(0.2)).reshape(*scene.shape[:2], 1) * np.float32(HLG_PEAK_NITS / WHITE_NITS)


def _pressed(brightest: Float32) -> Float32:
    """Factor that keeps light below 1, given the brightest of its three colours: 1 up to the knee; above it the product approaches 1
    (Reinhard 2002).
    """
    over = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    shown = np.minimum(brightest, KNEE) + (1 - KNEE) * over / (1 + over)
    return np.asarray(shown / np.maximum(brightest, 1e-6), np.float32)


@cache
def _codes() -> NDArray[np.uint8]:
    """(65536,) 8-bit code value for each level of light."""
    return np.asarray(np.round(255 * np.power(np.arange(_STEPS) / (_STEPS - 1), 1 / SCREEN_GAMMA)), np.uint8)
