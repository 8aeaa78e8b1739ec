"""Levelling: the sharper of two pictures is softened to the other's fine detail, whichever it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from builders import portrait

from screener.training import levelling
from screener.training.levelling import detail, levelled

TEXTURE = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 90, (160, 160, 3)), (0, 0), 1.0)
SHARP = np.clip(portrait(0, 160) + TEXTURE, 0, 255).astype(np.uint8)


def soft(sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(SHARP, (0, 0), sigma), np.uint8)


def ratio(one: np.ndarray, other: np.ndarray, shown_px: int = 160) -> float:
    small = [cv2.resize(p, (shown_px, shown_px), interpolation=cv2.INTER_AREA) for p in (one, other)]
    first, second = (detail(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32)) for p in small)
    return first / second


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levelling, "SPREAD", 0.0)


@pytest.mark.parametrize("sigma", [0.6, 0.9, 1.4])
@pytest.mark.parametrize("shown_px", [160, 120])
def test_the_sharper_one_is_softened(exactly: None, sigma: float, shown_px: int) -> None:
    rng, softer = np.random.default_rng(0), soft(sigma)
    real, fake = levelled(SHARP, softer, shown_px, rng)
    assert fake is softer
    assert ratio(real, fake, shown_px) == pytest.approx(1, abs=0.16)
    real, fake = levelled(softer, SHARP, shown_px, rng)
    assert real is softer
    assert ratio(real, fake, shown_px) == pytest.approx(1, abs=0.16)


def test_equal_pictures_stay(exactly: None) -> None:
    real, fake = levelled(SHARP, SHARP.copy(), 160, np.random.default_rng(0))
    assert np.array_equal(real, SHARP)
    assert np.array_equal(fake, SHARP)


def test_what_is_left_of_the_ratio_spreads_to_both_sides() -> None:
    rng = np.random.default_rng(0)
    left = np.log([ratio(*levelled(SHARP, soft(0.9), 160, rng)) for _ in range(60)])
    assert abs(left.mean()) < 0.12
    assert 0.1 < left.std() < 0.4


def test_flat_pictures_are_no_error() -> None:
    flat = np.full((64, 64, 3), 90, np.uint8)
    real, fake = levelled(SHARP, flat, 64, np.random.default_rng(0))
    assert real.shape == SHARP.shape
    assert np.array_equal(fake, flat)
