"""Self-blended fakes: the blend stays inside its mask, the mask on the face, and all randomness is in the generator."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from builders import portrait, portrait_landmarks
from hypothesis import given
from hypothesis import strategies as st

from screener.training import self_blending
from screener.training.self_blending import REGIONS, Face, draw_mask, self_blend, swap_blend, warped

SIDE = 160
SEEDS = st.integers(0, 2**32 - 1)
STRENGTHS = st.sampled_from([0.0, 0.3, 1.0, 1.2])


def face(seed: int = 0) -> Face:
    return Face(portrait(seed, SIDE), portrait_landmarks(SIDE))


def test_mirroring_moves_every_landmark_with_its_pixel() -> None:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    points = np.array([[30, 40], [100, 42], [60, 70], [35, 110], [98, 112]], np.float32)
    for number, (x, y) in enumerate(points.astype(int), 1):
        picture[y, x] = number
    mirrored = Face(picture, points).mirrored()
    # Left stays first: the mark under each landmark is that of its partner on the other side.
    assert [int(mirrored.crop_rgb[y, x, 0]) for x, y in mirrored.landmarks_xy.astype(int)] == [2, 1, 3, 5, 4]
    assert mirrored.landmarks_xy[0, 0] < mirrored.landmarks_xy[1, 0]
    twice = mirrored.mirrored()
    assert (twice.crop_rgb == picture).all()
    assert (twice.landmarks_xy == points).all()


def test_shares_of_the_regions_are_whole() -> None:
    assert sum(REGIONS.values()) == pytest.approx(1)


@given(SEEDS)
def test_a_mask_is_soft_and_lies_on_the_face(seed: int) -> None:
    mask = draw_mask(face(), np.random.default_rng(seed))
    assert mask.shape == (SIDE, SIDE)
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1 + 1e-6
    assert mask.max() > 0.3
    assert 0.003 < mask.mean() < 0.6
    rows, columns = np.indices(mask.shape)
    centre = np.array([(mask * columns).sum(), (mask * rows).sum()]) / mask.sum()
    landmarks = portrait_landmarks(SIDE)
    assert (landmarks.min(0) - 0.1 * SIDE < centre).all()
    assert (centre < landmarks.max(0) + 0.1 * SIDE).all()


@pytest.mark.parametrize(("name", "point"), [("mouth", [80, 102.4]), ("eyes", [80, 67.2]), ("face", [80, 67.2 + 0.55 * 35.2])])
def test_each_region_has_its_place(monkeypatch: pytest.MonkeyPatch, name: str, point: list[float]) -> None:
    monkeypatch.setattr(self_blending, "REGIONS", {name: 1.0})
    total = sum(draw_mask(face(), np.random.default_rng(seed)) for seed in range(20))
    rows, columns = np.indices(total.shape)
    centre = [float((total * columns).sum() / total.sum()), float((total * rows).sum() / total.sum())]
    assert centre == pytest.approx(point, abs=4)


def test_masks_turn_with_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """The eye region of a head lying on its side is a standing one."""
    monkeypatch.setattr(self_blending, "REGIONS", {"eyes": 1.0})
    upright = face()
    lying = Face(upright.crop_rgb, np.stack([SIDE - upright.landmarks_xy[:, 1], upright.landmarks_xy[:, 0]], 1))

    def spread(of: Face) -> tuple[float, float]:
        total = sum(draw_mask(of, np.random.default_rng(seed)) for seed in range(10)) / 10
        return float((total.max(0) > 0.2).sum()), float((total.max(1) > 0.2).sum())

    width, height = spread(upright)
    assert width > 1.5 * height
    assert spread(lying) == pytest.approx((height, width), abs=6)


@given(SEEDS, STRENGTHS)
def test_a_swap_changes_nothing_outside_its_mask(seed: int, strength: float) -> None:
    target = face()
    fake, mask = swap_blend(target, face(1), np.random.default_rng(seed), strength)
    assert fake.shape == target.crop_rgb.shape
    assert fake.dtype == np.uint8
    assert (fake[mask == 0] == target.crop_rgb[mask == 0]).all()
    assert (fake[mask > 0.5] != target.crop_rgb[mask > 0.5]).mean() > 0.3


@given(SEEDS, STRENGTHS)
def test_a_self_blend_is_a_mix_of_the_face_and_one_changed_copy(seed: int, strength: float) -> None:
    """Wherever the mask says nothing, the pixels are those of one of the two pictures alone: the real one, or the changed one."""
    made: list[np.ndarray] = []
    target = face()

    def kept(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        made.append(nudge(picture, rng))
        return made[-1]

    nudge = self_blending._nudge
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_blending, "_nudge", kept)
        fake, mask = self_blend(target, np.random.default_rng(seed), strength)
    (changed,) = made
    outside = mask == 0
    assert (fake[outside] == target.crop_rgb[outside]).all() or (fake[outside] == changed[outside]).all()
    low, high = np.minimum(changed, target.crop_rgb), np.maximum(changed, target.crop_rgb)
    assert (low <= fake).all()
    assert (fake <= high).all()
    assert (fake != target.crop_rgb).any()


def test_both_sides_of_the_blend_are_the_changed_one_now_and_then() -> None:
    assert 5 <= changed_around({}) <= 25


@pytest.mark.parametrize(("around", "expected"), [(0.0, 0), (1.0, 40)])
def test_how_often_the_surroundings_are_changed_is_set(around: float, expected: int) -> None:
    assert changed_around({"around": around}) == expected


def changed_around(settings: dict[str, float]) -> int:
    """Of 40 self-blends, those whose surroundings are not those of the face."""
    count, target = 0, face()
    for seed in range(40):
        fake, mask = self_blend(target, np.random.default_rng(seed), 1.0, **settings)
        count += bool((fake[mask == 0] != target.crop_rgb[mask == 0]).any())
    return count


def test_a_donor_is_laid_onto_the_landmarks() -> None:
    """A white donor with black spots at its landmarks, moved, turned and enlarged: the spots must come out at the target's."""
    target = face()
    turn = np.deg2rad(12)
    moved = (target.landmarks_xy - 80) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) * 1.3 + [85, 75]
    spots = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for x, y in moved:
        cv2.circle(spots, (round(x), round(y)), 5, (0, 0, 0), -1)
    aligned = self_blending._align(Face(spots, moved.astype(np.float32)), target)
    assert aligned is not None
    for x, y in target.landmarks_xy:
        assert aligned[round(float(y)), round(float(x))].max() < 60
    assert (aligned > 200).mean() > 0.9


def test_landmarks_that_fall_together_are_blended_into_themselves_instead() -> None:
    collapsed = Face(portrait(1), np.full((5, 2), 50, np.float32))
    fake, mask = swap_blend(face(), collapsed, np.random.default_rng(0), 1.0)
    assert fake.shape == (SIDE, SIDE, 3)
    assert mask.max() > 0.3


def test_colours_are_matched_inside_the_mask() -> None:
    source, target = portrait(1), np.clip(portrait(2) * 0.5 + 90, 0, 255).astype(np.uint8)
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[40:120, 40:120] = 1
    matched = self_blending.match_colour(source, target, mask)
    before, after, wanted = (picture[40:120, 40:120].reshape(-1, 3).astype(float) for picture in (source, matched, target))
    assert after.mean(0) == pytest.approx(wanted.mean(0), abs=3)
    assert (np.abs(after.mean(0) - wanted.mean(0)) < np.abs(before.mean(0) - wanted.mean(0))).all()
    assert np.abs(after.std(0) - wanted.std(0)).max() < np.abs(before.std(0) - wanted.std(0)).max()


@pytest.mark.parametrize("blend", ["self", "swap"])
def test_the_same_generator_makes_the_same_fake_and_leaves_the_faces_alone(blend: str) -> None:
    target, donor = face(), face(1)
    before = target.crop_rgb.copy(), donor.crop_rgb.copy()

    def make(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return (self_blend(target, rng, 1.0) if blend == "self" else swap_blend(target, donor, rng, 1.0))[0]

    assert (make(3) == make(3)).all()
    assert (make(3) != make(4)).any()
    assert (target.crop_rgb == before[0]).all()
    assert (donor.crop_rgb == before[1]).all()


def test_more_strength_is_more_difference() -> None:
    def difference(strength: float) -> float:
        fakes = [self_blend(face(), np.random.default_rng(seed), strength)[0] for seed in range(20)]
        return float(np.mean([np.abs(fake.astype(float) - face().crop_rgb).mean() for fake in fakes]))

    assert difference(0.2) < difference(0.7) < difference(1.5)


def test_regenerating_takes_fine_texture_and_keeps_the_edges() -> None:
    """Noise on two flat halves: the noise falls, the step between the halves stays as high and as narrow."""
    rng = np.random.default_rng(0)
    flat = np.full((80, 80, 3), 60.0)
    flat[:, 40:] = 190
    noisy = np.clip(flat + rng.normal(0, 4, flat.shape), 0, 255).astype(np.uint8)
    for seed in range(12):
        out = self_blending._regenerate(noisy, 1.0, np.random.default_rng(seed)).astype(float)
        assert out[:, 5:35].std() < noisy[:, 5:35].std()
        assert out[:, 41:44].mean() - out[:, 36:39].mean() > 115


def test_flattening_takes_contrast_and_hue_and_leaves_the_mean() -> None:
    changed = 0
    for seed in range(20):
        before = portrait(seed)
        after = self_blending._flatten(before, 1.0, np.random.default_rng(seed))
        lab_before, lab_after = (cv2.cvtColor(p, cv2.COLOR_RGB2LAB).astype(float) for p in (before, after))
        assert abs(lab_after.mean((0, 1)) - lab_before.mean((0, 1))).max() < 2.5
        fine = [lab - cv2.GaussianBlur(lab, (0, 0), 3) for lab in (lab_before, lab_after)]
        assert (fine[1].std((0, 1)) < fine[0].std((0, 1)) * 1.05).all()
        changed += bool((fine[1].std((0, 1)) < fine[0].std((0, 1)) * 0.9).any())
    assert changed >= 17


def test_wear_leaves_a_trace_and_keeps_the_picture() -> None:
    for seed in range(20):
        before = portrait(seed)
        after = self_blending.wear(before, np.random.default_rng(seed))
        assert after.shape == before.shape and after.dtype == np.uint8
        apart = np.abs(after.astype(float) - before)
        assert 0.5 < apart.mean() < 15


def test_a_reduced_picture_is_averaged_and_lies_where_its_matrix_says() -> None:
    """Stripes of one pixel turn grey, where taking single pixels would turn them into broad stripes."""
    stripes = np.zeros((160, 160, 3), np.uint8)
    stripes[:, ::2] = 200
    reduced = warped(stripes, np.array([[0.35, 0, 0], [0, 0.35, 0]]), 56)
    assert reduced.shape == (56, 56, 3) and np.ptp(reduced[8:48, 8:48]) < 40
    spot = np.zeros((160, 160, 3), np.uint8)
    cv2.circle(spot, (60, 90), 12, (255, 255, 255), -1)
    for scale in (0.4, 1.0, 2.0):
        side = round(160 * scale)
        matrix = cv2.getRotationMatrix2D((80, 80), 20, scale)
        matrix[:, 2] += side / 2 - 80
        weight = warped(spot, matrix, side)[..., 0].astype(float)
        found = [float((weight * at).sum() / weight.sum()) for at in np.indices(weight.shape)[::-1]]
        assert found == pytest.approx(list(matrix @ [60, 90, 1]), abs=0.6)


def test_colours_that_are_matched_are_not_darker_on_average() -> None:
    rng, mask = np.random.default_rng(0), np.ones((SIDE, SIDE), np.float32)
    source, target = (rng.integers(60, 190, (SIDE, SIDE, 3), np.uint8) for _ in range(2))
    moved = self_blending.match_colour(source, np.asarray(target * 0.8 + 20, np.uint8), mask)
    assert moved.mean((0, 1)) == pytest.approx(np.asarray(target * 0.8 + 20, np.uint8).mean((0, 1)), abs=0.1)


def test_wear_does_not_exchange_colours_before_it_compresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JPEG keeps green best and blue worst, so what it loses says which colour it took for which."""
    monkeypatch.setattr(self_blending, "_lose_detail", lambda picture, amount, rng: picture)
    monkeypatch.setattr(self_blending, "_rounded", lambda picture: np.asarray(np.clip(picture, 0, 255), np.uint8))
    lost = np.zeros(3)
    noise = np.random.default_rng(1).integers(40, 216, (SIDE, SIDE, 3), np.uint8)
    for seed in range(20):
        worn = self_blending.wear(noise, np.random.default_rng([0, seed]))
        lost += np.abs(worn.astype(int) - noise).mean((0, 1))
    assert lost[1] < lost[0] < lost[2]
