"""Quality as a baseline: distinguishes soft from sharp, learns only from other scenes, and vanishes after matching."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from builders import portrait
from sklearn.linear_model import LogisticRegression

from screener.evaluation.quality import quality_of, quality_scores, sharpness_matched


def clip(seed: int, sigma: float = 0.0, side: int = 96) -> np.ndarray:
    pictures = [portrait(seed + n, side) for n in range(3)]
    return np.stack([cv2.GaussianBlur(p, (0, 0), sigma) if sigma else p for p in pictures])


def test_the_numbers_fall_with_blur_and_know_the_size() -> None:
    sharp, soft = quality_of(clip(0), 100.0), quality_of(clip(0, 1.5), 100.0)
    assert sharp.shape == (4,)
    assert soft[0] < sharp[0] - 1
    assert soft[1] < sharp[1]
    assert quality_of(clip(0), 200.0)[3] == pytest.approx(np.log(200))
    # The border does not count.
    framed = clip(0)
    framed[:, :10] = 0
    assert quality_of(framed, 100.0) == pytest.approx(sharp, abs=0.02)


def test_scores_come_from_other_scenes_and_agree_with_an_independent_fit() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1], 20)
    qualities = rng.normal(0, 1, (40, 3)) + labels[:, None] * np.array([1.0, 0.0, -0.5])
    scenes = [f"scene {n // 4}" for n in range(40)]
    found = quality_scores(qualities, labels, scenes)
    kept = np.arange(40) >= 4
    mean, spread = qualities[kept].mean(0), qualities[kept].std(0)
    fit = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-10, max_iter=1000).fit((qualities[kept] - mean) / spread, labels[kept])
    assert found[:4] == pytest.approx(fit.decision_function((qualities[:4] - mean) / spread), abs=1e-3)
    # A scene's own labels have no say.
    turned = np.where(np.arange(40) < 4, 1 - labels, labels)
    assert quality_scores(qualities, turned, scenes)[:4] == pytest.approx(found[:4])


def test_one_scene_alone_says_nothing() -> None:
    assert quality_scores(np.ones((4, 2)), np.array([0, 1, 0, 1]), ["one"] * 4).tolist() == [0.0] * 4


@pytest.mark.parametrize("softer_first", [True, False])
def test_matching_takes_the_difference_away_and_softens_only_the_sharper(softer_first: bool) -> None:
    sharp, soft = clip(1), clip(5, 1.2)
    pair = (soft, sharp) if softer_first else (sharp, soft)
    before = [quality_of(crops, 100.0)[0] for crops in pair]
    matched = sharpness_matched(*pair)
    after = [quality_of(crops, 100.0)[0] for crops in matched]
    assert abs(before[0] - before[1]) > 1
    assert abs(after[0] - after[1]) < 0.2
    kept = matched[0 if softer_first else 1]
    assert np.abs(kept.astype(float) - soft).mean() < 3
