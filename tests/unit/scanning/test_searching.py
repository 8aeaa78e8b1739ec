"""When a picture is searched whole for faces and when quickly, and what a quick search finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from screener.faces import MtcnnDetector
from screener.records import FaceBox, Frame
from screener.scanning.searching import Searching

PORTRAIT = np.ascontiguousarray(astronaut()[:320, 60:380], np.uint8)
EVERY = 4
LARGE_PX = 95.0


def face(shift_px: float = 0.0, size_px: float = 90.0) -> FaceBox:
    box = np.array([115 + shift_px, 70, 115 + shift_px + size_px, 70 + size_px], np.float32)
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
        self.asked.append("quick")
        return self._followed.pop(0) if self._followed else list(faces)

    def is_small(self, face: FaceBox, size_wh: tuple[int, int]) -> bool:
        return face.size_px < LARGE_PX

    def contract(self) -> dict[str, Any]:
        return {}


def frames(seconds: Sequence[float], picture: np.ndarray = PORTRAIT) -> list[Frame]:
    return [Frame(picture, moment, number) for number, moment in enumerate(seconds)]


def asked_for(detector: Scripted, given: list[Frame], every: int = EVERY) -> list[str]:
    assert len(Searching(detector, every).faces(given)) == len(given)
    return detector.asked


def test_one_whole_search_and_quick_ones_after_it() -> None:
    assert asked_for(Scripted(), frames(np.arange(6) / 4)) == ["whole", "quick", "quick", "quick", "whole", "quick"]


def test_every_frame_searched_whole_if_so_asked() -> None:
    assert asked_for(Scripted(), frames(np.arange(4) / 25), every=1) == ["whole"] * 4


def test_groups_do_not_know_each_other() -> None:
    searching, detector = Searching(given := Scripted(), EVERY), given
    for _ in range(3):
        searching.faces(frames([0.0]))
    assert detector.asked == ["whole"] * 3


@pytest.mark.parametrize("seconds", [[0.0, 1.1, 2.2], [0.5, 0.4, 0.3]])
def test_frames_far_apart_or_out_of_order_are_searched_whole(seconds: list[float]) -> None:
    assert asked_for(Scripted(), frames(seconds)) == ["whole"] * 3


@pytest.mark.parametrize("seen", [[], [face(shift_px=60)], [face(size_px=200)]], ids=["gone", "elsewhere", "of another size"])
def test_a_small_face_that_is_lost_is_a_reason_to_search_whole_to_the_end_of_the_group(seen: list[FaceBox]) -> None:
    assert asked_for(Scripted(followed=[seen]), frames(np.arange(4) / 4)) == ["whole", "quick", "whole", "whole", "whole"]


def test_a_large_face_that_is_gone_is_gone() -> None:
    detector = Scripted(found=[[face(size_px=100)]], followed=[[], []])
    assert [len(faces) for faces in Searching(detector, EVERY).faces(frames(np.arange(2) / 4))] == [1, 0]
    assert detector.asked == ["whole", "quick"]


def test_two_faces_found_again_as_one_are_a_reason_to_search_whole() -> None:
    detector = Scripted(found=[[face(), face(shift_px=20)]], followed=[[face(shift_px=10), face(shift_px=150)]])
    assert asked_for(detector, frames(np.arange(2) / 4)) == ["whole", "quick", "whole"]


def test_a_newcomer_that_a_quick_search_finds_is_kept_and_must_be_found_again() -> None:
    both = [face(), face(shift_px=150)]
    detector = Scripted(followed=[both, [face()]])
    found = Searching(detector, EVERY).faces(frames(np.arange(3) / 4))
    assert len(found[1]) == 2
    assert detector.asked == ["whole", "quick", "quick", "whole"]


def test_without_a_face_there_is_nothing_to_follow() -> None:
    assert asked_for(Scripted(found=[[], [], [face()]]), frames(np.arange(4) / 4)) == ["whole"] * 3 + ["quick"]


def test_another_size_of_picture_is_searched_whole() -> None:
    one, other = frames([0.0, 0.25])
    smaller = Frame(np.ascontiguousarray(other.picture_rgb[:300]), 0.25, 1)
    assert asked_for(Scripted(), [one, smaller]) == ["whole", "whole"]


def test_another_shot_is_searched_whole_though_a_face_is_where_one_was() -> None:
    one, other = frames([0.0, 0.25])
    elsewhere = Frame(np.ascontiguousarray(255 - np.rot90(other.picture_rgb, 2)), 0.25, 1)
    assert asked_for(Scripted(), [one, elsewhere]) == ["whole", "whole"]


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


def test_a_quick_search_finds_large_newcomers_and_small_faces_only_where_they_were() -> None:
    detector = MtcnnDetector()
    wide = np.full((360, 640, 3), 90, np.uint8)
    small = cv2.resize(PORTRAIT, (60, 60), interpolation=cv2.INTER_AREA)
    wide[20:340, 20:340] = PORTRAIT
    wide[200:260, 500:560] = small
    large_face, small_face = sorted(detector.detect(wide), key=lambda box: -box.size_px)
    assert large_face.size_px > 60 and small_face.size_px < 18
    (only,) = detector.follow(wide, [large_face])
    assert np.abs(only.box_xyxy - large_face.box_xyxy).max() < 12
    newcomer, kept = sorted(detector.follow(wide, [small_face]), key=lambda box: -box.size_px)
    assert np.abs(newcomer.box_xyxy - large_face.box_xyxy).max() < 12
    assert np.abs(kept.box_xyxy - small_face.box_xyxy).max() < 6
