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


def face_mask() -> np.ndarray:
    """1 in the middle, soft at its edge."""
    middle = np.zeros((160, 160), np.float32)
    middle[40:120, 40:120] = 1
    return cv2.GaussianBlur(middle, (0, 0), 3)


def apart(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    first, second = (detail(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32), where) for p in (one, other))
    return first / second


@pytest.mark.parametrize("inside_is_softer", [True, False])
@pytest.mark.parametrize("swap", [True, False])
def test_neither_what_is_forged_nor_what_is_around_it_tells_by_its_sharpness(exactly: None, inside_is_softer: bool, swap: bool) -> None:
    """One picture is sharp everywhere, the other one inside or outside of the mask only."""
    mask = face_mask()
    weight = (mask if inside_is_softer else 1 - mask)[..., None]
    mixed = np.round(soft(1.2) * weight + SHARP * (1 - weight)).astype(np.uint8)
    given = (mixed, SHARP) if swap else (SHARP, mixed)
    real, fake = levelled(*given, 160, np.random.default_rng(0), mask)
    core, around = (mask > 0.95).astype(np.float32), (mask < 0.05).astype(np.float32)
    forged, alike = (core, around) if inside_is_softer else (around, core)
    assert not 0.4 < apart(*given, forged) < 2.5
    assert apart(real, fake, forged) == pytest.approx(1, abs=0.2)
    # What was alike before is left alone.
    for picture in (real, fake):
        assert np.abs(picture.astype(int) - SHARP)[alike > 0].max() <= 5


def test_a_speck_is_not_levelled_for_itself(exactly: None) -> None:
    speck = np.zeros((160, 160), np.float32)
    speck[80:90, 80:90] = 1
    mixed = np.round(soft(1.2) * speck[..., None] + SHARP * (1 - speck[..., None])).astype(np.uint8)
    real, fake = levelled(SHARP, mixed, 160, np.random.default_rng(0), speck)
    assert np.array_equal(real[80:90, 80:90], SHARP[80:90, 80:90]) and np.array_equal(fake[80:90, 80:90], mixed[80:90, 80:90])
