"""The route to a viewer: equal for equal parameters, displayed sizes, several moments of a clip, and damage that grows with hardness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import portrait

from screener.model.preprocessing import resize_square
from screener.training import route
from screener.training.route import Route, draw, shown, tone

PICTURE = portrait(3, 200)
PLAIN = Route(seed=5, shown_px=120.0, hardness=0.2, is_video=True, is_toned=False)


def sharpness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


@pytest.mark.parametrize("is_video", [True, False])
@pytest.mark.parametrize("is_toned", [True, False])
def test_one_route_treats_two_pictures_alike(is_video: bool, is_toned: bool) -> None:
    """Equal pictures come out equal; a picture that differs in one place differs there alone, give or take what a codec spreads."""
    way = replace(PLAIN, is_video=is_video, is_toned=is_toned, hardness=0.6)
    first, second = shown(PICTURE, way), shown(PICTURE.copy(), way)
    assert np.array_equal(first[0], second[0])
    marked = PICTURE.copy()
    marked[80:120, 80:120] = 255
    apart = np.abs(shown(marked, way)[0].astype(float) - first[0]).mean(2)
    side = apart.shape[0]
    middle = apart[int(0.4 * side) : int(0.6 * side), int(0.4 * side) : int(0.6 * side)]
    assert middle.mean() > 8 * apart[: side // 5].mean()


def test_another_seed_is_another_route() -> None:
    one, other = shown(PICTURE, PLAIN)[0], shown(PICTURE, replace(PLAIN, seed=6))[0]
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize("shown_px", [30.0, 84.0, 121.0, 260.0])
def test_the_size_is_as_shown_and_even(shown_px: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip that is not encoded again has the size in which it is shown, and never more pixels than there are."""
    monkeypatch.setattr(route, "SECOND_GENERATION", 0.0)
    monkeypatch.setattr(route, "ENLARGED_SHARE", 0.0)
    side = shown(PICTURE, replace(PLAIN, shown_px=shown_px, hardness=0.0))[0].shape[0]
    assert side % 2 == 0
    assert side == pytest.approx(max(route.SMALLEST_PX, min(shown_px, 200)), abs=2)


def test_a_second_generation_has_a_size_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "SECOND_GENERATION", 1.0)
    monkeypatch.setattr(route, "ENLARGED_SHARE", 0.0)
    sides = {shown(PICTURE, replace(PLAIN, seed=seed))[0].shape[0] for seed in range(6)}
    assert len(sides) > 2
    assert all(0.6 * 120 < side < 1.4 * 120 + 2 for side in sides)


def test_moments_are_of_one_moving_clip() -> None:
    moments = shown(PICTURE, PLAIN, 3)
    assert len(moments) == 3
    assert len({moment.tobytes() for moment in moments}) == 3
    assert np.abs(moments[0].astype(float) - moments[2]).mean() < 20
    stills = shown(PICTURE, replace(PLAIN, is_video=False), 2)
    assert np.array_equal(stills[0], stills[1])


def test_harder_routes_lose_more() -> None:
    plain = resize_square(PICTURE, 150)

    def detail(hardness: float) -> float:
        ways = [Route(seed, 150.0, hardness, True, False) for seed in range(16)]
        return float(np.mean([sharpness(resize_square(shown(PICTURE, way)[0], 150)) for way in ways]))

    assert detail(1.0) < 0.9 * detail(0.0) < 1.1 * sharpness(plain)


def test_shares_of_video_and_tone() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 100.0, 0.5, 0.7, 0.3) for _ in range(600)]
    assert np.mean([way.is_video for way in drawn]) == pytest.approx(0.7, abs=0.06)
    assert np.mean([way.is_toned for way in drawn]) == pytest.approx(0.3, abs=0.06)
    assert len({way.seed for way in drawn}) == 600


def test_motion_blur_of_a_route_leaves_the_rest_of_it_as_it_is() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 100.0, 0.5, 0.7, 0.3, 0.2) for _ in range(600)]
    assert np.mean([way.is_smeared for way in drawn]) == pytest.approx(0.2, abs=0.06)
    plain, blurred = shown(PICTURE, PLAIN)[0], shown(PICTURE, replace(PLAIN, is_smeared=True))[0]
    assert plain.shape == blurred.shape
    assert 1 < np.abs(plain.astype(float) - blurred).mean() < 20


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_tones_keep_the_picture_and_move_its_sharpness_either_way(amount: float) -> None:
    plain = sharpness(PICTURE)
    for kind in (0.1, 0.3, 0.47, 0.6):
        assert sharpness(tone(PICTURE, kind, amount)) < plain
    assert sharpness(tone(PICTURE, 0.9, amount)) > plain
    for kind in (0.1, 0.3, 0.47, 0.6, 0.9):
        out = tone(PICTURE, kind, amount)
        assert out.shape == PICTURE.shape
        assert abs(float(out.mean()) - float(PICTURE.mean())) < 3
