"""Labelled pictures in any layout in, faces with landmarks out, split into training and validation.

Faces are found once and cached beside the run; pictures are read when needed. Knows files and the face detector. Does not know blending,
tensors or the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.datasets.item import LABELS, SPLIT_NAMES, LabelledItem
from screener.errors import DatasetError
from screener.faces import FaceDetector
from screener.model.preprocessing import square_around
from screener.runtime.files import make_folder, telling, whole_file
from screener.training.self_blending import Face

VALIDATION_SHARE = 0.08
"""Share of the pictures held out from training."""

READERS = 4
"""Threads that read pictures."""

LABEL_NAMES = {number: name for name, number in LABELS.items()}

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """A picture and the one face in it.

    source: the file, read each time it is needed, or the picture itself, (H, W, 3) RGB uint8. size_hw: of the picture.
    box_xyxy: (4,) float32. landmarks_xy: (5, 2) float32, pixels of the picture.
    group: an original and the fakes made from it are one group and are never split. method: how a fake was made. sources: names of the
    originals it was made from, if the data set says.
    """

    set_name: str
    label: str
    name: str
    source: Path | NDArray[np.uint8]
    size_hw: tuple[int, int]
    box_xyxy: NDArray[np.float32]
    landmarks_xy: NDArray[np.float32]
    group: str = ""
    method: str = ""
    sources: tuple[str, ...] = ()

    @property
    def picture_rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8. Raises DatasetError if the file is gone or no longer a picture."""
        return read_picture(self.source) if isinstance(self.source, Path) else self.source

    @property
    def widest(self) -> float:
        """The largest margin, as in `preprocessing`, whose square fits into the picture; below 1 for a face that is cut off."""
        x0, y0, x1, y1 = (float(v) for v in self.box_xyxy)
        return min(self.size_hw) / max(x1 - x0, y1 - y0)

    def crop(self, margin: float, shift_xy: tuple[float, float] = (0.0, 0.0)) -> Face:
        """Square crop at the picture's own resolution; margin as in `preprocessing`, shift relative to its side.

        It is shrunk and moved to lie inside the picture: in videos almost no crop has the mirrored border that a scan would add here, and a
        network that learnt on such borders has never seen hair before a background.
        """
        height, width = self.size_hw
        x, y, side = square_around(self.box_xyxy, min(margin, self.widest))
        whole = min(max(2, round(side)), height, width)
        left = min(max(round(x + shift_xy[0] * side - whole / 2), 0), width - whole)
        top = min(max(round(y + shift_xy[1] * side - whole / 2), 0), height - whole)
        square = self.picture_rgb[top : top + whole, left : left + whole].copy()
        return Face(square, (self.landmarks_xy - (left, top)).astype(np.float32))


def held_out(name: str, share: float) -> bool:
    """Whether a picture belongs to validation: decided by a hash of its name, so that adding data does not change it."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:4], "big") < share * 2**32


def read_item_faces(items: Sequence[LabelledItem], detector: FaceDetector, cache: Path) -> list[LabelledFace]:
    """The faces of labelled pictures in any layout, in order, without those in which no face was found.

    Faces are found once and stored in `cache`. Raises DatasetError if a picture cannot be read.
    """
    rows = _found(items, detector, cache)
    return [
        LabelledFace(
            set_name, LABEL_NAMES[item.label], item.name, item.path, (int(row[14]), int(row[15])),
            row[:4], row[4:14].reshape(5, 2), item.group, item.method, item.sources,
        )
        for item, set_name, row in zip(items, _sets_of(items), rows, strict=True)
        if np.isfinite(row).all()
    ]  # fmt: skip


def _sets_of(items: Sequence[LabelledItem]) -> list[str]:
    """The data set of each item as the data names it; if it has one name for all, the folder above `real` or `fake`, if there is one."""
    if len({item.set_name for item in items}) > 1:
        return [item.set_name for item in items]
    return [_folder_above_label(item.name) or item.set_name or "pictures" for item in items]


def _folder_above_label(name: str) -> str:
    folders = posix(name).parts[:-1]
    if posix(name).is_absolute() or not (labels := [place for place, folder in enumerate(folders) if folder in LABELS]):
        return ""
    above = [folder for folder in folders[: labels[0]] if folder.lower() not in SPLIT_NAMES]
    return above[-1] if above else ""


def posix(name: str) -> PurePosixPath:
    """The path of a name in a data set, which may have been written on Windows."""
    return PurePosixPath(name.replace("\\", "/"))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB uint8. Raises DatasetError if it cannot be read."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if picture is None:
        raise DatasetError(f"{path}: not a readable picture; remove it or convert it")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def face_key(names: Sequence[str], detector: FaceDetector) -> str:
    """Key of a cache of faces: identifies the pictures and the detector."""
    return hashlib.sha256("\n".join([*names, str(detector.contract())]).encode("utf-8", "surrogateescape")).hexdigest()


def _found(items: Sequence[LabelledItem], detector: FaceDetector, cache: Path) -> NDArray[np.float32]:
    """(N, 16): box and landmarks of the most central confident face of each picture, NaN if there is none, and the picture's size."""
    key = face_key([item.name for item in items], detector)
    if cache.exists():
        with np.load(cache) as saved:
            if str(saved["key"]) == key:
                return np.asarray(saved["faces"], np.float32)
    rows = np.full((len(items), 16), np.nan, np.float32)
    with ThreadPoolExecutor(READERS) as pool:
        for number, picture in enumerate(_in_order(pool, [item.path for item in items])):
            rows[number, 14:] = picture.shape[:2]
            _find(picture, detector, rows[number])
    make_folder(cache.parent)
    with whole_file(cache) as file, telling(cache):
        np.savez(file, key=key, faces=rows)
    return rows


def _in_order(pool: ThreadPoolExecutor, paths: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
    """Pictures, read slightly ahead, so that no data set has to fit into memory."""
    for first in range(0, len(paths), 8 * READERS):
        yield from pool.map(read_picture, paths[first : first + 8 * READERS])


def _find(picture: NDArray[np.uint8], detector: FaceDetector, row: NDArray[np.float32]) -> None:
    height, width = picture.shape[:2]
    # Tight portraits fill the picture: a border provides the surroundings that the detector expects.
    border = max(height, width) // 4
    found = detector.detect(np.asarray(cv2.copyMakeBorder(picture, *(border,) * 4, cv2.BORDER_REPLICATE), np.uint8))
    if found:
        middle = np.array([width / 2 + border, height / 2 + border])
        best = min(found, key=lambda f: float(np.linalg.norm((f.box_xyxy[:2] + f.box_xyxy[2:]) / 2 - middle)) - 0.5 * f.size_px)
        row[:14] = np.concatenate([best.box_xyxy - border, (best.landmarks_xy - border).reshape(-1)])
