"""From frame and box to the network's input: geometry by table, pixels against independent implementations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import Compose, Normalize, ToTensor

from screener.model.preprocessing import Preprocessing, crop_face, cut_square, normalise, resize_square, sharpness, square_around

CONTRACT = Preprocessing()


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mirrored_square(picture: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """Independent of OpenCV: mirror what is inside with numpy, the edge itself not repeated."""
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    inside = picture[y0:y1, x0:x1]
    rule: Any = "reflect" if min(inside.shape[:2]) > 1 else "edge"
    return np.pad(inside, ((y0 - top, top + side - y1), (x0 - left, left + side - x1), (0, 0)), rule)


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((0, 0, 10, 10), 1.0, (5, 5, 10)),
        ((0, 0, 10, 10), 1.3, (5, 5, 13)),
        ((10, 20, 30, 60), 1.0, (20, 40, 40)),  # taller than wide: the longer side counts
        ((10, 20, 50, 40), 1.5, (30, 30, 60)),
        ((-10, -20, 10, 20), 1.0, (0, 0, 40)),
    ],
)
def test_square_around(box: tuple[float, ...], margin: float, expected: tuple[float, ...]) -> None:
    assert square_around(np.array(box, np.float32), margin) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("centre", "side", "rows", "columns"),
    [
        ((50, 40), 20, (30, 50), (40, 60)),
        ((50, 40), 20.4, (30, 50), (40, 60)),
        ((50.4, 39.7), 20, (30, 50), (40, 60)),
        ((50, 40), 0.1, (39, 41), (49, 51)),  # never smaller than 2 x 2
        ((10, 10), 20, (0, 20), (0, 20)),
        ((90, 70), 20, (60, 80), (80, 100)),
    ],
)
def test_squares_inside_are_the_pixels_themselves(
    centre: tuple[float, float], side: float, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    picture = noise(80, 100)
    np.testing.assert_array_equal(cut_square(picture, *centre, side), picture[slice(*rows), slice(*columns)])


@given(*[st.integers(1, 40)] * 2, *[st.floats(-5, 45)] * 2, st.floats(0.5, 90))
@settings(deadline=None)
def test_squares_over_the_edge_are_mirrored(height: int, width: int, x: float, y: float, side: float) -> None:
    picture = noise(height, width)
    whole = max(2, round(side))
    left, top = round(x - whole / 2), round(y - whole / 2)
    if left >= width or top >= height or left + whole <= 0 or top + whole <= 0:
        with pytest.raises(ValueError, match="lies outside the"):
            cut_square(picture, x, y, side)
        return
    np.testing.assert_array_equal(cut_square(picture, x, y, side), mirrored_square(picture, left, top, whole))


def test_a_mirrored_edge_is_no_hard_edge() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 100, 0).repeat(3, 2)
    square = cut_square(ramp, 5, 50, 40).astype(int)
    assert np.abs(np.diff(square, axis=1)).max() == 2


def test_the_square_is_a_copy_and_views_are_not_read_past_their_edge() -> None:
    whole = noise(60, 60)
    view = whole[10:30, 10:30]
    square = cut_square(view, 0, 0, 20)
    np.testing.assert_array_equal(square, mirrored_square(view.copy(), -10, -10, 20))
    same = cut_square(whole, 30, 30, 60)
    same[:] = 0
    assert whole.any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_tiny_pictures(height: int, width: int) -> None:
    picture = np.full((height, width, 3), (10, 20, 30), np.uint8)
    crop = crop_face(picture, np.array([0, 0, width, height], np.float32), CONTRACT)
    assert crop.shape == (224, 224, 3) and crop.dtype == np.uint8
    assert (crop == (10, 20, 30)).all()


def test_crop_keeps_colour_order_and_place() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:, :50] = (255, 0, 0)
    picture[:, 50:] = (0, 0, 255)
    crop = crop_face(picture, np.array([30, 30, 70, 70], np.float32), replace(CONTRACT, input_size=64))
    assert tuple(crop[32, 4]) == (255, 0, 0) and tuple(crop[32, 60]) == (0, 0, 255)


def test_crop_shows_the_margin_and_no_more() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[67:133, 67:133] = 255  # 1.3 times the box of 50 around (100, 100), rounded
    box = np.array([75, 75, 125, 125], np.float32)
    assert crop_face(picture, box, replace(CONTRACT, input_size=64)).min() == 255
    assert crop_face(picture, box, replace(CONTRACT, input_size=64, crop_margin=1.4)).min() == 0


@pytest.mark.parametrize("times", [2, 3, 4])
def test_shrinking_averages(times: int) -> None:
    square = noise(32 * times, 32 * times)
    means = square.reshape(32, times, 32, times, 3).astype(np.float64).mean((1, 3))
    np.testing.assert_allclose(resize_square(square, 32), means, atol=0.51)


def test_enlarging_interpolates() -> None:
    square = noise(16, 16)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(square).permute(2, 0, 1)[None].double(), size=(64, 64), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(resize_square(square, 64), expected[0].permute(1, 2, 0).numpy(), atol=1.0)


def test_the_right_size_is_left_alone() -> None:
    square = noise(64, 64)
    np.testing.assert_array_equal(resize_square(square, 64), square)


def test_normalise_equals_torchvision() -> None:
    crops = np.stack([noise(32, 32, seed) for seed in range(3)])
    reference = Compose([ToTensor(), Normalize(CONTRACT.mean_rgb, CONTRACT.std_rgb)])
    expected = torch.stack([reference(Image.fromarray(crop)) for crop in crops])
    actual = normalise(crops, CONTRACT)
    assert actual.dtype == np.float32 and actual.shape == (3, 3, 32, 32)
    torch.testing.assert_close(torch.from_numpy(actual), expected, rtol=0, atol=1e-6)
    assert torch.from_numpy(actual).is_contiguous(memory_format=torch.channels_last)


def test_sharpness_falls_with_blur_and_is_zero_for_flat() -> None:
    crop = noise(64, 64)
    values = [sharpness(np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma))) for sigma in (0.5, 1.0, 3.0)]
    assert sharpness(crop) > values[0] > values[1] > values[2] > 0
    assert sharpness(np.full((64, 64, 3), 77, np.uint8)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_size": 16}, "input_size: expected a multiple of 16 from 32 to 1024, got 16"),
        ({"input_size": 100}, "input_size"),
        ({"input_size": 2048}, "input_size"),
        ({"crop_margin": 0.9}, "crop_margin: expected 1 to 3, got 0.9"),
        ({"crop_margin": float("nan")}, "crop_margin"),
        ({"mean_rgb": (0.5, 0.5)}, "mean_rgb: expected three values"),
        ({"mean_rgb": (0.5, float("nan"), 0.5)}, "mean_rgb"),
        ({"mean_rgb": (124, 116, 104)}, "mean_rgb: expected three values from 0 to 1"),
        ({"std_rgb": (0.2, 0.0, 0.2)}, "std_rgb: expected three values above 0"),
        ({"colour_order": "bgr"}, "got 'bgr'"),
        ({"resize_rule": "nearest"}, "'nearest'"),
        ({"rule_version": 0}, "rule_version: this screener crops by version 1, the checkpoint by 0"),
    ],
)
def test_contracts_that_cannot_be_honoured(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONTRACT, **change)


def test_contract_as_dict_builds_the_same() -> None:
    assert Preprocessing(**CONTRACT.to_dict()) == CONTRACT
