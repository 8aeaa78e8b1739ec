"""The kinds of perturbation, each at five strengths, applied to whole frames before face detection.

Strengths follow published scales where they exist, so that figures can be compared: DeeperForensics-1.0 (Jiang et al. 2020,
arXiv:2001.03024, and its perturbation code), ImageNet-C (Hendrycks and Dietterich 2019, arXiv:1903.12261) and FaceForensics++ (Rössler et
al. 2019, arXiv:1901.08971). Pure, except for the codecs; knows pixels only.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.encoding.h264 import through_h264
from screener.errors import SettingsError

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator

STRENGTHS = (1, 2, 3, 4, 5)

ALL = "all"

LEAST_SIDE_PX = 16
"""A frame's sides are not reduced below this."""

VERSION = 1
"""Increase it when a perturbation changes, so that results of different versions are not mixed."""


@dataclass(frozen=True)
class Perturbation:
    """One kind. words: its description. parameter: name of the level. levels: one for each of STRENGTHS.

    apply: (H, W, 3) RGB, level, random numbers -> the perturbed picture, possibly of another size.
    whole_clips: applied to a video as a whole, not picture by picture, with the level as x264's constant rate factor.
    """

    words: str
    parameter: str
    levels: tuple[float, ...]
    apply: Callable[[UInt8, float, Rng], UInt8]
    whole_clips: bool = False

    def level(self, strength: int) -> float:
        """The level of a strength from 1 to 5."""
        return self.levels[strength - 1]

    def described(self, strength: int) -> str:
        """`quality 50`."""
        return f"{self.parameter} {self.level(strength):g}"


def jpeg(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """JPEG of quality `level`."""
    return _encoded(picture, ".jpg", cv2.IMWRITE_JPEG_QUALITY, int(level))


def webp(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Lossy WebP of quality `level`, coded like a VP8 key frame: block prediction and loop filter."""
    return _encoded(picture, ".webp", cv2.IMWRITE_WEBP_QUALITY, int(level))


def h264(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """A key frame at the constant rate factor `level`."""
    return through_h264(picture, int(level))


def downscale(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Down-scaled by the factor `level` and not scaled up again, like a lower rendition of a stream."""
    height, width = picture.shape[:2]
    factor = min(level, max(1.0, min(height, width) / LEAST_SIDE_PX))
    return np.asarray(cv2.resize(picture, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA), np.uint8)


def blur(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Gaussian blur with a kernel of `level` pixels and a sixth of that as sigma."""
    return np.asarray(cv2.GaussianBlur(picture, (int(level), int(level)), level / 6), np.uint8)


def sideways(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Smeared sideways over `level` pixels, as by a head or camera that moves evenly during the exposure."""
    return np.asarray(cv2.blur(picture, (int(level), 1)), np.uint8)


def upright(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Smeared up and down over `level` pixels, as by a nod."""
    return np.asarray(cv2.blur(picture, (1, int(level))), np.uint8)


def noise(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """White Gaussian noise of variance `level` in each channel, for values in [0, 1]."""
    grain = rng.standard_normal(picture.shape, np.float32) * np.float32(255 * np.sqrt(level))
    return np.clip(np.rint(picture + grain), 0, 255).astype(np.uint8)


def brightness(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Add `level` to V in HSV, for values in [0, 1]."""
    hsv = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.minimum(hsv[..., 2] + level, 1.0)
    brighter = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)
    return np.clip(np.rint(brighter * 255), 0, 255).astype(np.uint8)


def contrast(picture: UInt8, level: float, rng: Rng) -> UInt8:
    """Multiply the distance of every value from the channel's mean by `level`."""
    mean = np.asarray(picture.mean((0, 1), dtype=np.float64), np.float32)
    nearer = np.asarray((picture - mean) * np.float32(level) + mean, np.float32)
    return np.clip(np.rint(nearer), 0, 255).astype(np.uint8)


PERTURBATIONS: dict[str, Perturbation] = {
    # From camera quality to below any messenger's; ImageNet-C goes from 25 down to 7.
    "jpeg": Perturbation("JPEG re-compression", "quality", (90, 70, 50, 30, 15), jpeg),
    "webp": Perturbation("WebP re-compression", "quality", (90, 70, 50, 30, 10), webp),
    # The first and last are c23 and c40 of FaceForensics++; DeeperForensics goes from 30 to 40.
    "h264": Perturbation("H.264 re-compression", "CRF", (23, 28, 32, 36, 40), h264, whole_clips=True),
    # 1080 lines become 864, 720, 540, 360 and 270.
    "downscale": Perturbation("down-scaling", "factor", (1.25, 1.5, 2, 3, 4), downscale),
    # Kernels of DeeperForensics' Gaussian blur.
    "blur": Perturbation("blur", "kernel", (7, 9, 13, 17, 21), blur),
    # From what a talking head does to what a quick gesture does.
    "sideways": Perturbation("sideways motion blur", "pixels", (3, 5, 9, 13, 17), sideways),
    "upright": Perturbation("upright motion blur", "pixels", (3, 5, 9, 13, 17), upright),
    # Variances of DeeperForensics' noise, which adds it to luma and chroma.
    "noise": Perturbation("noise", "variance", (0.001, 0.002, 0.005, 0.01, 0.05), noise),
    # ImageNet-C.
    "brightness": Perturbation("brightening", "plus", (0.1, 0.2, 0.3, 0.4, 0.5), brightness),
    # Factors of DeeperForensics' contrast change, about the mean as ImageNet-C does.
    "contrast": Perturbation("loss of contrast", "factor", (0.85, 0.725, 0.6, 0.475, 0.35), contrast),
}
"""Every kind by name."""


def chosen_kinds(text: str) -> tuple[str, ...]:
    """`jpeg,blur`, or `all` -> kinds, in the order of PERTURBATIONS. Raises SettingsError."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PERTURBATIONS and name != ALL]
    if unknown or not names:
        raise SettingsError(f"perturb: expected {ALL} or some of {', '.join(PERTURBATIONS)}, with commas between, got {text!r}")
    return tuple(name for name in PERTURBATIONS if name in names or ALL in names)


def chosen_strengths(text: str | None) -> tuple[int, ...]:
    """`1,3,5` -> strengths in ascending order; all of them if None. Raises SettingsError."""
    words = ",".join(map(str, STRENGTHS)) if text is None else text
    names = [name.strip() for name in words.split(",") if name.strip()]
    if not names or any(name not in map(str, STRENGTHS) for name in names):
        raise SettingsError(f"strengths: expected some of {', '.join(map(str, STRENGTHS))}, with commas between, got {text!r}")
    return tuple(sorted({int(name) for name in names}))


def random_numbers(kind: str, file_name: str, frame_index: int) -> Rng:
    """Seeded by kind, file name and frame, not by strength or folder, so that only the strength differs along a curve."""
    return np.random.default_rng([zlib.crc32(kind.encode()), zlib.crc32(file_name.encode("utf-8", "surrogatepass")), frame_index])


def _encoded(picture: UInt8, extension: str, flag: int, quality: int) -> UInt8:
    _, data = cv2.imencode(extension, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [flag, quality])
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB), np.uint8)
