"""Overlap, level, gain over a fixed map and named parts, against hand computations and scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import TINY_PREPROCESSING, labelled_face
from sklearn.metrics import jaccard_score, roc_auc_score

from screener.errors import DatasetError
from screener.training.labelled_pictures import LabelledFace
from screener.training.locator_figures import (
    PARTS,
    blended_pictures,
    edited_parts,
    mean_with_interval,
    measure_localisation,
    measure_parts,
    overlaps,
    part_crop,
    part_values,
)

CELLS = 8
RNG = np.random.default_rng(0)


def squares(count: int, seed: int = 0) -> np.ndarray:
    """Masks with a 3 x 3 square somewhere, (count, CELLS, CELLS)."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, CELLS, CELLS), np.float32)
    for mask in masks:
        row, column = rng.integers(0, CELLS - 3, 2)
        mask[row : row + 3, column : column + 3] = 1
    return masks


def test_overlaps_are_scikit_learns_jaccard_index() -> None:
    marked, truth = RNG.random((2, 20, CELLS, CELLS)) > 0.6
    expected = [jaccard_score(t.ravel(), m.ravel()) for t, m in zip(truth, marked, strict=True)]
    assert overlaps(marked, truth) == pytest.approx(expected)
    assert overlaps(np.zeros((1, 2, 2), bool), np.zeros((1, 2, 2), bool)) == [0]


def test_a_locator_that_knows_is_perfect_at_its_own_level() -> None:
    """Sure of itself only up to a third: the level is found, not taken to be a half."""
    masks = squares(60)
    found = measure_localisation(masks * 0.3 + 0.01, np.full_like(masks, 0.01), masks)
    assert found.pictures == 30
    assert 0.01 < found.level <= 0.31
    assert found.overlap.value == found.overlap.low == found.pixel_auc.value == found.pointing.value == 1
    assert found.marked_on_reals == 0
    assert found.fixed_overlap.value < 0.5
    assert found.gain.value == pytest.approx(1 - found.fixed_overlap.value)
    assert found.earned


def test_a_map_that_is_the_same_for_every_face_gains_nothing() -> None:
    """Blends in the middle with a ragged edge: the middle alone has a high AUC and overlap, and must not be shown for it."""
    rng = np.random.default_rng(1)
    masks = np.zeros((200, CELLS, CELLS), np.float32)
    masks[:, 2:6, 2:6] = 1
    masks[:, 1, 2:6] = rng.random((200, 4)) < 0.5
    fixed = np.broadcast_to(masks.mean(0), masks.shape).astype(np.float32)
    found = measure_localisation(fixed, fixed, masks)
    assert found.pixel_auc.low > 0.9 and found.overlap.low > 0.8
    assert found.gain.value == pytest.approx(0, abs=0.02)
    assert not found.earned


def test_figures_are_those_of_the_pictures_that_chose_nothing() -> None:
    masks, maps = squares(41), RNG.random((41, CELLS, CELLS)).astype(np.float32)
    found = measure_localisation(maps, maps[::-1], masks)
    tested = range(1, 41, 2)
    assert found.pictures == len(tested)
    assert found.pixel_auc.value == pytest.approx(np.mean([roc_auc_score(masks[i].ravel(), maps[i].ravel()) for i in tested]), abs=1e-4)
    expected = np.mean([jaccard_score(masks[i].ravel(), maps[i].ravel() >= found.level) for i in tested])
    assert found.overlap.value == pytest.approx(expected, abs=1e-4)
    assert found.pointing.value == pytest.approx(np.mean([masks[i].ravel()[maps[i].argmax()] for i in tested]), abs=1e-4)
    assert found.marked_on_reals == pytest.approx(np.mean([maps[::-1][i] >= found.level for i in tested]), abs=1e-4)


def test_pictures_without_two_kinds_of_cells_are_left_out() -> None:
    masks = np.concatenate([squares(8), np.zeros((3, CELLS, CELLS), np.float32), np.ones((2, CELLS, CELLS), np.float32)])
    assert measure_localisation(masks, masks, masks).pictures == 4
    with pytest.raises(DatasetError, match="3 of 8 pictures have both blended and other cells; at least 4 are needed"):
        measure_localisation(masks[5:], masks[5:], masks[5:])


def test_the_interval_of_a_mean_is_about_the_normal_one() -> None:
    values = np.random.default_rng(2).normal(0.6, 0.2, 400)
    found = mean_with_interval(values)
    assert found.value == pytest.approx(values.mean(), abs=1e-4)
    half = 1.96 * values.std() / 20
    assert (found.value - found.low, found.high - found.value) == pytest.approx((half, half), rel=0.2)


def test_blended_pictures_are_pairs_with_their_masks() -> None:
    faces = [labelled_face("real", seed) for seed in range(3)] + [labelled_face("fake", 9)]
    found = blended_pictures(faces, 6, TINY_PREPROCESSING)
    assert found.fakes_rgb.shape == found.reals_rgb.shape == (6, 64, 64, 3)
    assert found.masks.shape == (6, 4, 4) and found.masks.max() > 0.5
    changed = np.abs(found.fakes_rgb.astype(int) - found.reals_rgb).mean((1, 2, 3))
    assert (changed > 0).all(), "every pair is a blended one, none a labelled fake"
    again = blended_pictures(faces, 6, TINY_PREPROCESSING)
    assert np.array_equal(found.fakes_rgb, again.fakes_rgb)
    with pytest.raises(DatasetError, match="none among 0"):
        blended_pictures(faces[3:], 2, TINY_PREPROCESSING)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ciplab/fake/easy_100_1111.jpg", (1, 1, 1, 1)),
        ("mid_7_0010.png", (0, 0, 1, 0)),
        ("hard_12_0101.jpg", (0, 1, 0, 1)),
        ("easy_116_111.jpg", None),
        ("real_00001.jpg", None),
        ("mid_7_0020.jpg", None),
    ],
)
def test_names_say_which_parts(name: str, parts: tuple[int, ...] | None) -> None:
    assert edited_parts(name) == parts


def upright(face: LabelledFace) -> LabelledFace:
    return replace(face, landmarks_xy=np.array([[60, 60], [100, 60], [80, 80], [66, 104], [94, 104]], np.float32))


def test_parts_lie_where_the_landmarks_are() -> None:
    face = upright(labelled_face(side=160))
    crop, places = part_crop(face, TINY_PREPROCESSING)
    assert crop.shape == (64, 64, 3)
    # A box of 0.28..0.72 x 0.25..0.75 of 160 pixels: a square of 1.3 * 80 = 104 around (80, 80), from 28 on.
    expected = (np.array([[60, 60], [100, 60], [80, 75], [80, 104]]) - 28) / 104
    assert places == pytest.approx(expected, abs=0.01)


def test_each_part_sees_its_own_surroundings() -> None:
    places = np.array([[[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.5, 0.75]]], np.float32).repeat(4, 0)
    maps = np.full((4, 20, 20), 0.1, np.float32)
    for i, (x, y) in enumerate(places[0]):
        maps[i, int(y * 20) - 1 : int(y * 20) + 2, int(x * 20) - 1 : int(x * 20) + 2] = 0.9
    values = part_values(maps, places)
    assert values.argmax(1).tolist() == [0, 1, 2, 3]
    assert (values >= np.log(0.1 / 0.9) - 1e-6).all() and (values <= np.log(9) + 1e-6).all()
    even = part_values(np.full((1, 20, 20), 0.1, np.float32), places[:1])
    assert even == pytest.approx(np.log(0.1 / 0.9), abs=1e-5)


def test_parts_that_are_known_are_named() -> None:
    rng = np.random.default_rng(3)
    edited = rng.integers(0, 2, (120, 4))
    offset = np.array([0.0, 1.0, 5.0, -2.0])
    reals = offset + rng.normal(0, 0.1, (50, 4))
    found = measure_parts(offset + 2.0 * edited + rng.normal(0, 0.1, (120, 4)), edited, reals)
    assert all(found["auc"][part]["value"] == 1 for part in PARTS)
    partly = edited[(edited.sum(1) > 0) & (edited.sum(1) < 4)]
    assert found["partly_edited"] == len(partly)
    assert found["top_part"]["value"] == 1
    assert found["chance"] == pytest.approx(partly.mean(), abs=1e-4)
    assert found["fixed"] == pytest.approx(partly.mean(0).max(), abs=1e-4)
    assert found["gain"]["value"] == pytest.approx(1 - partly.mean(0).max(), abs=1e-4)


def test_noise_names_parts_no_better_than_chance() -> None:
    rng = np.random.default_rng(4)
    edited = rng.integers(0, 2, (400, 4))
    values = rng.normal(0, 1, (400, 4))
    found = measure_parts(values, edited, rng.normal(0, 1, (400, 4)))
    assert found["top_part"]["value"] == pytest.approx(found["chance"], abs=0.08)
    assert found["gain"]["low"] < 0
    for i, part in enumerate(PARTS):
        assert found["auc"][part]["value"] == pytest.approx(roc_auc_score(edited[:, i], values[:, i]), abs=1e-4)
        assert found["auc"][part]["low"] < found["auc"][part]["value"] < found["auc"][part]["high"]


def test_parts_that_were_always_edited_have_no_auc() -> None:
    edited = np.array([[1, 0, 0, 1], [1, 1, 0, 1], [1, 0, 0, 0]])
    found = measure_parts(np.zeros((3, 4)), edited, np.zeros((2, 4)))
    assert set(found["auc"]) == {"right eye", "mouth"}
