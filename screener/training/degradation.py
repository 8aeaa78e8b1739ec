"""Degrades pictures as on their way to a viewer: size, blur, colour, noise, compression.

A `Degradation` is drawn once and can be applied to both pictures of a pair, so that only the blend distinguishes them. Knows pixels only.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True)
class Degradation:
    """One random degradation. shrink: factor >= 1; blur_sigma: pixels, 0 is none; noise_sigma: grey levels; codecs: (extension,
    quality).
    """

    gain: float
    bias: float
    gamma: float
    grey: bool
    shrink: float
    enlarge_again: bool
    blur_sigma: float
    noise_sigma: float
    noise_seed: int
    codecs: tuple[tuple[str, int], ...]


def draw(rng: Rng, hardness: float) -> Degradation:
    """hardness: 0 is light (little compression, no blur); 1 is that of social media."""
    codecs = []
    for chance in (0.4 + 0.45 * hardness, 0.3 * hardness):
        if rng.random() < chance:
            # WebP pictures are VP8 key frames: block prediction and loop filter, as in video.
            webp = rng.random() < 0.3
            codecs.append(
                (".webp", int(rng.uniform(75 - 55 * hardness, 98))) if webp else (".jpg", int(rng.uniform(80 - 48 * hardness, 99)))
            )
    return Degradation(
        gain=float(rng.uniform(0.8, 1.2)) if rng.random() < 0.4 else 1.0,
        bias=float(rng.uniform(-20, 20)) if rng.random() < 0.4 else 0.0,
        gamma=float(rng.uniform(0.75, 1.3)) if rng.random() < 0.25 else 1.0,
        grey=bool(rng.random() < 0.04),
        shrink=float(rng.uniform(1, 1 + 1.8 * hardness)) if rng.random() < 0.55 * hardness else 1.0,
        enlarge_again=bool(rng.random() < 0.4),
        blur_sigma=float(rng.uniform(0.3, 1.4)) if rng.random() < 0.25 * hardness else 0.0,
        noise_sigma=float(rng.uniform(1, 8)) if rng.random() < 0.3 * hardness else 0.0,
        noise_seed=int(rng.integers(2**31)),
        codecs=tuple(codecs),
    )


def apply(picture: UInt8, d: Degradation) -> UInt8:
    """(s, s, 3) -> (s', s', 3); the caller resizes to the network's input."""
    out = picture
    if d.gain != 1 or d.bias or d.gamma != 1:
        table = np.clip(255 * (np.clip((np.arange(256) * d.gain + d.bias) / 255, 0, 1) ** d.gamma), 0, 255).astype(np.uint8)
        out = np.asarray(cv2.LUT(out, table), np.uint8)
    if d.grey:
        out = np.asarray(cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)
    side = out.shape[0]
    if d.shrink > 1:
        out = np.asarray(cv2.resize(out, (max(40, round(side / d.shrink)),) * 2, interpolation=cv2.INTER_AREA), np.uint8)
        if d.enlarge_again:
            out = np.asarray(cv2.resize(out, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if d.blur_sigma:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), d.blur_sigma), np.uint8)
    if d.noise_sigma:
        noise = np.random.default_rng(d.noise_seed).standard_normal(out.shape, np.float32) * d.noise_sigma
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    for extension, quality in d.codecs:
        flag = cv2.IMWRITE_WEBP_QUALITY if extension == ".webp" else cv2.IMWRITE_JPEG_QUALITY
        _, data = cv2.imencode(extension, cv2.cvtColor(out, cv2.COLOR_RGB2BGR), [flag, quality])
        out = np.asarray(cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB), np.uint8)
    return out
