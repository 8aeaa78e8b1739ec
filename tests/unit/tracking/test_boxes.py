"""Box geometry, compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.tracking.boxes import as_boxes, centre_distances, iou_matrix, size_differences

IOU_TABLE = [
    ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
    ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
    ((0, 0, 10, 10), (5, 5, 15, 15), 25 / 175),
    ((0, 0, 10, 10), (2, 2, 4, 4), 4 / 100),
    ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
    ((0, 0, 10, 10), (-30, -30, -20, -20), 0.0),
    ((-5, -5, 5, 5), (0, 0, 5, 5), 25 / 100),
    ((0, 0, 10, 40), (4, 10, 30, 30), 6 * 20 / (400 + 520 - 6 * 20)),
    ((4, 10, 30, 30), (0, 0, 10, 40), 6 * 20 / (400 + 520 - 6 * 20)),
    ((0, 0, 0.5, 0.5), (0, 0, 0.5, 1), 0.5),
    ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),
]


@pytest.mark.parametrize(("first", "second", "expected"), IOU_TABLE)
def test_iou(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    assert iou_matrix(np.array([first]), np.array([second]))[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 0.0),
        ((0, 0, 10, 10), (10, 0, 20, 10), 1.0),
        ((0, 0, 10, 10), (30, 40, 40, 50), 5.0),
        ((0, 0, 10, 40), (20, 0, 30, 40), 1.0),
        ((0, 0, 10, 10), (-15, -15, 25, 25), 0.0),
        ((0, 0, 10, 10), (0, 10, 40, 50), np.hypot(15, 25) / 20),
    ],
)
def test_centre_distance_is_counted_in_face_sizes(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    assert centre_distances(np.array([first]), np.array([second]))[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [((0, 0, 10, 10), (5, 5, 15, 15), 0.0), ((0, 0, 10, 10), (0, 0, 20, 20), 1.0), ((0, 0, 40, 40), (0, 0, 10, 10), 2.0)],
)
def test_size_difference_is_in_doublings(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    assert size_differences(np.array([first]), np.array([second]))[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("matrix", [iou_matrix, centre_distances, size_differences])
def test_rows_are_the_first_boxes_and_none_is_allowed(matrix) -> None:  # type: ignore[no-untyped-def]
    three = np.array([(0, 0, 10, 10), (5, 5, 25, 25), (50, 0, 60, 12)], np.float32)
    assert matrix(three, three[:2]).shape == (3, 2)
    assert matrix(three[:0], three).shape == (0, 3)
    assert matrix(three, three[:0]).shape == (3, 0)
    np.testing.assert_allclose(matrix(three, three[:2]), matrix(three[:2], three).T)


def test_a_degenerate_box_gives_finite_numbers() -> None:
    point, box = np.array([(3.0, 3.0, 3.0, 3.0)]), np.array([(0.0, 0.0, 10.0, 10.0)])
    for matrix in (iou_matrix, centre_distances, size_differences):
        assert np.isfinite(matrix(point, box)).all()


def test_a_wrong_shape_is_refused_with_what_was_expected() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(N, 4\), got \(4,\)"):
        as_boxes(np.array([0.0, 0.0, 1.0, 1.0]))


coordinates = st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))


@given(coordinates, coordinates, st.integers(-40, 40), st.integers(1, 8))
def test_moving_and_scaling_both_boxes_changes_nothing(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int], shift: int, scale: int
) -> None:
    a, b = (np.array([(x, y, x + w, y + h)], np.float64) for x, y, w, h in (first, second))
    for matrix in (iou_matrix, centre_distances, size_differences):
        np.testing.assert_allclose(matrix((a + shift) * scale, (b + shift) * scale), matrix(a, b), atol=1e-9)
    assert 0.0 <= iou_matrix(a, b)[0, 0] <= 1.0
