"""How much two pictures differ, relative to the effect of encoding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from screener.comparison.differences import LEAST_DIFFERENCE, cell_map, cells_of, common_size, grid_shape, learnt_from
from screener.encoding.h264 import through_h264


def picture(seed: int = 0) -> np.ndarray:
    """Smooth on the left, lively on the right."""
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.integers(40, 200, (6, 8, 3), np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    lively = cv2.GaussianBlur(rng.normal(0, 60, (240, 320, 3)).astype(np.float32), (0, 0), 1.5)
    lively *= np.linspace(0, 2.5, 320)[None, :, None]
    return np.clip(smooth + lively, 0, 255).astype(np.uint8)


def excess(a: np.ndarray, b: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """Of the cells of a box, learnt from all others."""
    size_wh = common_size((a.shape[1], a.shape[0]), (b.shape[1], b.shape[0]))
    shape, scale = grid_shape(size_wh, (a.shape[1], a.shape[0]))
    inside = cells_of(np.array(box, np.float32), shape, scale)
    outside = np.ones(shape, bool)
    outside[inside] = False
    cells = cell_map(a, b, outside)
    expected = learnt_from(cells.differences[outside], cells.liveliness[outside]).of(cells.liveliness[inside])
    return float(cells.differences[inside].sum() / expected.sum())


BOXES = [(32, 64, 112, 176), (200, 64, 280, 176)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("crf", [20, 32, 40])
def test_an_encoder_changes_a_place_no_more_than_the_rest(crf: int, box: tuple[int, int, int, int]) -> None:
    assert excess(picture(), through_h264(picture(), crf), box) < 1.6


@pytest.mark.parametrize("box", BOXES)
def test_a_place_that_was_changed_stands_out(box: tuple[int, int, int, int]) -> None:
    changed = picture()
    x0, y0, x1, y1 = box
    changed[y0:y1, x0:x1] = changed[y0:y1, x0:x1][:, ::-1]
    assert excess(picture(), through_h264(changed, 32), box) > 4


@pytest.mark.parametrize("size", [0.5, 0.75, 1.3])
def test_another_size_is_no_difference(size: float) -> None:
    small = cv2.resize(picture(), None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    assert excess(picture(), small, BOXES[0]) < 1.6


def test_levels_are_no_difference() -> None:
    brighter = np.clip(picture() * 0.8 + 30, 0, 255).astype(np.uint8)
    a = np.clip(picture(), 20, 230)
    b = np.clip(brighter, 46, 214)
    assert float(cell_map(a, b).differences.mean()) < 1.5


def test_a_fraction_of_a_pixel_is_taken_back() -> None:
    move = np.array([[1, 0, 0.5], [0, 1, -0.3]])
    moved = cv2.warpAffine(picture(), move, (320, 240), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    still = np.abs(cv2.GaussianBlur(picture(), (0, 0), 1.2).astype(float) - cv2.GaussianBlur(moved, (0, 0), 1.2)).mean()
    assert float(cell_map(picture(), moved).differences.mean()) < 0.5 * still


def test_equal_pictures_do_not_differ_and_expect_the_least() -> None:
    cells = cell_map(picture(), picture())
    assert float(cells.differences.max()) < 0.01
    assert learnt_from(cells.differences.ravel(), cells.liveliness.ravel()).of(np.float32([0, 9])) == pytest.approx(LEAST_DIFFERENCE)


def test_what_is_expected_grows_with_liveliness() -> None:
    liveliness = np.linspace(0, 20, 400).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.1, 400)
    differences = (1 + 0.25 * liveliness + noise).astype(np.float32)
    differences[::5] += 30  # a fifth was changed
    found = learnt_from(differences, liveliness)
    assert found.base == pytest.approx(1, abs=0.3) and found.slope == pytest.approx(0.25, abs=0.05)


def test_the_common_size_is_the_smaller_one_in_whole_cells() -> None:
    assert common_size((1920, 1080), (640, 360)) == (640, 360)
    assert common_size((320, 242), (1920, 1080)) == (320, 240)
    assert common_size((4, 3), (8, 6)) == (16, 16)
