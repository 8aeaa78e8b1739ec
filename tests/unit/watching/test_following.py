"""Boxes that follow movements in the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from builders import portrait
from numpy.typing import NDArray

from screener.watching.following import Follower


def scene(left: int, top: int, size_wh: tuple[int, int] = (1280, 720)) -> NDArray[np.uint8]:
    """A portrait of 320 pixels on an even ground."""
    picture = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    picture[top : top + 320, left : left + 320] = cv2.resize(portrait(3), (320, 320))
    return picture


def box(left: int, top: int) -> NDArray[np.float32]:
    return np.array([left, top, left + 320, top + 320], np.float32)


@pytest.mark.parametrize("step", [(0, 0), (12, 0), (0, -9), (-20, 15)])
def test_a_box_moves_with_its_face(step: tuple[int, int]) -> None:
    follower = Follower()
    follower.remember(scene(400, 200), {7: box(400, 200)})
    moved = follower.boxes_in(scene(400 + step[0], 200 + step[1]))
    assert moved[7] == pytest.approx(box(400 + step[0], 200 + step[1]), abs=2.0)


def test_nothing_to_hold_on_to_leaves_the_box_where_it_was() -> None:
    follower = Follower()
    follower.remember(scene(400, 200), {7: box(400, 200)})
    moved = follower.boxes_in(np.zeros((720, 1280, 3), np.uint8))
    assert np.isfinite(moved[7]).all()


def test_another_size_or_nobody() -> None:
    follower = Follower()
    assert follower.boxes_in(scene(0, 0)) == {}
    follower.remember(scene(400, 200), {7: box(400, 200)})
    assert follower.boxes_in(scene(0, 0, (640, 480))) == {}
    follower.remember(scene(400, 200), {})
    assert follower.boxes_in(scene(400, 200)) == {}
