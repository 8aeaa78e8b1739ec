"""Folders of labelled face pictures -> faces with landmarks, split into training and validation.

Layout: ROOT/<set>/{real,fake}/<picture>. Faces are found once and cached beside the run. Knows files and the face detector. Does not know
blending, tensors or the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import DatasetError
from screener.faces import FaceDetector
from screener.preprocess import cut_square
from screener.training.self_blending import Face

VALIDATION_SHARE = 0.08
"""Share of the pictures held out from training."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """A picture and the one face in it.

    picture_rgb: (H, W, 3) uint8. box_xyxy: (4,) float32. landmarks_xy: (5, 2) float32, pixels of the picture.
    """

    set_name: str
    label: str
    name: str
    picture_rgb: NDArray[np.uint8]
    box_xyxy: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]

    def crop(self, margin: float, shift_xy: tuple[float, float] = (0.0, 0.0)) -> Face:
        """Square crop at the picture's own resolution; margin as in `preprocess`, shift in shares of its side.

        A tightly cut portrait gets a smaller margin rather than a wide mirrored border.
        """
        x0, y0, x1, y1 = (float(v) for v in self.box_xyxy)
        face = max(x1 - x0, y1 - y0)
        side = max(face, min(face * margin, 1.1 * min(self.picture_rgb.shape[:2])))
        centre = np.array([(x0 + x1) / 2 + shift_xy[0] * side, (y0 + y1) / 2 + shift_xy[1] * side])
        square = cut_square(self.picture_rgb, centre[0], centre[1], side)
        corner = np.round(centre - square.shape[0] / 2)
        return Face(square, (self.landmarks_xy - corner).astype(np.float32))


def held_out(name: str, share: float) -> bool:
    """Whether a picture belongs to validation: decided by a hash of its name, so that it never changes as data is added."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") < share * 2**32


def read_faces(root: Path, detector: FaceDetector, cache: Path) -> list[LabelledFace]:
    """Every picture under `root` in which a face was found, in the order of their names.

    Raises DatasetError when `root` holds no labelled pictures or a picture cannot be read.
    """
    paths = sorted(p for p in root.glob("*/*/*") if p.parent.name in ("real", "fake") and p.suffix.lower() in SUFFIXES)
    if not paths:
        raise DatasetError(f"{root}: no pictures found; expected {root.name}/<set>/real/* and {root.name}/<set>/fake/*")
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(_read, paths))
    names = [p.relative_to(root).as_posix() for p in paths]
    boxes = _boxes(names, pictures, detector, cache)
    return list(_labelled(names, pictures, boxes))


def _labelled(names: list[str], pictures: list[NDArray[np.uint8]], boxes: NDArray[np.float32]) -> Iterator[LabelledFace]:
    for name, picture, row in zip(names, pictures, boxes, strict=True):
        if np.isfinite(row).all():
            set_name, label, _ = name.split("/", 2)
            yield LabelledFace(set_name, label, name, picture, row[:4], row[4:].reshape(5, 2))


def _read(path: Path) -> NDArray[np.uint8]:
    content = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if picture is None:
        raise DatasetError(f"{path}: not a readable picture; remove it or convert it")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _boxes(names: list[str], pictures: list[NDArray[np.uint8]], detector: FaceDetector, cache: Path) -> NDArray[np.float32]:
    """(N, 14): box and landmarks of the most central confident face of each picture, NaN where there is none."""
    key = hashlib.sha256("\n".join([*names, str(detector.contract())]).encode()).hexdigest()
    if cache.exists():
        with np.load(cache) as saved:
            if str(saved["key"]) == key:
                return np.asarray(saved["boxes"], np.float32)
    rows = np.full((len(names), 14), np.nan, np.float32)
    for i, picture in enumerate(pictures):
        height, width = picture.shape[:2]
        # Tight portraits fill the picture: a border gives the detector the surroundings it expects.
        border = max(height, width) // 4
        padded = np.asarray(cv2.copyMakeBorder(picture, *(border,) * 4, cv2.BORDER_REPLICATE), np.uint8)
        found = detector.detect(padded)
        if found:
            middle = np.array([width / 2 + border, height / 2 + border])
            best = min(found, key=lambda f: float(np.linalg.norm((f.box_xyxy[:2] + f.box_xyxy[2:]) / 2 - middle)) - 0.5 * f.size_px)
            rows[i] = np.concatenate([best.box_xyxy - border, (best.landmarks_xy - border).reshape(-1)])
    cache.parent.mkdir(parents=True, exist_ok=True)
    temporary = cache.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, key=key, boxes=rows)
    temporary.replace(cache)
    return rows
