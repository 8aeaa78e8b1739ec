"""An animated picture: the requested number of frames, reproducible, with small movements."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from builders import portrait

from screener.training.motion import moving

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


def test_the_clip_begins_near_the_picture() -> None:
    """Paths start where the picture is; what is added to the first frame is at most noise."""
    for seed in range(10):
        assert np.abs(clip(seed)[0].astype(float) - PICTURE).mean() < 5


def test_the_picture_is_left_alone() -> None:
    before = PICTURE.copy()
    clip(1)
    assert np.array_equal(PICTURE, before)
