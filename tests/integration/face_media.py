"""Clips and pictures with faces, generated from the public-domain portrait that ships with scikit-image."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Picture = NDArray[np.uint8]

FRAMES = 16
RATE = 8
SIDE_PX = 176


@cache
def astronaut() -> Picture:
    return np.asarray(data.astronaut(), np.uint8)


def portrait(number: int = 0, side_px: int = SIDE_PX) -> Picture:
    """A square around the face, moving a little to the right and closer with each frame."""
    left, top, side = 108 + number, 2 + number // 2, 230 - number
    return np.asarray(
        cv2.resize(astronaut()[top : top + side, left : left + side], (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8
    )


def stranger(number: int = 0, side_px: int = SIDE_PX) -> Picture:
    """The same face as another person: mirrored, enlarged, in other colours."""
    near = portrait(FRAMES - number, side_px)[:, ::-1]
    warmer = near.astype(np.float32)[..., ::-1] * (0.75, 0.9, 0.7) + (25, 5, 0)
    enlarged = cv2.resize(warmer, None, fx=1.15, fy=1.15)[:side_px, :side_px]
    return np.clip(enlarged, 0, 255).astype(np.uint8)


def pair(number: int) -> Picture:
    return np.hstack([portrait(number), stranger(number)])


def landscape(width: int = 128, height: int = 96) -> Picture:
    """Sky, hills and field: a smooth picture without a face."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    ground = down > 0.55 + 0.1 * np.sin(5 * across)
    sky = np.stack([120 + 60 * down, 160 + 50 * down, 230 - 20 * down], -1)
    field = np.stack([60 + 40 * down, 120 - 30 * down, 40 + 20 * across], -1)
    return np.where(ground[..., None], field, sky).astype(np.uint8)


def write_clip(
    path: Path,
    picture: Callable[[int], Picture] = portrait,
    frames: int = FRAMES,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode `picture(0)`, `picture(1)`, ... at RATE frames per second. options: of the container."""
    height, width = picture(0).shape[:2]
    with av.open(str(path), "w", options=options or {}) as output:
        stream = output.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "18"}
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(number)), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_sound(path: Path, seconds: float = 0.5) -> Path:
    """A tone and no picture."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=16000, layout="mono")
        tone = np.sin(np.arange(int(16000 * seconds)) / 8).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 16000
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def write_picture(path: Path, picture: Picture) -> Path:
    """Any path, also one that OpenCV would not take; the suffix chooses the format."""
    written, encoded = cv2.imencode(path.suffix, picture[..., ::-1])
    assert written
    path.write_bytes(encoded.tobytes())
    return path
