"""Frames to crops: which frames and faces are used, and when whole pictures are searched for faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from builders import TINY_PREPROCESSING
from skimage.data import astronaut

from screener.faces import MtcnnDetector
from screener.records import FaceBox, Frame
from screener.scanning.cropping import Cropper

PORTRAIT = np.ascontiguousarray(astronaut()[:320, 60:380], np.uint8)


def face(size_px: float = 97.0, shift: float = 0.0) -> FaceBox:
    box = np.array([115 + shift, 70, 115 + shift + size_px, 70 + size_px], np.float32)
    return FaceBox(box, 0.99, np.tile(box[:2] + size_px / 2, (5, 1)).astype(np.float32))


class Scripted:
    """A detector that says what it was told, and remembers how it was asked."""

    name, pictures_at_once = "scripted", 1

    def __init__(self, found: Sequence[list[FaceBox]] = (), followed: Sequence[list[FaceBox]] = ()) -> None:
        self.asked: list[str] = []
        self._found, self._followed = list(found), list(followed)

    def detect(self, picture_rgb: Any) -> list[FaceBox]:
        self.asked.append("whole")
        return self._found.pop(0) if self._found else [face()]

    def detect_all(self, pictures_rgb: Sequence[Any]) -> list[list[FaceBox]]:
        return [self.detect(picture) for picture in pictures_rgb]

    def follow(self, picture_rgb: Any, faces: Sequence[FaceBox]) -> list[FaceBox]:
        self.asked.append("near")
        return self._followed.pop(0) if self._followed else list(faces)

    def contract(self) -> dict[str, Any]:
        return {}


def frames(seconds: Sequence[float], picture: np.ndarray = PORTRAIT) -> list[Frame]:
    return [Frame(picture, moment, number) for number, moment in enumerate(seconds)]


def cropper(detector: Any, detect_every: int = 1, min_face_px: int = 40, min_sharpness: float = 0.0) -> Cropper:
    return Cropper(detector, TINY_PREPROCESSING, min_face_px, min_sharpness, detect_every)


@pytest.mark.parametrize(("changes", "count"), [({}, "none"), ({"min_face_px": 120}, "too_small"), ({"min_sharpness": 1e9}, "too_blurred")])
def test_every_face_is_seen_and_good_ones_are_cropped(changes: dict[str, Any], count: str) -> None:
    looking = cropper(Scripted(), **changes)
    crops = [crop for found in looking.crops(frames([0.0, 0.5])) for crop in found]
    (seen,) = looking.sightings.values()
    assert (seen.frames_seen, seen.first_seconds, seen.last_seconds) == (2, 0.0, 0.5)
    assert {"too_small": seen.too_small, "too_blurred": seen.too_blurred, "none": 2 - seen.too_small - seen.too_blurred}[count] == 2
    assert [crop.frame_index for crop in crops] == ([0, 1] if count == "none" else [])
    assert all(crop.crop_rgb.shape == (64, 64, 3) and crop.track_id == seen.track_id for crop in crops)


def test_whole_pictures_every_so_often_and_faces_followed_between() -> None:
    detector = Scripted()
    cropper(detector, 3).crops(frames(np.arange(7) / 25))
    assert detector.asked == ["whole", "near", "near", "whole", "near", "near", "whole"]


def test_by_default_every_picture_is_searched() -> None:
    detector = Scripted()
    cropper(detector).crops(frames(np.arange(4) / 25))
    assert detector.asked == ["whole"] * 4


@pytest.mark.parametrize("seconds", [[0.0, 0.3, 0.6], [0.5, 0.4, 0.3]])
def test_frames_far_apart_or_out_of_order_are_searched_whole(seconds: list[float]) -> None:
    detector = Scripted()
    cropper(detector, 3).crops(frames(seconds))
    assert detector.asked == ["whole"] * 3


def test_a_lost_face_is_a_reason_to_search_at_once() -> None:
    detector = Scripted(followed=[[], [face()]])
    cropper(detector, 4).crops(frames(np.arange(4) / 25))
    assert detector.asked == ["whole", "near", "whole", "near", "near"]


def test_without_a_face_there_is_nothing_to_follow() -> None:
    detector = Scripted(found=[[], [], [face()]], followed=[[face()]])
    cropper(detector, 3).crops(frames(np.arange(4) / 25))
    assert detector.asked.count("whole") == 3
    assert detector.asked[-1] == "near"


def test_another_size_of_picture_is_searched_whole() -> None:
    detector = Scripted()
    one, other = frames([0.0, 0.04])
    cropper(detector, 3).crops([one, Frame(np.ascontiguousarray(other.picture_rgb[:300]), 0.04, 1)])
    assert detector.asked == ["whole", "whole"]


def test_a_followed_face_lies_where_it_is_found() -> None:
    """With the real networks, from a box that is a little off."""
    detector = MtcnnDetector()
    (found,) = detector.detect(PORTRAIT)
    off = FaceBox(found.box_xyxy + np.float32([6, -5, 6, -5]), 0.99, found.landmarks_xy)
    (followed,) = detector.follow(PORTRAIT, [off])
    assert np.abs(followed.box_xyxy - found.box_xyxy).max() < 12
    assert np.abs(followed.landmarks_xy - found.landmarks_xy).max() < 6
    assert detector.follow(PORTRAIT, []) == []
    assert detector.follow(np.full_like(PORTRAIT, 90), [off]) == []
