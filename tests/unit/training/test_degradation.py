"""A random degradation treats both pictures of a pair alike, and each of its steps does what it should."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from builders import portrait
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.model.preprocessing import sharpness
from screener.training.degradation import Degradation, apply, draw

NOTHING = Degradation(1.0, 0.0, 1.0, False, 1.0, False, 0.0, 0.0, 0, ())
SIDE = 160


def test_no_step_is_no_change() -> None:
    picture = portrait()
    assert (apply(picture, NOTHING) == picture).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_route_is_repeatable_and_leaves_its_input_alone(seed: int, hardness: float) -> None:
    route = draw(np.random.default_rng(seed), hardness)
    assert route == draw(np.random.default_rng(seed), hardness)
    picture = portrait()
    out = apply(picture, route)
    assert (out == apply(picture, route)).all()
    assert (picture == portrait()).all()
    assert out.dtype == np.uint8
    assert out.shape == (out.shape[0], out.shape[0], 3)
    assert 40 <= out.shape[0] <= SIDE


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_drawn_values_stay_in_range(seed: int, hardness: float) -> None:
    route = draw(np.random.default_rng(seed), hardness)
    assert 0.8 <= route.gain <= 1.2
    assert -20 <= route.bias <= 20
    assert 0.75 <= route.gamma <= 1.3
    assert 1 <= route.shrink <= 1 + 1.8 * hardness
    assert 0 <= route.blur_sigma <= 1.4
    assert 0 <= route.noise_sigma <= 8
    assert len(route.codecs) <= 2
    assert all(extension in (".jpg", ".webp") and 20 <= quality <= 99 for extension, quality in route.codecs)


def test_a_light_touch_neither_blurs_nor_shrinks_nor_adds_noise() -> None:
    for seed in range(100):
        route = draw(np.random.default_rng(seed), 0.0)
        assert (route.shrink, route.blur_sigma, route.noise_sigma) == (1.0, 0.0, 0.0)
        assert all(quality >= 75 for _, quality in route.codecs)


def test_harder_is_harder() -> None:
    """Mean loss against the picture itself, over many routes without the changes of colour that both ends share."""

    def loss(hardness: float) -> float:
        total = 0.0
        for seed in range(30):
            route = replace(draw(np.random.default_rng(seed), hardness), gain=1.0, bias=0.0, gamma=1.0, grey=False)
            out = cv2.resize(apply(portrait(), route), (SIDE, SIDE))
            total += float(np.abs(out.astype(float) - portrait()).mean())
        return total / 30

    assert loss(0.0) < loss(0.5) < loss(1.0)


def test_gain_bias_and_gamma_by_hand() -> None:
    grey = np.full((64, 64, 3), 100, np.uint8)
    assert (apply(grey, replace(NOTHING, gain=1.2)) == 120).all()
    assert (apply(grey, replace(NOTHING, bias=-20.0)) == 80).all()
    assert np.abs(apply(grey, replace(NOTHING, gamma=1.3)).astype(float) - 255 * (100 / 255) ** 1.3).max() <= 1
    assert (apply(np.full((64, 64, 3), 250, np.uint8), replace(NOTHING, gain=1.2, bias=20.0)) == 255).all()


def test_grey_has_three_equal_channels_of_the_same_brightness() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    out = apply(red, replace(NOTHING, grey=True))
    assert (out == out[..., :1]).all()
    # ITU-R BT.601: red weighs 0.299.
    assert abs(int(out[0, 0, 0]) - 0.299 * 200) <= 1


def test_shrinking_and_enlarging_again() -> None:
    assert apply(portrait(), replace(NOTHING, shrink=2.0)).shape == (80, 80, 3)
    again = apply(portrait(), replace(NOTHING, shrink=2.0, enlarge_again=True))
    assert again.shape == (SIDE, SIDE, 3)
    assert sharpness(again) < 0.5 * sharpness(portrait())


def test_blur_noise_and_compression_leave_their_traces() -> None:
    assert sharpness(apply(portrait(), replace(NOTHING, blur_sigma=1.4))) < 0.3 * sharpness(portrait())
    flat = np.full((100, 100, 3), 128, np.uint8)
    assert float(apply(flat, replace(NOTHING, noise_sigma=8.0, noise_seed=1)).std()) == pytest.approx(8, rel=0.05)
    for extension in (".jpg", ".webp"):
        losses = [
            np.abs(apply(portrait(), replace(NOTHING, codecs=((extension, q),))).astype(float) - portrait()).mean() for q in (95, 50, 20)
        ]
        assert 0 < losses[0] < losses[1] < losses[2] < 20


def test_colours_keep_their_order_through_a_codec() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    for extension in (".jpg", ".webp"):
        out = apply(red, replace(NOTHING, codecs=((extension, 90),)))
        assert out[..., 0].min() > 200
        assert out[..., 1:].max() < 60


def test_both_pictures_of_a_pair_get_the_same_noise() -> None:
    """Else the noise itself would tell the fake from the real."""
    route = replace(NOTHING, noise_sigma=5.0, noise_seed=9)
    first = np.full((64, 64, 3), 100, np.uint8)
    second = np.full((64, 64, 3), 140, np.uint8)
    apart = apply(second, route).astype(int) - apply(first, route)
    assert np.abs(apart - 40).max() <= 1
