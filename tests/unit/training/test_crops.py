"""Files to crops: the largest face, its copies, and a reason for every file that gives fewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import TINY_PREPROCESSING, box, portrait

from screener.datasets import LabelledItem
from screener.model.preprocessing import crop_face, resize_square
from screener.records import FaceBox
from screener.settings import ExtractSettings
from screener.training.augmentation import changed_crop, draw_change
from screener.training.crops import BadFile, CropReader, ItemCrop, ItemEnd, largest

Picture = np.ndarray[Any, np.dtype[np.uint8]]


class Scripted:
    """A detector that finds what it is told to, whatever it is shown."""

    name = "scripted"

    def __init__(self, *faces: FaceBox) -> None:
        self.faces = list(faces)

    def detect(self, picture_rgb: Picture) -> list[FaceBox]:
        return self.faces

    def contract(self) -> dict[str, Any]:
        return {}


def items(folder: Path, *pictures: Picture) -> list[LabelledItem]:
    found = []
    for number, picture in enumerate(pictures):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), picture[..., ::-1])
        found.append(LabelledItem(path, path.name, number % 2, path.name))
    return found


def reader(found: list[LabelledItem], detector: Scripted | None, copies: int = 0, **settings: Any) -> CropReader:
    return CropReader(found, [copies] * len(found), detector, TINY_PREPROCESSING, ExtractSettings(**settings))


def test_the_largest_face_of_a_picture(tmp_path: Path) -> None:
    picture = portrait(1)
    near, far = box(30, 30, 110, 120), box(5, 5, 50, 60)
    crop, end = reader(items(tmp_path, picture), Scripted(far, near)).read([0])
    assert isinstance(crop, ItemCrop) and (crop.item, crop.seconds, crop.copy) == (0, None, 0)
    np.testing.assert_array_equal(crop.crop_rgb, crop_face(picture, near.box_xyxy, TINY_PREPROCESSING))
    assert end == ItemEnd(None)
    assert largest([]) is None and largest([far, near]) is near


def test_copies_follow_the_seed_and_the_file(tmp_path: Path) -> None:
    picture, face = portrait(1), box(30, 30, 110, 120)
    found = list(reader(items(tmp_path, picture, picture), Scripted(face), copies=2, seed=5).read([0, 1]))
    crops = [one for one in found if isinstance(one, ItemCrop)]
    assert [(c.item, c.copy) for c in crops] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    change = draw_change(np.random.default_rng([5, 1, 0, 2]))
    np.testing.assert_array_equal(crops[5].crop_rgb, changed_crop(picture, face.box_xyxy, TINY_PREPROCESSING, change))
    assert len({c.crop_rgb.tobytes() for c in crops}) == 5, "the two plain crops are the same picture, and nothing else is"


def test_pictures_that_are_crops_already(tmp_path: Path) -> None:
    wide = np.hstack([portrait(1, 80), portrait(2, 80)])
    (crop, end) = reader(items(tmp_path, wide), None).read([0])
    assert isinstance(crop, ItemCrop) and end == ItemEnd(None)
    np.testing.assert_array_equal(crop.crop_rgb, resize_square(wide[:, 40:120], 64))


@pytest.mark.parametrize(("faces", "reason"), [((), "no_face"), ((box(10, 10, 45, 60),), "too_small")])
def test_a_picture_without_a_face_to_take(tmp_path: Path, faces: tuple[FaceBox, ...], reason: str) -> None:
    (end,) = reader(items(tmp_path, portrait()), Scripted(*faces)).read([0])
    assert isinstance(end, ItemEnd) and end.bad is not None
    assert (end.bad.name, end.bad.reason, end.bad.crops) == ("0.png", reason, 0)
    assert end.bad.detail.startswith("0.png: ")


def test_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    found = items(tmp_path, portrait(0), portrait(1), portrait(2), portrait(3))
    found[0].path.write_bytes(found[0].path.read_bytes()[:200])
    found[1].path.unlink()
    found[2].path.write_bytes(b"")
    ends = [one.bad for one in reader(found, None).read([0, 1, 2, 3]) if isinstance(one, ItemEnd)]
    assert [bad.reason if bad else "" for bad in ends] == ["corrupt", "not_found", "empty", ""]
    assert all(isinstance(bad, BadFile) and bad.name in bad.detail for bad in ends[:3])


def test_only_the_files_asked_for(tmp_path: Path) -> None:
    crops = [one for one in reader(items(tmp_path, *map(portrait, range(4))), None).read([3, 1]) if isinstance(one, ItemCrop)]
    assert [crop.item for crop in crops] == [3, 1]
