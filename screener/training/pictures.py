"""Folders of labelled face pictures -> faces with landmarks, split into training and validation.

Layout: ROOT/<set>/{real,fake}/<picture>. Faces are found once and cached beside the run. Knows files and the face detector. Does not know
blending, tensors or the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.datasets.item import LABELS, LabelledItem
from screener.errors import DatasetError
from screener.faces import FaceDetector
from screener.model.preprocessing import cut_square, square_around
from screener.training.self_blending import Face

VALIDATION_SHARE = 0.08
"""Share of the pictures held out from training."""

LABEL_NAMES = {number: name for name, number in LABELS.items()}

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

    def square(self, margin: float) -> tuple[float, float, float]:
        """(centre x, centre y, side) of the crop; a tightly cut portrait gets a smaller margin rather than a wide mirrored border."""
        x, y, side = square_around(self.box_xyxy, margin)
        return x, y, max(side / margin, min(side, 1.1 * min(self.picture_rgb.shape[:2])))

    def inside_share(self, margin: float) -> float:
        """Share of the crop that lies inside the picture; the rest can only be mirrored."""
        height, width = self.picture_rgb.shape[:2]
        x, y, side = self.square(margin)
        inside_x = min(x + side / 2, width) - max(x - side / 2, 0.0)
        inside_y = min(y + side / 2, height) - max(y - side / 2, 0.0)
        return float(max(0.0, inside_x) * max(0.0, inside_y) / side**2)

    def crop(self, margin: float, shift_xy: tuple[float, float] = (0.0, 0.0)) -> Face:
        """Square crop at the picture's own resolution; margin as in `preprocess`, shift in shares of its side."""
        x, y, side = self.square(margin)
        centre = np.array([x + shift_xy[0] * side, y + shift_xy[1] * side])
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


def read_item_faces(items: Sequence[LabelledItem], detector: FaceDetector, cache: Path) -> list[LabelledFace]:
    """The faces of labelled pictures of any layout, in their order; those without a face are left out.

    Raises DatasetError when a picture cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(_read, [item.path for item in items]))
    boxes = _boxes([item.name for item in items], pictures, detector, cache)
    return [
        LabelledFace(item.set_name or "pictures", LABEL_NAMES[item.label], item.name, picture, row[:4], row[4:].reshape(5, 2))
        for item, picture, row in zip(items, pictures, boxes, strict=True)
        if np.isfinite(row).all()
    ]


def _labelled(names: list[str], pictures: list[NDArray[np.uint8]], boxes: NDArray[np.float32]) -> Iterator[LabelledFace]:
    for name, picture, row in zip(names, pictures, boxes, strict=True):
        if np.isfinite(row).all():
            set_name, label, _ = name.split("/", 2)
            yield LabelledFace(set_name, label, name, picture, row[:4], row[4:].reshape(5, 2))


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
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
