"""Draws a number of faces at random, but reproducibly, from a folder of pictures, for scripts that do not need all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.errors import DatasetError
from screener.faces import MtcnnDetector
from screener.model.preprocessing import Preprocessing, crop_face
from screener.training.labelled_pictures import SUFFIXES, read_picture


def drawn_crops(folder: Path, count: int, rules: Preprocessing, seed: int = 0) -> NDArray[np.uint8]:
    """(count, S, S, 3): the largest face of each of so many pictures. Raises DatasetError when too few show one."""
    detector, crops = MtcnnDetector(), []
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    for number in np.random.default_rng(seed).permutation(len(files)):
        picture = read_picture(files[number])
        if found := detector.detect(picture):
            largest = max(found, key=lambda face: np.prod(face.box_xyxy[2:] - face.box_xyxy[:2]))
            crops.append(crop_face(picture, largest.box_xyxy, rules))
        if len(crops) == count:
            return np.stack(crops)
    raise DatasetError(f"{folder}: {len(crops)} of {len(files)} pictures show a face, {count} are needed")
