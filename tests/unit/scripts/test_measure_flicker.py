"""`scripts/measure_flicker.py`: each part answers to flicker of its own place, and not to what moves or changes everywhere."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

from measure_flicker import FACE, FRAMES, LOWER, SIDE, UPPER, flicker


def moment(moved_px: float = 0.0) -> NDArray[np.float64]:
    """A soft texture that moves evenly, as values from 0 to 255."""
    rng = np.random.default_rng(0)
    large = cv2.GaussianBlur(rng.uniform(0, 255, (2 * SIDE, 2 * SIDE, 3)), (0, 0), 3)
    large = np.clip((large - large.mean()) * 6 + 128, 30, 225)
    frames = []
    for number in range(FRAMES):
        matrix = np.array([[1.0, 0, moved_px * number - SIDE / 2], [0, 1, -SIDE / 2]])
        frames.append(cv2.warpAffine(large, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR))
    return np.stack(frames)


def unsteady(frames: NDArray[np.float64], where: NDArray[np.bool_], by: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Every second frame has `by` added in one half of the place, so that it changes in itself."""
    half = where & (np.mgrid[0:SIDE, 0:SIDE][1] < SIDE / 2)
    changed = frames.copy()
    changed[::2][:, half] += by
    return np.clip(changed.round(), 0, 255).astype(np.uint8)


GREY, RED_FOR_BLUE = (6.0, 6.0, 6.0), (6.0, 0.0, -6.0)


def test_each_part_answers_to_its_own_place() -> None:
    still = flicker(moment().astype(np.uint8))
    upper, lower, colours = (
        flicker(unsteady(moment(), *change)) - still for change in ((UPPER, GREY), (LOWER, GREY), (FACE, RED_FOR_BLUE))
    )
    # Less in the others: areas are blurred into each other.
    assert upper[0] > 1.5 and upper[0] > upper[1] + 0.5
    assert lower[1] > 1.5 and lower[1] > lower[0] + 0.5
    assert colours[2] > 1.5 and colours[2] > max(colours[0], colours[1]) + 0.5


def test_what_moves_or_changes_everywhere_is_no_flicker_of_the_face() -> None:
    whole = np.ones((SIDE, SIDE), bool)
    for changed in (moment(1.5).astype(np.uint8), unsteady(moment(), whole, GREY)):
        assert np.abs(flicker(changed)).max() < 1
