"""An animated picture: the requested number of frames, reproducible, with small movements."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from builders import portrait

from screener.training.motion import moving, smeared

PICTURE = portrait(2, 128)


def clip(seed: int, count: int = 8) -> list[np.ndarray]:
    return moving(PICTURE, np.random.default_rng(seed), count)


def test_shapes_and_repeatability() -> None:
    for count in (1, 5, 14):
        frames = clip(3, count)
        assert [frame.shape for frame in frames] == [PICTURE.shape] * count
        assert all(frame.dtype == np.uint8 for frame in frames)
    assert all(np.array_equal(a, b) for a, b in zip(clip(4), clip(4), strict=True))


def test_frames_move_by_little_and_most_clips_move() -> None:
    moved = []
    for seed in range(30):
        frames = clip(seed)
        steps = [np.abs(a.astype(float) - b).mean() for a, b in pairwise(frames)]
        assert max(steps) < 25
        moved.append(max(steps) > 0)
    assert np.mean(moved) > 0.8


def test_motion_blur_has_one_direction_and_spares_the_rest_of_the_picture_half_of_the_time() -> None:
    rng, point = np.random.default_rng(0), np.zeros((201, 201, 3), np.uint8)
    point[100, 100] = 255
    directions, lengths, spared = [], [], 0
    for _ in range(60):
        y, x = np.nonzero(smeared(point, rng)[..., 0])
        weights = np.linalg.eigvalsh(np.cov(x, y)) if len(x) > 2 else np.array([0.0, 1.0])
        assert weights[0] < 2
        lengths.append(max(np.ptp(x), np.ptp(y)) + 1)
        directions.append(np.ptp(x) > np.ptp(y))
        stripes = np.tile(np.arange(201, dtype=np.uint8)[:, None, None] % 2 * 200, (1, 201, 3))
        spared += np.array_equal(smeared(stripes, rng)[:10, :40], stripes[:10, :40])
    assert 0.2 < np.mean(directions) < 0.8
    assert min(lengths) <= 4 and 10 <= max(lengths) <= 19
    assert 15 <= spared <= 45


def test_the_clip_begins_near_the_picture() -> None:
    """Paths start where the picture is; what is added to the first frame is at most noise."""
    for seed in range(10):
        assert np.abs(clip(seed)[0].astype(float) - PICTURE).mean() < 5


def test_the_picture_is_left_alone() -> None:
    before = PICTURE.copy()
    clip(1)
    assert np.array_equal(PICTURE, before)
