"""Generates two short clips with known content: a genuine one of a portrait, and the same with a face pasted over.

Knows pixels and encoders. Does not know how a detector or a network reacts to them. The portrait ships with this package; `portrait.md`
gives its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.runtime.apart import apart

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

PORTRAIT = Path(__file__).with_name("portrait.jpg")
FACE_XYXY = (67.0, 58.2, 153.7, 168.1)
"""The face in the portrait, in pixels of the portrait, as MTCNN finds it in the uncompressed original."""

EYES_XY, MOUTH_XY, EYE_DISTANCE_PX = (111.9, 98.7), (109.5, 136.6), 41.8
"""Midpoints between the eyes and between the corners of the mouth, in pixels of the portrait, and the distance between the eyes."""

SIDE_PX = 360
FPS = 25
FRAMES = 8
ZOOM = 1.65
NOISE_LEVELS = 2.0

PATCH_PX = 32
PATCHES_RGB = np.array([[[200, 40, 40], [40, 150, 40]], [[40, 40, 200], [200, 200, 200]]], np.uint8)
"""Colours of the patches in the corners, as arranged in the picture: they reveal swapped channels, rotation and mirroring."""

SOFTENING = 3.0
GAIN_RGB, OFFSET_RGB = (1.10, 0.97, 0.88), (6.0, 2.0, -4.0)
SLIP_PX = 2.0
"""How the pasted face differs: factor of lost resolution, change of colour, and displacement in pixels."""


@dataclass(frozen=True, eq=False)
class Specimen:
    """genuine, manipulated: FRAMES pictures (SIDE_PX, SIDE_PX, 3) uint8 RGB each, equal except for the face.

    boxes_xyxy: (FRAMES, 4), the face in each.
    """

    genuine: list[UInt8]
    manipulated: list[UInt8]
    boxes_xyxy: Float32


def make_specimen() -> Specimen:
    """The same on every machine, up to rounding."""
    decoded = cv2.imdecode(np.frombuffer(PORTRAIT.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError(f"{PORTRAIT}: OpenCV cannot decode it")
    portrait = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    rng = np.random.default_rng(7)
    genuine, manipulated, boxes = [], [], []
    for camera in (_camera(i / FRAMES) for i in range(FRAMES)):
        seen = cv2.warpAffine(
            portrait.astype(np.float32), camera, (SIDE_PX, SIDE_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        seen = seen + rng.normal(0, NOISE_LEVELS, seen.shape)
        genuine.append(_with_patches(_to_uint8(seen)))
        manipulated.append(_with_patches(_with_pasted_face(_to_uint8(seen), camera)))
        boxes.append(_moved(np.reshape(FACE_XYXY, (2, 2)), camera).ravel())
    return Specimen(genuine, manipulated, np.asarray(boxes, np.float32))


def _camera(phase: float) -> NDArray[np.float64]:
    """Portrait -> frame: (2, 3) affine map of a camera that drifts in subpixel steps."""
    zoom = ZOOM * (1 + 0.02 * phase)
    drift_x, drift_y = 3 * np.sin(2 * np.pi * phase), 2 * np.cos(2 * np.pi * phase)
    middle = 112.0
    return np.array([[zoom, 0, SIDE_PX / 2 - zoom * middle + drift_x], [0, zoom, SIDE_PX / 2 - zoom * middle + drift_y]])


def _moved(points_xy: NDArray[np.float64], camera: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points_xy @ camera[:, :2].T + camera[:, 2], np.float64)


def _with_pasted_face(frame: UInt8, camera: NDArray[np.float64]) -> UInt8:
    """Blend a softer, slightly misplaced copy of the face with wrong colours over it, under an ellipse around eyes and mouth."""
    small = (round(SIDE_PX / SOFTENING),) * 2
    soft = cv2.resize(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    slip = np.array([[1.0, 0.0, SLIP_PX], [0.0, 1.0, -SLIP_PX]])
    soft = cv2.warpAffine(soft, slip, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    pasted = soft * np.array(GAIN_RGB, np.float32) + np.array(OFFSET_RGB, np.float32)
    eyes, mouth = _moved(np.array([EYES_XY, MOUTH_XY]), camera)
    centre = 0.5 * (eyes + mouth)
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX].astype(np.float32)
    half_width, half_height = EYE_DISTANCE_PX * camera[0, 0], 1.3 * float(np.linalg.norm(mouth - eyes))
    radius = np.hypot((x - centre[0]) / half_width, (y - centre[1]) / half_height)
    weight = np.clip((1 - radius) / 0.25, 0, 1)[..., None]
    return _to_uint8(frame * (1 - weight) + pasted * weight)


def _with_patches(frame: UInt8) -> UInt8:
    patched = frame.copy()
    for row in (0, 1):
        for column in (0, 1):
            corner(patched, row, column)[:] = PATCHES_RGB[row, column]
    return patched


def corner(frame: UInt8, row: int, column: int) -> UInt8:
    """The patch in a corner of a frame, as a view: row 0 is the top, column 0 the left."""
    rows, columns = (slice(0, PATCH_PX) if place == 0 else slice(-PATCH_PX, None) for place in (row, column))
    return frame[rows, columns]


def _to_uint8(picture: NDArray[np.floating]) -> UInt8:
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


@apart
def encode(
    path: Path,
    frames: Iterable[UInt8],
    encoder: str,
    options: Mapping[str, str] | None = None,
    pixel_format: str = "yuv420p",
    fps: int = FPS,
    bit_rate: int = 4_000_000,
) -> None:
    """Write (H, W, 3) RGB frames of one size into the container given by the path's suffix. Raises av.error.FFmpegError."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=Fraction(fps), options=dict(options or {}))
        assert isinstance(stream, VideoStream)
        stream.pix_fmt, stream.bit_rate = pixel_format, bit_rate
        for number, picture in enumerate(frames):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
