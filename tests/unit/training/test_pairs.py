"""Pairs: real first, fake second, framed and degraded alike, with a map that says where they differ."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from builders import labelled_face

from screener.errors import DatasetError
from screener.training import degradation, pairs
from screener.training.pairs import MAP_STRIDE, PairMaker, PairStream, Recipe, collate

RECIPE = Recipe(input_size=64, crop_margin=1.3, hardness=0.0, strength=1.0)
REALS = [labelled_face("real", seed) for seed in range(4)]


def same(first: object, second: object) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))  # type: ignore[call-overload]


@pytest.mark.parametrize("hardness", [0.0, 1.0])
def test_shapes_and_ranges(hardness: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        real, fake, where, known = PairMaker(REALS).draw(rng, Recipe(64, 1.3, hardness, 1.0))
        for picture in (real, fake):
            assert picture.shape == (64, 64, 3)
            assert picture.dtype == np.uint8
        assert where.shape == (64 // MAP_STRIDE, 64 // MAP_STRIDE)
        assert where.dtype == np.float32
        assert 0 <= where.min() <= where.max() <= 1 + 1e-6
        assert known is True


def test_the_map_says_where_a_swapped_face_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cell by cell, with swaps only and no degradation: no difference where the map is empty, some where it is full."""
    monkeypatch.setattr(pairs, "SWAP_SHARE", 1.0)
    monkeypatch.setattr(pairs.degradation, "apply", lambda picture, route: picture)
    rng = np.random.default_rng(1)
    empty, full = [], []
    for _ in range(60):
        real, fake, where, _ = PairMaker(REALS).draw(rng, RECIPE)
        apart = np.abs(real.astype(float) - fake).mean(2).reshape(4, MAP_STRIDE, 4, MAP_STRIDE).mean((1, 3))
        empty += list(apart[where == 0])
        full += list(apart[where > 0.8])
    assert len(empty) > 20
    assert len(full) > 20
    # A cell's mask is averaged to exactly 0 only where all its pixels are; resizing blurs across its edge by a pixel.
    assert max(empty) < 1
    assert np.mean(np.array(full) > 1) > 0.9
    assert np.mean(full) > 20


def test_a_pair_shares_its_frame_and_its_degradation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the blend taken out, real and fake are the same picture to the last bit, however hard the route."""

    def unblended(face: pairs.Face, *rest: object) -> tuple[np.ndarray, np.ndarray]:
        return face.crop_rgb.copy(), np.ones(face.crop_rgb.shape[:2], np.float32)

    monkeypatch.setattr(pairs, "self_blend", unblended)
    monkeypatch.setattr(pairs, "swap_blend", unblended)
    rng = np.random.default_rng(2)
    for _ in range(30):
        real, fake, _, _ = PairMaker(REALS).draw(rng, Recipe(64, 1.3, 1.0, 1.0))
        assert (real == fake).all()


def test_labelled_fakes_come_in_their_share_with_an_unknown_map_and_reals_of_their_own_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture is one colour that says whose it is: 10 and 20 for the reals of two sets, 200 for the fakes of the first."""
    faces = []
    for set_name, label, colour in (("a", "real", 10), ("a", "fake", 200), ("b", "real", 20)):
        face = labelled_face(label, 0, set_name)
        face.picture_rgb[:] = colour
        faces.append(face)
    monkeypatch.setattr(pairs, "WORN_SHARE", 0.0)
    monkeypatch.setattr(pairs.degradation, "apply", lambda picture, route: picture)
    rng = np.random.default_rng(3)
    drawn = [PairMaker(faces).draw(rng, RECIPE) for _ in range(200)]
    labelled = [(int(real[0, 0, 0]), int(fake[0, 0, 0]), where.max()) for real, fake, where, known in drawn if not known]
    assert set(labelled) == {(10, 200, 0.0)}
    assert len(labelled) / 200 == pytest.approx(pairs.REAL_FAKE_SHARE, abs=0.08)
    # A labelled fake is never a real to blend into.
    assert {int(real[0, 0, 0]) for real, _, _, known in drawn if known} == {10, 20}


def test_fakes_without_reals_of_their_own_set_are_left_out() -> None:
    maker = PairMaker([*REALS, labelled_face("fake", 1, "fakes only")])
    rng = np.random.default_rng(4)
    assert all(maker.draw(rng, RECIPE)[3] for _ in range(50))


@pytest.mark.parametrize("faces", [[], [labelled_face("fake", 0)]])
def test_without_real_faces_there_is_nothing_to_make(faces: list) -> None:
    with pytest.raises(DatasetError, match=rf"needs real faces .* none among {len(faces)} faces"):
        PairMaker(faces)


def test_a_large_set_does_not_drown_a_small_one() -> None:
    """Each set's share is its count to the power of 0.4: 64 against 2 is 5.28 against 1.32."""
    faces = [labelled_face("real", 0, "large", 48)] * 64 + [labelled_face("real", 1, "small", 48)] * 2
    maker, rng = PairMaker(faces), np.random.default_rng(5)
    share = np.mean([maker._real(rng).set_name == "small" for _ in range(3000)])
    assert share == pytest.approx(2**0.4 / (64**0.4 + 2**0.4), abs=0.03)


def test_every_real_face_is_drawn() -> None:
    maker, rng = PairMaker(REALS), np.random.default_rng(6)
    assert {maker._real(rng).name for _ in range(200)} == {face.name for face in REALS}


def test_collating_puts_reals_first_and_keeps_pairs_together() -> None:
    def sample(n: int, known: bool) -> pairs.Sample:
        return np.full((32, 32, 3), n, np.uint8), np.full((32, 32, 3), 100 + n, np.uint8), np.full((2, 2), n / 10, np.float32), known

    pictures, labels, maps, known = collate([sample(1, True), sample(2, False), sample(3, True)])
    assert pictures.shape == (6, 32, 32, 3)
    assert pictures.dtype == torch.uint8
    assert pictures[:, 0, 0, 0].tolist() == [1, 2, 3, 101, 102, 103]
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert maps[:, 0, 0].tolist() == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])
    # That a real has no blend is always known.
    assert known.tolist() == [True, True, True, True, False, True]


def test_a_stream_is_repeatable_endless_and_depends_on_its_seed() -> None:
    def batches(seed: int) -> list:
        return list(islice(PairStream(PairMaker(REALS), RECIPE, 2, seed), 3))

    first = batches(7)
    assert [batch[0].shape[0] for batch in first] == [4, 4, 4]
    assert all(same(a, b) for a, b in zip(first, batches(7), strict=True))
    assert not same(first[0], batches(8)[0])
    assert not same(first[0], first[1])


def test_crops_that_are_mostly_mirrored_border_are_drawn_less_often() -> None:
    whole = labelled_face("real", 0)
    corner = replace(labelled_face("real", 1), box_xyxy=np.array([-30, -30, 50, 50], np.float32))
    maker = PairMaker([whole, corner])
    rng = np.random.default_rng(0)
    drawn = [maker._real(rng).name for _ in range(4000)]
    share = corner.inside_share(pairs.CROP_MARGIN) ** pairs.INSIDE_POWER
    assert 0 < share < 0.5
    assert drawn.count(corner.name) / drawn.count(whole.name) == pytest.approx(share, rel=0.2)


def test_faces_are_shown_in_the_sizes_of_videos_before_they_are_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The route shrinks a crop to its shown size, which spreads over the whole range and never asks for more pixels than there are."""
    monkeypatch.setattr(pairs, "SHOWN_PX", (40.0, 120.0))
    shown = []

    def noting(picture: np.ndarray, route: degradation.Degradation) -> np.ndarray:
        shown.append((picture.shape[0], picture.shape[0] / route.shrink))
        return picture

    monkeypatch.setattr(pairs.degradation, "apply", noting)
    maker = PairMaker([labelled_face("real", n, side=400) for n in range(3)])
    rng = np.random.default_rng(0)
    for _ in range(100):
        maker.draw(rng, Recipe(128, 1.3, 0.0, 1.0))
    made, reduced = np.array(shown).T
    assert (reduced <= made + 1e-6).all()
    assert (made <= reduced * pairs.MADE_ABOVE_SHOWN + 1).all()
    assert 40 - 1 <= reduced.min() < 50
    assert 105 < reduced.max() <= 120 + 1


def test_a_worn_picture_is_worn_on_both_sides_and_its_fake_is_finer_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fixed wear that paints the picture grey: the real is grey, the fake grey outside of the mask and itself inside."""
    monkeypatch.setattr(pairs, "WORN_SHARE", 1.0)
    monkeypatch.setattr(pairs, "SWAP_SHARE", 0.0)
    monkeypatch.setattr(pairs, "wear", lambda picture, rng: np.full_like(picture, 128))
    monkeypatch.setattr(pairs.degradation, "apply", lambda picture, route: picture)
    rng = np.random.default_rng(4)
    for _ in range(20):
        real, fake, where, _ = PairMaker(REALS).draw(rng, RECIPE)
        assert (real == 128).all()
        apart = np.abs(fake.astype(float) - 128).mean(2).reshape(4, MAP_STRIDE, 4, MAP_STRIDE).mean((1, 3))
        assert (apart[where == 0] < 1).all()
        assert (apart[where > 0.9] > 3).all()
