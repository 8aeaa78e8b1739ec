"""Turns one picture into a short clip with the motion of a camera and a head.

Knows pixels. Does not know codecs or labels.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator

SMEAR = (0.01, 0.08)
"""Range of the length of motion blur, log-uniform, relative to the side."""

Plane = TypeVar("Plane", UInt8, NDArray[np.float32])


def _walk(rng: Rng, count: int, scale: float) -> NDArray[np.float64]:
    """A smooth random path of `count` values that starts at 0."""
    t, (trend, slow, fast) = np.linspace(0, 1, count), rng.normal(0, 1, 3)
    path: NDArray[np.float64] = scale * (
        trend * t + slow * np.sin(2 * np.pi * t * rng.uniform(0.3, 1.2)) + 0.3 * fast * np.sin(4 * np.pi * t)
    )
    return path


def moving(picture: UInt8, rng: Rng, count: int) -> list[UInt8]:
    """(s, s, 3) -> `count` frames in which the whole picture, a soft-edged head in it, or both move; with sensor noise in some clips."""
    side = picture.shape[0]
    camera = np.stack([_walk(rng, count, side * 0.004 * rng.uniform(0.3, 3)) for _ in range(2)], 1) * (rng.random() < 0.5)
    pose = np.stack([_walk(rng, count, side * 0.006 * rng.uniform(0.3, 4)) for _ in range(2)], 1)
    turn, size = _walk(rng, count, rng.uniform(0, 2)), _walk(rng, count, 0.008)
    head = _head(side, rng) if rng.random() < 0.75 else None
    grain = _grain(side, rng, rng.uniform(0.5, 4)) if rng.random() < 0.5 else None
    frames = []
    for i in range(count):
        frame = _moved(picture, camera[i], 0, 1)
        if head is not None:
            how = (pose[i], float(turn[i]), 1 + float(size[i]))
            weight = _moved(head, *how)
            frame = np.asarray(cv2.blendLinear(_moved(picture, *how), frame, weight, 1 - weight), np.uint8)
        if grain is not None:
            y, x = rng.integers(0, grain.shape[0] - side, 2)
            frame = np.asarray(cv2.add(frame, grain[y : y + side, x : x + side], dtype=cv2.CV_8U), np.uint8)
        frames.append(frame)
    return frames


def smeared(picture: UInt8, rng: Rng) -> UInt8:
    """(s, s, 3) with the motion blur of one exposure: in any direction, of everything or of a soft-edged head."""
    side, turn = picture.shape[0], rng.uniform(0, np.pi)
    reach = side * np.exp(rng.uniform(*np.log(SMEAR))) / 2
    size = 2 * int(np.ceil(reach)) + 1
    # Drawn eight times as large, so that short lines have a direction too.
    large = np.zeros((8 * size, 8 * size), np.float32)
    middle = (8 * size - 1) / 2
    x, y = 8 * reach * np.cos(turn), 8 * reach * np.sin(turn)
    cv2.line(large, (round(middle - x), round(middle - y)), (round(middle + x), round(middle + y)), 1.0, 8)
    line = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    blurred = np.asarray(cv2.filter2D(picture, -1, line / line.sum(), borderType=cv2.BORDER_REFLECT_101), np.uint8)
    if rng.random() < 0.5:
        return blurred
    head = _head(side, rng)
    return np.asarray(cv2.blendLinear(blurred, picture, head, 1 - head), np.uint8)


def _moved(picture: Plane, shift_xy: NDArray[np.float64], turn: float, size: float) -> Plane:
    if not (shift_xy[0] or shift_xy[1] or turn or size != 1):
        return picture
    side = picture.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), turn, size)
    matrix[0, 2] += float(shift_xy[0])
    matrix[1, 2] += float(shift_xy[1])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _head(side: int, rng: Rng) -> NDArray[np.float32]:
    """Approximate mask of head and shoulders: (side, side), soft at the edge."""
    mask = np.zeros((side, side), np.float32)
    centre = (round(side * rng.uniform(0.45, 0.55)), round(side * rng.uniform(0.45, 0.55)))
    axes = (round(side * rng.uniform(0.34, 0.46)), round(side * rng.uniform(0.42, 0.52)))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1)
    left, right = round(side * rng.uniform(0.05, 0.25)), round(side * rng.uniform(0.75, 0.95))
    cv2.rectangle(mask, (left, round(side * 0.8)), (right, side), 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), side * rng.uniform(0.01, 0.04)), np.float32)


def _grain(side: int, rng: Rng, sigma: float) -> NDArray[np.int16]:
    """Noise larger than a frame, from which every frame takes another part."""
    return np.asarray(rng.standard_normal((side + 24, side + 24, 3), np.float32) * sigma, np.int16)
