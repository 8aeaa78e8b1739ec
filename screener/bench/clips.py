"""Generates clips for measuring: a number of people side by side in front of a moving, grainy wall, in a given size.

The people are copies of one portrait (it ships with `doctor`), so these clips measure how long a scan takes, not how well it judges.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.doctor.specimen import encode, make_specimen

SIZES_WH = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}

FPS = 30
GROUP_OF_PICTURES = 60
"""Frames between key frames, as cameras and platforms set it: one or two seconds."""

BITS_PER_PIXEL = 0.07
"""About 2 Mbit/s in 720p, 4 in 1080p, as platforms deliver."""

GRAIN_LEVELS = 3.0
WALL_CELL_PX = 48

UInt8 = NDArray[np.uint8]


def make_clip(path: Path, size_wh: tuple[int, int], people: int, seconds: float) -> None:
    """Write an H.264 clip into the container given by the suffix of `path`. Raises av.error.FFmpegError."""
    options = {"preset": "veryfast", "g": str(GROUP_OF_PICTURES)}
    bit_rate = round(BITS_PER_PIXEL * size_wh[0] * size_wh[1] * FPS)
    encode(path, _pictures(size_wh, people, round(seconds * FPS)), "libx264", options, fps=FPS, bit_rate=bit_rate)


def _pictures(size_wh: tuple[int, int], people: int, count: int) -> Iterator[UInt8]:
    width, height = size_wh
    rng = np.random.default_rng(11)
    faces = [frame[40:-40, 40:-40] for frame in make_specimen().genuine]
    columns = math.ceil(math.sqrt(people * width / height))
    rows = math.ceil(people / columns)
    side = int(0.8 * min(width / columns, height / rows))
    tiles = [cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA if side < face.shape[0] else cv2.INTER_CUBIC) for face in faces]
    wall = _wall(rng, width * 2, height)
    grain = [rng.normal(0, GRAIN_LEVELS, (height, width, 1)).astype(np.int16) for _ in range(4)]
    for number in range(count):
        picture = wall[:, number % width : number % width + width].copy()
        for person in range(people):
            row, column = divmod(person, columns)
            phase = 2 * math.pi * (number / (4 * FPS) + person / people)
            x = round((column + 0.5) * width / columns - side / 2 + 0.08 * side * math.sin(phase))
            y = round((row + 0.5) * height / rows - side / 2 + 0.05 * side * math.cos(phase))
            x, y = min(max(x, 0), width - side), min(max(y, 0), height - side)
            picture[y : y + side, x : x + side] = tiles[(number // 4 + person) % len(tiles)]
        yield np.clip(picture + grain[number % len(grain)], 0, 255).astype(np.uint8)


def _wall(rng: np.random.Generator, width: int, height: int) -> UInt8:
    cells = rng.integers(60, 180, (height // WALL_CELL_PX + 2, width // WALL_CELL_PX + 2, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
