"""Real faces in, fakes with a known blend mask out, made with numpy and OpenCV one picture at a time.

Two kinds: a changed copy of a face blended into itself (self-blended images, Shiohara and Yamasaki 2022, arXiv:2204.08376), and another
person's face aligned by five landmarks, colour-matched, and blended in, as a face swap does. Knows pixels and landmarks. Does not know data
sets, tensors or labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]
Rng = np.random.Generator

AROUND_SHARE = 0.25
"""Usual share of self-blends in which the surroundings are changed instead of the part: a generated face is usually the smoother side."""

# Share of fakes per replaced region: mostly whole faces (swaps), some parts (lip-sync, local edits).
REGIONS = {"face": 0.62, "lower": 0.14, "mouth": 0.12, "eyes": 0.07, "nose": 0.05}


@dataclass(frozen=True)
class Face:
    """A square crop with its landmarks.

    crop_rgb: (s, s, 3) uint8.
    landmarks_xy: (5, 2) float32, pixels of the crop: eyes (left, right in the picture), nose, mouth corners (left, right).
    """

    crop_rgb: UInt8
    landmarks_xy: Float32

    def mirrored(self) -> Face:
        """The face with left and right swapped; the landmarks keep their order, left in the picture first."""
        side = self.crop_rgb.shape[1]
        points = self.landmarks_xy[[1, 0, 2, 4, 3]].copy()
        points[:, 0] = side - 1 - points[:, 0]
        return Face(np.ascontiguousarray(self.crop_rgb[:, ::-1]), points)


def _region(landmarks_xy: Float32, name: str) -> tuple[NDArray[np.float32], float, float]:
    """Centre of a region, and its radii along the eye line and along the face."""
    eyes, mouth = landmarks_xy[:2].mean(0), landmarks_xy[3:].mean(0)
    along = float(np.linalg.norm(mouth - eyes)) + 1e-3
    # The distance between the eyes shrinks in profile; the length of the face does not.
    across = max(float(np.linalg.norm(landmarks_xy[1] - landmarks_xy[0])), 0.6 * along)
    where = {
        "face": (eyes + 0.55 * (mouth - eyes), 0.98 * across, 1.25 * along),
        "lower": (eyes + 0.95 * (mouth - eyes), 0.80 * across, 0.72 * along),
        "mouth": (mouth, 0.58 * across, 0.36 * along),
        "eyes": (eyes, 0.95 * across, 0.34 * along),
        "nose": (landmarks_xy[2] - 0.12 * (mouth - eyes), 0.36 * across, 0.48 * along),
    }
    centre, radius_x, radius_y = where[name]
    return np.asarray(centre, np.float32), radius_x, radius_y


def draw_mask(face: Face, rng: Rng) -> Float32:
    """A random soft mask over one region of the face: (s, s) float32 in [0, 1]."""
    side = face.crop_rgb.shape[0]
    name = str(rng.choice(list(REGIONS), p=list(REGIONS.values())))
    centre, radius_x, radius_y = _region(face.landmarks_xy, name)
    turn = np.arctan2(*(face.landmarks_xy[1] - face.landmarks_xy[0])[::-1])
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.ones_like(angles)
    for k in range(1, 6):
        radius += rng.uniform(-0.2, 0.2) / k * np.cos(k * angles + rng.uniform(0, 2 * np.pi))
    x = radius * np.cos(angles) * radius_x * rng.uniform(0.8, 1.15)
    y = radius * np.sin(angles) * radius_y * rng.uniform(0.8, 1.15)
    outline = np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], 1) + centre
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    sigma = side * (0.006 + 0.06 * rng.random() ** 2)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32)


def _lose_detail(picture: UInt8, factor: float, rng: Rng) -> UInt8:
    """Shrink by `factor` and enlarge again, like the output of a generator of lower resolution."""
    side = picture.shape[0]
    small = cv2.resize(picture, (max(16, round(side / factor)),) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))), np.uint8)


def _regenerate(picture: UInt8, strength: float, rng: Rng) -> UInt8:
    """Remove fine texture but keep edges, often crisper than before: like skin drawn by a decoder network, unlike any blur."""
    if rng.random() < 0.7:
        reach = rng.uniform(12, 14 + 34 * strength)
        out = picture
        for _ in range(int(rng.integers(1, 3))):
            out = np.asarray(cv2.bilateralFilter(out, 5, reach, rng.uniform(1.5, 4)), np.uint8)
    else:
        out = np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    if rng.random() < 0.6:
        amount = rng.uniform(0.3, 1.2)
        soft = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.7, 1.8))
        out = np.asarray(cv2.addWeighted(out, 1 + amount, soft, -amount, 0), np.uint8)
    return out


def _flatten(picture: UInt8, strength: float, rng: Rng) -> UInt8:
    """Reduce contrast at a scale of a few pixels and variety of hue, like faces from a network trained on mean errors."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    side = picture.shape[0]
    if rng.random() < 0.8:
        coarse = cv2.GaussianBlur(lab[..., 0], (0, 0), side * rng.uniform(0.008, 0.03))
        lab[..., 0] = coarse + (lab[..., 0] - coarse) * rng.uniform(0.9 - 0.5 * min(strength, 1.0), 0.95)
    if rng.random() < 0.7:
        lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), side * rng.uniform(0.01, 0.05))
    return np.asarray(cv2.cvtColor(np.clip(np.round(lab), 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), np.uint8)


def _shift_colour(picture: UInt8, strength: float, rng: Rng) -> UInt8:
    gain = 1 + rng.uniform(-0.12, 0.12, 3) * strength + rng.uniform(-0.15, 0.15) * strength
    bias = rng.uniform(-14, 14, 3) * strength + rng.uniform(-14, 14) * strength
    out = picture.astype(np.float32)
    grey = out.mean(2, keepdims=True)
    out = (grey + (out - grey) * (1 + rng.uniform(-0.35, 0.35) * strength)) * gain.astype(np.float32) + bias.astype(np.float32)
    return _rounded(out)


def _rounded(picture: NDArray[Any]) -> UInt8:
    """To whole grey levels; cutting the fraction off would darken what is blended in by half a level."""
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)


def _change(picture: UInt8, rng: Rng, strength: float) -> UInt8:
    """Create the mismatch between the two sides of a blend: detail, colour, compression, noise; at least one of the first two."""
    detail, colour = rng.random() < 0.8, rng.random() < 0.65
    if not (detail or colour):
        detail = True
    if colour:
        picture = _shift_colour(picture, strength * rng.uniform(0.2, 1.1), rng)
    if detail:
        how = rng.random()
        if how < 0.33:
            picture = _lose_detail(picture, 1 + strength * rng.uniform(0.3, 2.2), rng)
        elif how < 0.55:
            picture = _regenerate(picture, strength, rng)
        elif how < 0.75:
            picture = _flatten(picture, strength, rng)
        elif how < 0.88:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 0.6 + 1.6 * strength)), np.uint8)
        else:
            soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.7, 1.8))
            picture = np.asarray(
                cv2.addWeighted(picture, 2.0, soft, -1.0, 0) if rng.random() < 0.5 else cv2.addWeighted(picture, 1.6, soft, -0.6, 0),
                np.uint8,
            )
    if rng.random() < 0.15:
        picture = _rounded(picture + rng.normal(0, rng.uniform(2, 7), picture.shape))
    return picture


def match_colour(source: UInt8, target: UInt8, mask: Float32) -> UInt8:
    """Match mean and standard deviation of each channel inside the mask, from source to target (Reinhard et al. 2001)."""
    weight = mask > 0.5
    if weight.sum() < 16:
        return source
    s, t = source[weight].astype(np.float32), target[weight].astype(np.float32)
    spread = np.clip((t.std(0) + 1) / (s.std(0) + 1), 0.6, 1.6)
    return _rounded((source.astype(np.float32) - s.mean(0)) * spread + t.mean(0))


def _align(source: Face, target: Face) -> UInt8 | None:
    """The source's picture transformed such that its landmarks lie on the target's; None if they do not allow it."""
    matrix, _ = cv2.estimateAffinePartial2D(source.landmarks_xy, target.landmarks_xy, method=cv2.LMEDS)
    if matrix is None or not 0.2 < np.hypot(matrix[0, 0], matrix[1, 0]) < 5:
        return None
    side = target.crop_rgb.shape[0]
    return warped(source.crop_rgb, np.asarray(matrix, np.float64), side)


def warped(picture: UInt8, matrix: NDArray[np.float64], side: int) -> UInt8:
    """A picture moved by a similarity, (side, side, 3). `cv2.warpAffine` knows no averaging over areas: what is reduced is shrunk first, as
    its fine detail would turn into coarse patterns otherwise.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:
        width, height = (max(1, round(length * scale)) for length in picture.shape[1::-1])
        shrunk = np.diag([picture.shape[1] / width, picture.shape[0] / height, 1.0])
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        # Between the middles of pixels, not their corners.
        half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
        matrix = (matrix @ half @ shrunk @ np.linalg.inv(half))[:2]
    how = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=how, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def _nudge(picture: UInt8, rng: Rng) -> UInt8:
    """A small random shift, rotation and scaling."""
    side = picture.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-3, 3), rng.uniform(0.95, 1.05))
    matrix[:, 2] += rng.uniform(-0.02, 0.02, 2) * side
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def mix(inside: UInt8, outside: UInt8, weight: Float32) -> UInt8:
    """Two pictures (s, s, 3) blended: `inside` where the weight (s, s) is 1, `outside` where it is 0."""
    w = weight[..., None]
    return np.asarray(np.round(inside * w + outside * (1 - w)), np.uint8)


def wear(picture: UInt8, rng: Rng) -> UInt8:
    """Degrade a picture like a camera and a first compression, before a face without these traces is inserted."""
    how = rng.random()
    if how < 0.3:
        picture = _lose_detail(picture, rng.uniform(1.15, 1.9), rng)
    elif how < 0.6:
        picture = _rounded(picture + rng.normal(0, rng.uniform(2, 9), picture.shape))
    if how > 0.45 or rng.random() < 0.5:
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(35, 85))])
        picture = np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
    return picture


def self_blend(
    face: Face, rng: Rng, strength: float, finer_rgb: UInt8 | None = None, around: float = AROUND_SHARE
) -> tuple[UInt8, Float32]:
    """Blend a changed copy of the face into itself; either side of the mask may be the changed one.

    strength: 1 is the full mismatch, less is fainter. finer_rgb: the face before degradation (see `wear`), from which the inside is made;
    it differs enough by itself and is changed half of the time. around: how often the surroundings are changed instead, if that is not
    given. Returns the fake (s, s, 3) and its mask (s, s).
    """
    mask = draw_mask(face, rng)
    if finer_rgb is None:
        changed = _nudge(_change(face.crop_rgb, rng, strength), rng)
    else:
        changed = _nudge(_change(finer_rgb, rng, strength) if rng.random() < 0.5 else finer_rgb, rng)
    weight = mask * rng.choice([0.5, 0.75, 1.0, 1.0, 1.0])
    inside, outside = (changed, face.crop_rgb) if finer_rgb is not None or rng.random() >= around else (face.crop_rgb, changed)
    return mix(inside, outside, weight.astype(np.float32)), mask


def swap_blend(face: Face, donor: Face, rng: Rng, strength: float) -> tuple[UInt8, Float32]:
    """Blend another face into this one, aligned, mostly colour-matched, and softened; otherwise like `self_blend`."""
    aligned = _align(donor, face)
    if aligned is None:
        return self_blend(face, rng, strength)
    mask = draw_mask(face, rng)
    if rng.random() < 0.85:
        aligned = match_colour(aligned, face.crop_rgb, mask)
    if rng.random() < 0.35:
        aligned = _regenerate(aligned, strength, rng)
    elif rng.random() < 0.3:
        aligned = _flatten(aligned, strength, rng)
    if rng.random() < 0.6:
        aligned = _lose_detail(aligned, 1 + strength * rng.uniform(0.2, 1.8), rng)
    return mix(aligned, face.crop_rgb, mask), mask


def blend_part(real: Face, fake_rgb: UInt8, rng: Rng, strength: float) -> tuple[UInt8, Float32]:
    """Blend a random part of a fake into its aligned original; some are colour-matched, some colour-shifted."""
    mask = draw_mask(real, rng)
    if rng.random() < 0.7:
        fake_rgb = match_colour(fake_rgb, real.crop_rgb, mask)
    if rng.random() < 0.4:
        fake_rgb = _shift_colour(fake_rgb, 0.5 * strength * rng.uniform(0.2, 1.0), rng)
    return mix(fake_rgb, real.crop_rgb, mask), mask


def sharpened(picture: UInt8, rng: Rng) -> UInt8:
    """Sharper than a camera's picture, like the result of super-resolution."""
    gain, soft = rng.uniform(0.4, 1.8), cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.7, 2.0))
    return np.asarray(cv2.addWeighted(picture, 1 + gain, soft, -gain, 0), np.uint8)
