"""Makes the project's two example clips, examples/genuine.mp4 and examples/manipulated.mp4, from one public-domain portrait.

Source: NASA's portrait of Eileen Collins, public domain, as it ships in scikit-image (`skimage.data.astronaut()`, 512 x 512).

genuine.mp4: a hand-held camera looks at the portrait. Every frame is one resampling of the picture under a slow pan, zoom and roll with
sub-pixel steps, with a gentle flicker of the exposure and fresh sensor noise.

manipulated.mp4: the same frames, noise included, in which the face is replaced the way that a face swap does it. The face to paste is the
portrait's own, mirrored, so that its light comes from the wrong side and its asymmetries are swapped. In each frame it is
    1. reconstructed at 88 x 88 pixels, as the networks of small face swaps do, so it is softer than the hair around it and has no noise;
    2. aligned to the five landmarks that MTCNN finds in that frame, plus a small random error, so it trembles against the head;
    3. given a colour that is a little off, and
    4. pasted in under a soft ellipse, so eyebrows and cheeks show a faint double contour along its edge.
Each of these can be seen on a close look. It is an honest low-technology swap for trying the tool out, and no measure of its accuracy.

Both are encoded with the same codec, size, rate and quality, so nothing but the face differs. The same versions of the libraries give
the same bytes.

    python scripts/make_example_clips.py [--out examples]
"""

from __future__ import annotations

import argparse
import hashlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from screener.faces import MtcnnDetector

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

SIZE_WH = (640, 480)
FPS = 25
FRAMES = 4 * FPS
SEED = 20
CRF = 21

FACE_CENTRE_XY = (226.0, 118.0)
"""Where the camera looks, pixels of the portrait."""

ZOOM = 2.0
"""Pixels of the clip for each pixel of the portrait, at the start."""

NOISE_LEVELS = 2.2
"""Standard deviation of the sensor noise, grey levels."""

SWAP_SIDE_PX = 88
"""Resolution at which the pasted face is reconstructed."""

SWAP_GAIN_RGB = (1.05, 0.985, 0.94)
SWAP_OFFSET_RGB = (5.0, 2.0, -1.0)
"""Colour error of the pasted face."""

JITTER_PX = 0.8
"""Standard deviation of the alignment error of the pasted face, pixels of the clip."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Make examples/genuine.mp4 and examples/manipulated.mp4.")
    parser.add_argument("--out", type=Path, default=Path("examples"), help="folder to write to (default: examples)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    portrait = np.asarray(skimage.data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    genuine = genuine_frames(portrait)
    for name, frames in (("genuine.mp4", genuine), ("manipulated.mp4", manipulated_frames(portrait, genuine))):
        path = out / name
        encode(path, frames)
        content = path.read_bytes()
        print(f"{path}  {len(content)} bytes  sha256 {hashlib.sha256(content).hexdigest()}")


def genuine_frames(portrait_rgb: UInt8) -> list[UInt8]:
    """The portrait as a moving camera sees it: FRAMES pictures of SIZE_WH."""
    rng = np.random.default_rng(SEED)
    exposure = 1.0 + 0.012 * smooth_noise(rng, FRAMES, 4.0)
    tremor_xy = np.stack([1.2 * smooth_noise(rng, FRAMES, 5.0), 1.2 * smooth_noise(rng, FRAMES, 5.0)], axis=1)
    frames = []
    for i, camera in enumerate(camera_path(tremor_xy)):
        seen = cv2.warpAffine(portrait_rgb.astype(np.float32), camera, SIZE_WH, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        frames.append(to_uint8(seen * exposure[i] + sensor_noise(rng)))
    return frames


def camera_path(tremor_xy: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Portrait -> clip, one (2, 3) affine map a frame: a slow drift and push-in, a slight roll, and the tremor of a hand."""
    maps = []
    for i, (tremor_x, tremor_y) in enumerate(tremor_xy):
        phase = i / FRAMES
        roll_degrees = 1.6 * np.sin(2 * np.pi * 0.8 * phase)
        zoom = ZOOM * (1.0 + 0.08 * (0.5 - 0.5 * np.cos(np.pi * phase)))
        look_x = FACE_CENTRE_XY[0] + 14.0 * np.sin(2 * np.pi * 0.6 * phase)
        look_y = FACE_CENTRE_XY[1] + 4.0 * np.cos(2 * np.pi * 0.7 * phase)
        camera = cv2.getRotationMatrix2D((look_x, look_y), roll_degrees, zoom)
        camera[:, 2] += (SIZE_WH[0] / 2 - look_x + tremor_x, SIZE_WH[1] / 2 - look_y + tremor_y)
        maps.append(np.asarray(camera, np.float64))
    return maps


def manipulated_frames(portrait_rgb: UInt8, frames: list[UInt8]) -> list[UInt8]:
    """The same frames with the face replaced; raises RuntimeError when the detector misses the face."""
    rng = np.random.default_rng(SEED + 1)
    detector = MtcnnDetector()
    face, face_landmarks_xy = mirrored_face(portrait_rgb, detector)
    jitter = JITTER_PX * np.stack([smooth_noise(rng, len(frames), 1.0) for _ in range(10)], axis=1).reshape(-1, 5, 2)
    swapped = []
    for frame, error_xy in zip(frames, jitter, strict=True):
        landmarks_xy = find_landmarks(detector, frame) + error_xy.astype(np.float32)
        swapped.append(paste_face(frame, face, face_landmarks_xy, landmarks_xy))
    return swapped


def mirrored_face(portrait_rgb: UInt8, detector: MtcnnDetector) -> tuple[Float32, Float32]:
    """The portrait's face mirrored, at SWAP_SIDE_PX and off in colour, and its (5, 2) landmarks, left in the picture first."""
    boxes = detector.detect(portrait_rgb)
    if not boxes:
        raise RuntimeError("no face found in the portrait: check the face detector with `screener doctor`")
    x0, y0, x1, y1 = (float(v) for v in boxes[0].box_xyxy)
    side = 1.35 * max(x1 - x0, y1 - y0)
    left, top = round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2)
    whole = round(side)
    face = portrait_rgb[top : top + whole, left : left + whole][:, ::-1].astype(np.float32)
    scale = SWAP_SIDE_PX / whole
    face = np.asarray(cv2.resize(face, (SWAP_SIDE_PX, SWAP_SIDE_PX), interpolation=cv2.INTER_AREA), np.float32)
    face = face * np.array(SWAP_GAIN_RGB, np.float32) + np.array(SWAP_OFFSET_RGB, np.float32)
    points = (boxes[0].landmarks_xy - np.array([left, top], np.float32)) * scale
    points[:, 0] = SWAP_SIDE_PX - points[:, 0]
    return face, points[[1, 0, 2, 4, 3]]


def find_landmarks(detector: MtcnnDetector, frame_rgb: UInt8) -> Float32:
    boxes = detector.detect(frame_rgb)
    if not boxes:
        raise RuntimeError("no face found in a frame of the example clip: check the face detector with `screener doctor`")
    return np.asarray(max(boxes, key=lambda box: box.size_px).landmarks_xy, np.float32)


def paste_face(frame_rgb: UInt8, face: Float32, face_landmarks_xy: Float32, landmarks_xy: Float32) -> UInt8:
    """Frame with `face` warped onto `landmarks_xy` under a soft ellipse around eyes, nose and mouth."""
    warp, _ = cv2.estimateAffinePartial2D(face_landmarks_xy, landmarks_xy, method=cv2.LMEDS)
    warped = cv2.warpAffine(face, warp, SIZE_WH, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(soft_ellipse(face_landmarks_xy), warp, SIZE_WH, flags=cv2.INTER_LINEAR)[..., None]
    return to_uint8(frame_rgb * (1.0 - mask) + warped * mask)


def soft_ellipse(landmarks_xy: Float32) -> Float32:
    """(SWAP_SIDE_PX, SWAP_SIDE_PX) weight in [0, 1] of the pasted face: one inside, falling to zero at the outline of the face."""
    eyes, mouth = landmarks_xy[:2].mean(axis=0), landmarks_xy[3:].mean(axis=0)
    centre = 0.52 * eyes + 0.48 * mouth
    half_width = 1.0 * float(np.linalg.norm(landmarks_xy[1] - landmarks_xy[0]))
    half_height = 1.3 * float(np.linalg.norm(mouth - eyes))
    y, x = np.mgrid[0:SWAP_SIDE_PX, 0:SWAP_SIDE_PX].astype(np.float32)
    radius = np.hypot((x - centre[0]) / half_width, (y - centre[1]) / half_height)
    return np.asarray(np.clip((1.0 - radius) / 0.28, 0.0, 1.0), np.float32)


def smooth_noise(rng: np.random.Generator, count: int, smoothing: float) -> NDArray[np.float64]:
    """`count` samples of noise with unit deviation, smoothed over about `smoothing` samples."""
    raw = cv2.GaussianBlur(rng.standard_normal((count, 1)), (1, 0), sigmaX=smoothing, sigmaY=smoothing)[:, 0]
    return np.asarray((raw - raw.mean()) / raw.std(), np.float64)


def sensor_noise(rng: np.random.Generator) -> Float32:
    """(H, W, 3) noise, mostly in brightness, a little in colour."""
    height_width = SIZE_WH[1], SIZE_WH[0]
    grey = rng.standard_normal((*height_width, 1), dtype=np.float32)
    colour = rng.standard_normal((*height_width, 3), dtype=np.float32)
    return np.asarray(NOISE_LEVELS * (0.9 * grey + 0.4 * colour), np.float32)


def to_uint8(picture: NDArray[np.floating]) -> UInt8:
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def encode(path: Path, frames: list[UInt8]) -> None:
    """Writes (H, W, 3) RGB frames as H.264 in MP4; one thread and no time stamps of its own, so that the bytes are reproducible."""
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"crf": str(CRF), "preset": "slow", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
