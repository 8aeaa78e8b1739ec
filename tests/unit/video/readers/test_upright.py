"""Rotation and mirroring: each of the eight orientations against a picture placed point by point."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from screener.video.container.facts import mirrors
from screener.video.readers.upright import lies_on_its_side, squared, upright

ONE = 65536
PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
WAYS = [(a, 0, 0, d) for a, d in itertools.product((1, -1), repeat=2)] + [(0, b, c, 0) for b, c in itertools.product((1, -1), repeat=2)]


def matrix(a: float, b: float, c: float, d: float) -> tuple[int, ...]:
    return tuple(int(value) for value in (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 7 << 16, 3 << 16, 1 << 30))


def placed(picture: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Each point (x, y) at (a x + c y, b x + d y), moved into view."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    x, y = a * columns + c * rows, b * columns + d * rows
    x, y = x - x.min(), y - y.min()
    shown = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    shown[y, x] = picture
    return shown


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_turn_and_to_mirror(way: tuple[int, int, int, int]) -> None:
    shown = upright(PICTURE, matrix(*way))
    np.testing.assert_array_equal(shown, placed(PICTURE, *way))
    assert shown.flags.c_contiguous
    assert lies_on_its_side(matrix(*way)) == bool(way[1])
    assert mirrors(matrix(*way)) == (way[0] * way[3] - way[1] * way[2] < 0)


def test_without_a_matrix_and_at_other_angles_nothing_is_turned() -> None:
    for given in ((), matrix(0.7071, 0.7071, -0.7071, 0.7071), (0,) * 9):
        assert upright(PICTURE, given) is PICTURE and not lies_on_its_side(given)


def test_a_matrix_that_also_scales_turns_all_the_same() -> None:
    np.testing.assert_array_equal(upright(PICTURE, matrix(0, 2, -2, 0)), upright(PICTURE, matrix(0, 1, -1, 0)))
    np.testing.assert_array_equal(upright(PICTURE, matrix(1.5, 0.01, -0.01, -1.5)), PICTURE[::-1])


@pytest.mark.parametrize(("sideways", "size_hw"), [(False, (4, 12)), (True, (8, 6))])
def test_wide_pixels_are_stretched_along_the_side_they_lie_on(sideways: bool, size_hw: tuple[int, int]) -> None:
    assert squared(PICTURE, 2.0, sideways).shape[:2] == size_hw
