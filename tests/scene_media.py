"""Scenes with a face, and changes to them: the face replaced, parts cut out, re-encoded. Based on the portrait of `face_media`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Picture = NDArray[np.uint8]
RATE = 20
WIDTH, HEIGHT = 320, 240
FACE = (160, 88, 34, 46)
"""Centre and half axes of the face in the first picture."""


def scene(number: int, seed: int = 0) -> Picture:
    """A woman in front of a wall; something moves behind her, and she moves a little."""
    wall = cv2.resize(np.random.default_rng(seed).integers(60, 200, (12, 16, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    cv2.circle(
        wall, (30 + 3 * number % 260, round(60 + 40 * np.sin(number * number / 300 + seed))), 16, (30 + 60 * seed, 200 - 50 * seed, 60), -1
    )
    portrait = np.asarray(data.astronaut(), np.uint8)[0:400, 60:400]
    across, down = moved(number)
    small = cv2.resize(portrait, (196, 230), interpolation=cv2.INTER_AREA)
    wall[HEIGHT - 230 + down : HEIGHT, 62 + across : 62 + across + 196] = small[: 230 - down]
    return wall


def moved(number: int) -> tuple[int, int]:
    return round(5 * np.sin(number / 7) + 3 * np.sin(number / 3.1)), round(3 + 3 * np.sin(number / 11))


def with_another_face(picture: Picture, number: int) -> Picture:
    """The face mirrored and darkened inside an ellipse with soft borders: what a face swap leaves of a scene."""
    across, down = moved(number)
    x, y, a, b = FACE[0] + across, FACE[1] + down, FACE[2], FACE[3]
    changed = picture.astype(np.float32)
    part = changed[y - b : y + b, x - a : x + a]
    changed[y - b : y + b, x - a : x + a] = part[:, ::-1] * (0.82, 0.9, 0.98)
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.ellipse(mask, (x, y), (a - 5, b - 6), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 3)[..., None]
    return np.asarray(changed * mask + picture * (1 - mask), np.uint8)


def encoded(
    path: Path,
    pictures: Sequence[Picture],
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    size: float = 1.0,
    rate: Fraction | int = RATE,
) -> Path:
    height, width = (round(side * size / 2) * 2 for side in pictures[0].shape[:2])
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options if options is not None else {"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            shown = picture if size == 1 else cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")))
        output.mux(stream.encode())
    return path
