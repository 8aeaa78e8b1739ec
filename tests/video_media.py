"""Generated media in which each frame's brightness encodes its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from encoding import apart

from screener.settings import ScanSettings
from screener.video.ledger import Ledger
from screener.video.sandbox.worker import decode
from screener.video.sources import file_source

FIRST_LEVEL, LEVEL_STEP = 20, 3


def level(number: int) -> int:
    """Brightness of a frame; tells up to 72 frames apart."""
    return FIRST_LEVEL + LEVEL_STEP * number


def number_of(picture_rgb: np.ndarray) -> int:
    """Number of a frame, from its brightness."""
    return round((float(picture_rgb.mean()) - FIRST_LEVEL) / LEVEL_STEP)


@apart
def write_clip(
    path: Path,
    codec: str = "libx264",
    frames: int = 40,
    *,
    size_wh: tuple[int, int] = (96, 64),
    rate: int = 25,
    options: dict[str, str] | None = None,
    pixel_format: str = "yuv420p",
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    milliseconds: Sequence[int] | None = None,
    rotation: int = 0,
    sample_aspect_ratio: Fraction | None = None,
    video_streams: int = 1,
    audio_seconds: float = 0.0,
    picture: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """Encode a clip. milliseconds: presentation time of each frame. picture: frame number -> (H, W, 3) uint8, else flat brightness."""
    width, height = size_wh
    with av.open(str(path), "w", format=container, options=container_options or {}) as output:
        streams = []
        for _ in range(video_streams):
            stream = output.add_stream(codec, rate=rate, options=options or {})
            stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
            if milliseconds is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            if rotation:
                stream.set_display_rotation(rotation)
            if sample_aspect_ratio:
                stream.codec_context.sample_aspect_ratio = sample_aspect_ratio
            streams.append(stream)
        audio = output.add_stream("aac", rate=16000) if audio_seconds else None
        for number in range(frames):
            pixels = np.full((height, width, 3), level(number % 72), np.uint8) if picture is None else picture(number)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            frame.pts = number if milliseconds is None else milliseconds[number]
            frame.time_base = Fraction(1, rate if milliseconds is None else 1000)
            for stream in streams:
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode())
        if audio is not None:
            for block in range(int(audio_seconds * 16000 / 1024)):
                sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                sound.sample_rate, sound.pts, sound.time_base = 16000, block * 1024, Fraction(1, 16000)
                output.mux(audio.encode(sound))
            output.mux(audio.encode())
    return path


def noise(number: int) -> np.ndarray:
    """A moving picture with so much detail that its coding fills bytes worth damaging."""
    blocks = np.random.default_rng(0).integers(0, 255, (8, 12 + 72, 3), np.uint8)
    return np.kron(blocks[:, number : number + 12], np.ones((8, 8, 1), np.uint8))


def read(path: Path, **settings: Any) -> tuple[list[Any], Ledger]:
    """Sampled frames and facts of a file, decoded in this process."""
    decoding = decode(file_source(path), ScanSettings(**settings))
    frames = [frame for frame in decoding.steps() if frame is not None]
    return frames, decoding.ledger
