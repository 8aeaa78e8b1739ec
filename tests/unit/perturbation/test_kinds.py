"""Perturbations of pictures, against definitions and other libraries."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from builders import portrait
from PIL import Image
from skimage.color import hsv2rgb, rgb2hsv

from screener.errors import SettingsError
from screener.perturbation.kinds import (
    LEAST_SIDE_PX,
    PERTURBATIONS,
    STRENGTHS,
    blur,
    brightness,
    chosen_kinds,
    chosen_strengths,
    contrast,
    downscale,
    jpeg,
    noise,
    random_numbers,
    sideways,
    upright,
)

KINDS = pytest.mark.parametrize("kind", PERTURBATIONS)


def applied(kind: str, strength: int, picture: np.ndarray, file_name: str = "a.mp4", index: int = 0) -> np.ndarray:
    perturbation = PERTURBATIONS[kind]
    return perturbation.apply(picture, perturbation.level(strength), random_numbers(kind, file_name, index))


def away(picture: np.ndarray, other: np.ndarray) -> float:
    """Mean distance in grey levels; sizes are made equal first."""
    if other.shape != picture.shape:
        other = cv2.resize(other, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.abs(picture.astype(float) - other).mean())


@KINDS
def test_each_strength_changes_more_than_the_one_before(kind: str) -> None:
    picture = portrait(1, 128)
    distances = [0.0, *(away(picture, applied(kind, strength, picture)) for strength in STRENGTHS)]
    assert all(weaker < stronger for weaker, stronger in pairwise(distances))


@KINDS
def test_it_is_the_same_every_time_and_leaves_its_input_alone(kind: str) -> None:
    picture = portrait(1, 96)
    before = picture.copy()
    one, other = applied(kind, 3, picture), applied(kind, 3, picture)
    assert np.array_equal(one, other)
    assert np.array_equal(picture, before)
    assert one.dtype == np.uint8 and one.ndim == 3 and one.shape[2] == 3


@KINDS
@pytest.mark.parametrize("size_hw", [(1, 1), (17, 300), (101, 33)])
def test_any_size_will_do(kind: str, size_hw: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), np.uint8)
    assert applied(kind, 5, picture).size


@KINDS
def test_colours_keep_their_order(kind: str) -> None:
    red = np.full((64, 64, 3), (150, 60, 60), np.uint8)
    mean = applied(kind, 1, red).reshape(-1, 3).mean(0)
    assert mean[0] > mean[1] + 20 and mean[0] > mean[2] + 20


def test_jpeg_is_that_of_another_library() -> None:
    picture = portrait(2, 64)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=50)
    assert away(np.asarray(Image.open(buffer)), jpeg(picture, 50, np.random.default_rng())) < 1


def test_downscale_leaves_it_small_but_not_too_small() -> None:
    picture = portrait(0, 200)[:120]
    assert downscale(picture, 2, np.random.default_rng()).shape == (60, 100, 3)
    assert downscale(picture, 1.25, np.random.default_rng()).shape == (96, 160, 3)
    assert min(downscale(picture[:20], 4, np.random.default_rng()).shape[:2]) == LEAST_SIDE_PX


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    away_px = np.arange(-6, 7)
    weights = np.exp(-(away_px**2) / (2 * (13 / 6) ** 2))
    weights /= weights.sum()
    expected = 255 * np.outer(weights, weights)
    assert np.abs(blur(point, 13, np.random.default_rng())[14:27, 14:27, 0] - expected).max() < 1


@pytest.mark.parametrize(("smear", "along"), [(sideways, 1), (upright, 0)])
def test_motion_smears_a_point_into_a_line(smear: Any, along: int) -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 250
    line = smear(point, 5, np.random.default_rng())[..., 0]
    assert np.flatnonzero(line.sum(1 - along)).tolist() == [18, 19, 20, 21, 22]
    assert np.flatnonzero(line.sum(along)).tolist() == [20]
    assert set(line[line > 0].tolist()) == {50}


def test_noise_has_the_variance_that_it_says() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = noise(grey, 0.005, np.random.default_rng(0)) / 255
    assert noisy.var() == pytest.approx(0.005, rel=0.03)
    assert noisy.mean() == pytest.approx(128 / 255, abs=0.002)


def test_noise_grows_along_a_curve_but_keeps_its_shape() -> None:
    grey = np.full((50, 50, 3), 128, np.uint8)
    weak, strong = (applied("noise", strength, grey).astype(float).ravel() - 128 for strength in (1, 4))
    assert np.corrcoef(weak, strong)[0, 1] > 0.99


def test_noise_differs_from_frame_to_frame_and_file_to_file() -> None:
    grey = np.full((50, 50, 3), 128, np.uint8)
    seen = [applied("noise", 1, grey, name, index) for name, index in (("a.mp4", 0), ("a.mp4", 1), ("b.mp4", 0))]
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


def test_brightness_is_that_of_imagenet_c() -> None:
    picture = portrait(3, 48)
    hsv = rgb2hsv(picture)
    hsv[..., 2] = np.clip(hsv[..., 2] + 0.3, 0, 1)
    assert np.abs(brightness(picture, 0.3, np.random.default_rng()) - 255 * hsv2rgb(hsv)).max() < 2.5


def test_contrast_draws_values_to_the_mean() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0] = 200
    assert contrast(picture, 0.5, np.random.default_rng())[:, 0, 0].tolist() == [150, 50]


def test_every_kind_has_five_levels_and_says_them() -> None:
    assert all(len(perturbation.levels) == len(STRENGTHS) for perturbation in PERTURBATIONS.values())
    assert PERTURBATIONS["jpeg"].described(3) == "quality 50"
    assert PERTURBATIONS["noise"].described(1) == "variance 0.001"


@pytest.mark.parametrize(("text", "kinds"), [("blur, jpeg", ("jpeg", "blur")), ("all", tuple(PERTURBATIONS)), ("h264,h264", ("h264",))])
def test_kinds_are_chosen_by_name(text: str, kinds: tuple[str, ...]) -> None:
    assert chosen_kinds(text) == kinds


@pytest.mark.parametrize("text", ["", ",", "mpeg", "jpeg;blur"])
def test_unknown_kinds_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="perturb: expected all or some of jpeg, webp, h264"):
        chosen_kinds(text)


@pytest.mark.parametrize(("text", "strengths"), [(None, STRENGTHS), ("5, 1,1", (1, 5)), ("3", (3,))])
def test_strengths_are_chosen_by_number(text: str | None, strengths: tuple[int, ...]) -> None:
    assert chosen_strengths(text) == strengths


@pytest.mark.parametrize("text", ["", "0", "6", "1-3", "two"])
def test_unknown_strengths_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="strengths: expected some of 1, 2, 3, 4, 5"):
        chosen_strengths(text)
