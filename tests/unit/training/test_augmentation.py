"""Augmented copies: each change does only what it should, and follows the face."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from builders import portrait
from hypothesis import given
from hypothesis import strategies as st

from screener.model.preprocessing import Preprocessing, crop_face
from screener.training.augmentation import Change, changed_crop, draw_change

SMALL = Preprocessing(input_size=64)
SAME = Change(mirrored=False, shift_xy=(0.0, 0.0), scale=1.0, gain=1.0, bias=0.0, jpeg_quality=None)
BOX = np.array([50, 40, 110, 120], np.float32)
CORNER = np.array([-10, -20, 60, 60], np.float32)


@pytest.mark.parametrize("box", [BOX, CORNER, BOX + 0.3])
def test_no_change_is_the_plain_crop(box: np.ndarray) -> None:
    picture = portrait()
    np.testing.assert_array_equal(changed_crop(picture, box, SMALL, SAME), crop_face(picture, box, SMALL))


def test_mirrored() -> None:
    picture = portrait()
    mirrored = changed_crop(picture, BOX, SMALL, replace(SAME, mirrored=True))
    # A pixel of rounding is allowed: the middle of a square of even side lies between two pixels.
    difference = np.abs(mirrored[:, ::-1].astype(int) - crop_face(picture, BOX, SMALL)).mean()
    assert difference < 8 < np.abs(mirrored.astype(int) - crop_face(picture, BOX, SMALL)).mean()


def test_moved_and_scaled_as_a_box_would_be() -> None:
    picture = portrait()
    # 10 % of the longer side, 80 pixels, to the right; and half as large again, around the middle.
    moved = BOX + np.array([8, 0, 8, 0], np.float32)
    np.testing.assert_array_equal(changed_crop(picture, BOX, SMALL, replace(SAME, shift_xy=(0.1, 0.0))), crop_face(picture, moved, SMALL))
    larger = np.array([35, 20, 125, 140], np.float32)
    np.testing.assert_array_equal(changed_crop(picture, BOX, SMALL, replace(SAME, scale=1.5)), crop_face(picture, larger, SMALL))


def test_brightness_is_linear_and_clipped() -> None:
    grey = np.full((160, 160, 3), 100, np.uint8)
    assert set(np.unique(changed_crop(grey, BOX, SMALL, replace(SAME, gain=1.1, bias=-10)))) == {100}
    assert set(np.unique(changed_crop(grey, BOX, SMALL, replace(SAME, gain=3.0)))) == {255}
    assert set(np.unique(changed_crop(grey, BOX, SMALL, replace(SAME, bias=-120.0)))) == {0}


def test_compression_is_that_of_jpeg_and_keeps_the_colours() -> None:
    picture = portrait()
    plain = crop_face(picture, BOX, SMALL).astype(int)
    errors = [np.abs(changed_crop(picture, BOX, SMALL, replace(SAME, jpeg_quality=q)) - plain).mean() for q in (10, 50, 95)]
    assert errors[0] > errors[1] > errors[2] > 0
    red = np.zeros((160, 160, 3), np.uint8)
    red[..., 0] = 200
    assert np.abs(changed_crop(red, BOX, SMALL, replace(SAME, jpeg_quality=95)).mean((0, 1)) - [200, 0, 0]).max() < 4


@given(st.integers(0, 10_000), st.sampled_from([(0.0, 0.0), (-30.0, 100.0), (140.0, 140.0), (60.0, -20.0)]))
def test_every_drawn_change_gives_a_crop(seed: int, corner: tuple[float, float]) -> None:
    box = np.array([*corner, corner[0] + 40, corner[1] + 50], np.float32)
    change = draw_change(np.random.default_rng(seed))
    found = changed_crop(portrait(), box, SMALL, change)
    assert found.shape == (64, 64, 3) and found.dtype == np.uint8
    # The face keeps most of its place: what is seen is the same thing, seen a little differently.
    plain = crop_face(portrait(), box, SMALL)
    seen = found[:, ::-1] if change.mirrored else found
    small, expected = (cv2.resize(p, (4, 4), interpolation=cv2.INTER_AREA).astype(float).ravel() for p in (seen, plain))
    assert np.corrcoef(small, expected)[0, 1] > 0.3


def test_draws_follow_the_generator() -> None:
    assert (
        draw_change(np.random.default_rng([1, 2]))
        == draw_change(np.random.default_rng([1, 2]))
        != draw_change(np.random.default_rng([2, 1]))
    )
