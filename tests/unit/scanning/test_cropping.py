"""Frames to crops: which faces are used, and in what groups frames are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from builders import TINY_PREPROCESSING
from skimage.data import astronaut

from screener.records import FaceBox, Frame
from screener.scanning.cropping import Cropper, glances_of

PORTRAIT = np.ascontiguousarray(astronaut()[:320, 60:380], np.uint8)


def face(size_px: float = 97.0, shift: float = 0.0) -> FaceBox:
    box = np.array([115 + shift, 70, 115 + shift + size_px, 70 + size_px], np.float32)
    return FaceBox(box, 0.99, np.tile(box[:2] + size_px / 2, (5, 1)).astype(np.float32))


class OneFace:
    """A detector that finds the same face everywhere."""

    name, pictures_at_once = "one face", 1

    def detect(self, picture_rgb: Any) -> list[FaceBox]:
        return [face()]

    def detect_all(self, pictures_rgb: Sequence[Any]) -> list[list[FaceBox]]:
        return [[face()] for _ in pictures_rgb]

    def follow(self, picture_rgb: Any, faces: Sequence[FaceBox]) -> list[FaceBox]:
        return list(faces)

    def is_small(self, face: FaceBox, size_wh: tuple[int, int]) -> bool:
        return False

    def contract(self) -> dict[str, Any]:
        return {}


def frames(seconds: Sequence[float], picture: np.ndarray = PORTRAIT) -> list[Frame]:
    return [Frame(picture, moment, number) for number, moment in enumerate(seconds)]


def cropper(detector: Any, min_face_px: int = 40, min_sharpness: float = 0.0) -> Cropper:
    return Cropper(detector, TINY_PREPROCESSING, min_face_px, min_sharpness)


@pytest.mark.parametrize(("changes", "count"), [({}, "none"), ({"min_face_px": 120}, "too_small"), ({"min_sharpness": 1e9}, "too_blurred")])
def test_every_face_is_seen_and_good_ones_are_cropped(changes: dict[str, Any], count: str) -> None:
    looking = cropper(OneFace(), **changes)
    crops = [crop for found in looking.crops(frames([0.0, 0.5])) for crop in found]
    (seen,) = looking.sightings.values()
    assert (seen.frames_seen, seen.first_seconds, seen.last_seconds) == (2, 0.0, 0.5)
    assert {"too_small": seen.too_small, "too_blurred": seen.too_blurred, "none": 2 - seen.too_small - seen.too_blurred}[count] == 2
    assert [crop.frame_index for crop in crops] == ([0, 1] if count == "none" else [])
    assert all(crop.crop_rgb.shape == (64, 64, 3) and crop.track_id == seen.track_id for crop in crops)


@pytest.mark.parametrize("threads", [1, 3])
def test_groups_come_in_order_and_the_first_has_one_frame(threads: int) -> None:
    given = frames(np.arange(10) / 10)
    groups = [glances for glances, _ in glances_of(cropper(OneFace()), iter(given), 4, threads, lambda: None)]
    assert [len(group) for group in groups] == [1, 4, 4, 1]
    assert [glance.frame_index for group in groups for glance, _ in group] == list(range(10))
