"""Pairs: real and fake, framed and degraded alike, with a map of their difference; each source of fakes separately."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from builders import labelled_face

from screener.errors import DatasetError
from screener.settings import FAKE_SOURCES
from screener.training import pairs
from screener.training.decoders.drawn_pictures import INDEX
from screener.training.labelled_pictures import LabelledFace
from screener.training.levelling import detail
from screener.training.pairs import MAP_STRIDE, SHARES, SOURCES, Made, PairMaker, Recipe, Sample
from screener.training.route import Route

RECIPE = Recipe(input_size=64, crop_margin=1.3, hardness=0.0, strength=1.0, video=0.0, tone=0.0, level=0.0)
REALS = [labelled_face("real", seed) for seed in range(4)]


@pytest.fixture
def undegraded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs.route, "shown", lambda picture, route, count=1: [picture] * count)


def draw(maker: PairMaker, source: str, seed: int = 0, recipe: Recipe = RECIPE) -> Sample:
    (sample,) = maker.draw(np.random.default_rng(seed), recipe, source)
    return sample


def by_cell(apart: np.ndarray) -> np.ndarray:
    return apart.reshape(4, MAP_STRIDE, 4, MAP_STRIDE).mean((1, 3))


def painted(label: str, colour: int, set_name: str = "a", group: str = "", seed: int = 0) -> LabelledFace:
    """One colour says whose face it is."""
    return replace(labelled_face(label, seed, set_name, group=group), source=np.full((160, 160, 3), colour, np.uint8))


def test_every_source_has_a_share_and_a_setting() -> None:
    assert tuple(SOURCES) == tuple(SHARES) == FAKE_SOURCES


@pytest.mark.parametrize("hardness", [0.0, 1.0])
@pytest.mark.parametrize("video", [0.0, 1.0])
def test_shapes_and_ranges(hardness: float, video: float) -> None:
    rng, maker = np.random.default_rng(0), PairMaker(REALS)
    for _ in range(8):
        (sample,) = maker.draw(rng, Recipe(64, 1.3, hardness, 1.0, video=video))
        for picture in (sample.real, sample.fake):
            assert picture.shape == (64, 64, 3)
            assert picture.dtype == np.uint8
        assert sample.where.shape == (64 // MAP_STRIDE, 64 // MAP_STRIDE)
        assert sample.where.dtype == np.float32
        assert 0 <= sample.where.min() <= sample.where.max() <= 1 + 1e-6
        assert sample.is_known
        assert sample.source in ("self_blended", "swapped")


def test_the_map_says_where_a_swapped_face_differs(undegraded: None) -> None:
    """Cell by cell, with swaps only and no degradation: no difference where the map is empty, some where it is full."""
    empty, full = [], []
    for seed in range(60):
        sample = draw(PairMaker(REALS), "swapped", seed)
        apart = by_cell(np.abs(sample.real.astype(float) - sample.fake).mean(2))
        empty += list(apart[sample.where == 0])
        full += list(apart[sample.where > 0.8])
    assert len(empty) > 20
    assert len(full) > 20
    # A cell's mask is averaged to exactly 0 only where all its pixels are; resizing blurs across its edge by a pixel.
    assert max(empty) < 1
    assert np.mean(np.array(full) > 1) > 0.9
    assert np.mean(full) > 20


def test_pairs_of_one_route_share_frame_and_degradation_and_the_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the blend taken out, real and fake are the same picture to the last bit where they go one route, however hard it is."""

    def unblended(pools: Any, rng: Any, recipe: Recipe, framing: Any, shown_px: float) -> Made:
        face = pairs.framed(pools.real(rng), framing, recipe.crop_margin, shown_px)
        return Made(face.crop_rgb, face.crop_rgb.copy(), np.ones(face.crop_rgb.shape[:2], np.float32))

    monkeypatch.setitem(SOURCES, "self_blended", unblended)
    maker = PairMaker(REALS)
    for seed in range(12):
        one = draw(maker, "self_blended", seed, Recipe(64, 1.3, 1.0, 1.0, video=0.5, same_route=1.0, level=0.0))
        assert (one.real == one.fake).all()
        two = draw(maker, "self_blended", seed, Recipe(64, 1.3, 1.0, 1.0, video=0.5, same_route=0.0, level=0.0))
        assert (two.real != two.fake).any()


def test_routes_of_their_own_are_both_video_or_both_stills_and_either_may_be_the_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Route] = []
    monkeypatch.setattr(pairs.route, "shown", lambda picture, route, count=1: seen.append(route) or [picture] * count)
    maker = PairMaker(REALS)
    for seed in range(60):
        draw(maker, "self_blended", seed, replace(RECIPE, same_route=0.0, video=0.5, tone=0.5))
    couples = list(zip(seen[::2], seen[1::2], strict=True))
    assert all(real.is_video == fake.is_video and real.seed != fake.seed for real, fake in couples)
    assert {real.is_video for real, _ in couples} == {True, False}
    assert {real.is_toned for real, fake in couples if real.is_toned != fake.is_toned} == {True, False}
    larger = np.mean([real.shown_px > fake.shown_px for real, fake in couples])
    assert 0.25 < larger < 0.75


def test_a_fake_of_the_same_group_lies_over_its_original(undegraded: None) -> None:
    """The fake differs in a square: that is where the map is, whether it is taken whole or blended in."""
    real = labelled_face("real", 0, group="one")
    changed = real.picture_rgb.copy()
    changed[60:100, 60:100] = 255 - changed[60:100, 60:100]
    fake = replace(labelled_face("fake", 1, group="one"), source=changed)
    maker = PairMaker([real, fake])
    assert "matched" in maker.sources and "unmatched" not in maker.sources
    inside, outside = [], []
    for seed in range(30):
        sample = draw(maker, "matched", seed)
        assert sample.is_known
        apart = by_cell(np.abs(sample.real.astype(float) - sample.fake).mean(2))
        inside += list(apart[sample.where > 0.7])
        outside += list(apart[sample.where == 0])
    assert np.mean(inside) > 20
    assert np.mean(outside) < 3


def test_a_fake_in_another_framing_is_not_laid_over_its_original() -> None:
    real, fake = labelled_face("real", 0, group="one"), labelled_face("fake", 1, side=120, group="one")
    maker = PairMaker([real, fake])
    assert "unmatched" in maker.sources and "matched" not in maker.sources


def frames_of_one_video() -> list[LabelledFace]:
    """Two frames of a video, in grey levels of 10 and 20, and a swap of each, 100 brighter."""
    return [
        replace(painted(label, colour, "a", "video", seed), name=f"a/{label}/{frame}.png")
        for label, brighter in (("real", 0), ("fake", 100))
        for seed, (frame, colour) in enumerate((("frame-1", 10 + brighter), ("frame-2", 20 + brighter)))
    ]


def test_each_swap_lies_over_the_frame_it_is_named_like(undegraded: None) -> None:
    maker = PairMaker(frames_of_one_video())
    assert "unmatched" not in maker.sources
    drawn = [draw(maker, "matched", seed) for seed in range(20)]
    seen = {(round(int(s.real[0, 0, 0]), -1), round(int(s.fake[32, 32, 0]), -1)) for s in drawn if s.where.mean() > 0.99}
    assert seen == {(10, 110), (20, 120)}


def test_a_swap_may_name_its_original_instead_and_is_unmatched_if_nothing_tells_which_it_is(undegraded: None) -> None:
    one, two, swap, _ = frames_of_one_video()
    named = replace(swap, name="a/fake/other.png", sources=("frame-2",))
    sample = draw(PairMaker([one, two, named]), "matched", recipe=replace(RECIPE, strength=0.0))
    assert int(sample.real[0, 0, 0]) == 20
    maker = PairMaker([one, two, replace(named, sources=())])
    assert "unmatched" in maker.sources and "matched" not in maker.sources


def test_names_from_windows_are_alike_too(undegraded: None) -> None:
    faces = [replace(face, name=face.name.replace("/", "\\")) for face in frames_of_one_video()]
    assert "unmatched" not in PairMaker(faces).sources
    named = [replace(face, name=f"{face.name[:-11]}{n}.png", sources=(f"a\\real\\frame-{n}.png",)) for n, face in enumerate(faces[2:], 1)]
    assert "unmatched" not in PairMaker([*faces[:2], *named]).sources


def test_the_only_real_left_is_not_the_original_of_the_other_frames() -> None:
    """In the other frames no real face was found."""
    one, _, *swaps = frames_of_one_video()
    assert len(PairMaker([one, *swaps]).pools.matched) == 1
    elsewhere = replace(swaps[0], name="a/fake/x.png", sources=("a/real/frame-7.png",))
    assert not PairMaker([one, elsewhere]).pools.matched
    # But it is that of fakes whose names say nothing.
    assert len(PairMaker([one, replace(elsewhere, sources=("a video",))]).pools.matched) == 1


def test_fakes_that_no_real_stands_beside_are_counted() -> None:
    assert PairMaker([*frames_of_one_video(), labelled_face("fake", 1, "fakes only")]).left_out == 1


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_real_of_a_matched_pair_may_be_another_frame_and_the_fake_stays_the_same(undegraded: None, share: float) -> None:
    maker = PairMaker(frames_of_one_video())
    drawn = [(draw(maker, "matched", seed), draw(maker, "matched", seed, replace(RECIPE, other_real=share))) for seed in range(100)]
    assert all(np.array_equal(before.fake, after.fake) and np.array_equal(before.where, after.where) for before, after in drawn)
    moved = [abs(int(before.real[0, 0, 0]) - int(after.real[0, 0, 0])) for before, after in drawn]
    assert set(moved) <= {0, 10}
    assert np.mean(np.array(moved) > 0) == pytest.approx(share, abs=0.15)


def test_the_only_real_of_its_group_stays_the_real_of_its_pair(undegraded: None) -> None:
    real, _, swap, _ = frames_of_one_video()
    sample = draw(PairMaker([real, swap, *REALS]), "matched", recipe=replace(RECIPE, other_real=1.0))
    assert int(sample.real[0, 0, 0]) == 10


def test_unmatched_fakes_have_an_unknown_map_and_reals_of_their_own_set(undegraded: None) -> None:
    faces = [painted("real", 10), painted("fake", 200), painted("real", 20, "b")]
    rng, maker = np.random.default_rng(3), PairMaker(faces, shares={"unmatched": 0.25, "self_blended": 0.75})
    drawn = [maker.draw(rng, RECIPE)[0] for _ in range(200)]
    found = [(int(s.real[0, 0, 0]), int(s.fake[0, 0, 0]), float(s.where.max())) for s in drawn if not s.is_known]
    assert set(found) == {(10, 200, 0.0)}
    assert len(found) / 200 == pytest.approx(0.25, abs=0.08)
    # A fake is never a real to blend into. Wear may move a plain colour by a little.
    assert {round(int(s.real[0, 0, 0]) / 10) for s in drawn if s.is_known} == {1, 2}


def test_fakes_without_reals_of_their_own_set_are_left_out() -> None:
    maker = PairMaker([*REALS, labelled_face("fake", 1, "fakes only")])
    assert maker.sources == ["self_blended", "swapped"]


def write_copies(folder: Path, kind: str, face: LabelledFace, colour: int) -> None:
    (folder / kind).mkdir(parents=True)
    cv2.imwrite(str(folder / kind / "0.png"), np.full((160, 160, 3), colour, np.uint8))
    (folder / kind / INDEX).write_text(json.dumps({face.name: "0.png"}), encoding="utf-8")


def test_what_decoders_drew_is_taken_in_when_they_are_finished(tmp_path: Path, undegraded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a copy of the whole picture everywhere is made; of one of the face only where it differs."""
    monkeypatch.setattr(pairs, "SHARPENED_SHARE", 0.0)
    monkeypatch.setattr(pairs, "WHOLE_SHARE", 1.0)
    real = painted("real", 100)
    maker = PairMaker([real], tmp_path)
    assert "decoded" not in maker.sources
    write_copies(tmp_path, "face-autoencoder", real, 100)
    maker.refresh()
    assert "decoded" in maker.sources
    sample = draw(maker, "decoded")
    assert (sample.real == 100).all()
    assert sample.where.max() == 0
    write_copies(tmp_path, "autoencoder", real, 180)
    maker.refresh()
    assert len(maker.pools.decoded) == 2
    levels = {(int(s.fake[5, 5, 0]), round(float(s.where.min()), 3)) for s in (draw(maker, "decoded", seed) for seed in range(20))}
    assert levels == {(100, 0.0), (180, 1.0)}


def test_what_a_decoder_left_as_it_was_is_not_sharpened(tmp_path: Path, undegraded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sharp surroundings would tell the label, and the map calls them real."""
    monkeypatch.setattr(pairs, "SHARPENED_SHARE", 1.0)
    monkeypatch.setattr(pairs, "WHOLE_SHARE", 1.0)
    real = labelled_face("real")
    assert isinstance(real.source, np.ndarray)
    drawn = real.source.copy()
    drawn[60:110, 50:110] = cv2.GaussianBlur(drawn, (0, 0), 4)[60:110, 50:110]
    for kind, is_whole in (("swap-96", False), ("autoencoder", True)):
        folder = tmp_path / kind
        (folder / kind).mkdir(parents=True)
        cv2.imwrite(str(folder / kind / "0.png"), drawn[..., ::-1])
        (folder / kind / INDEX).write_text(json.dumps({real.name: "0.png"}), encoding="utf-8")
        sample = draw(PairMaker([real], folder), "decoded")
        changed = np.abs(sample.fake.astype(int) - sample.real).max(2)
        known_real = cv2.resize(sample.where, (64, 64), interpolation=cv2.INTER_NEAREST) < 0.001
        if is_whole:
            assert sample.where.min() > 0.999 and changed.mean() > 3
        else:
            assert known_real.mean() > 0.1 and changed[known_real].max() <= 9  # grey levels that `different` does not count


def test_shares_are_kept_and_what_is_lacking_goes_to_the_others() -> None:
    rng, maker = np.random.default_rng(0), PairMaker(REALS, shares={"swapped": 3, "self_blended": 1, "matched": 6})
    drawn = [maker.draw(rng, RECIPE)[0].source for _ in range(300)]
    assert drawn.count("swapped") / 300 == pytest.approx(0.75, abs=0.08)
    with pytest.raises(DatasetError, match=r"shares: expected some of matched, decoded, .*, got painted"):
        PairMaker(REALS, shares={"painted": 1.0})
    with pytest.raises(DatasetError, match="shares: none of matched can be drawn from these 4 faces"):
        PairMaker(REALS, shares={"matched": 1.0})


@pytest.mark.parametrize("faces", [[], [labelled_face("fake", 0)]])
def test_without_real_faces_there_is_nothing_to_make(faces: list[LabelledFace]) -> None:
    with pytest.raises(DatasetError, match=rf"needs real faces .* none among {len(faces)} faces"):
        PairMaker(faces)


def test_a_large_set_does_not_drown_a_small_one() -> None:
    """Each set's share is its count to the power of 0.4: 64 against 2 is 5.28 against 1.32."""
    faces = [labelled_face("real", 0, "large", 48)] * 64 + [labelled_face("real", 1, "small", 48)] * 2
    pools, rng = PairMaker(faces).pools, np.random.default_rng(5)
    share = np.mean([pools.real(rng).set_name == "small" for _ in range(3000)])
    assert share == pytest.approx(2**0.4 / (64**0.4 + 2**0.4), abs=0.03)


def test_every_real_face_is_drawn() -> None:
    pools, rng = PairMaker(REALS).pools, np.random.default_rng(6)
    assert {pools.real(rng).name for _ in range(200)} == {face.name for face in REALS}


def test_pictures_too_tight_for_the_crop_are_drawn_less_often() -> None:
    whole = labelled_face("real", 0)
    tight = replace(labelled_face("real", 1), box_xyxy=np.array([-40, -40, 200, 200], np.float32))
    pools, rng = PairMaker([whole, tight]).pools, np.random.default_rng(0)
    drawn = [pools.real(rng).name for _ in range(4000)]
    assert drawn.count(tight.name) / drawn.count(whole.name) == pytest.approx(160 / 240 / pairs.CROP_MARGIN, rel=0.15)


def test_levelled_pairs_have_the_same_fine_detail_and_the_others_do_not(undegraded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def softer(pools: Any, rng: Any, recipe: Recipe, framing: Any, shown_px: float) -> Made:
        face = pairs.framed(pools.real(rng), framing, recipe.crop_margin, shown_px).crop_rgb
        face = np.clip(face + rng.normal(0, 25, face.shape), 0, 255).astype(np.uint8)
        return Made(face, np.asarray(cv2.GaussianBlur(face, (0, 0), 1.5), np.uint8), None)

    monkeypatch.setitem(SOURCES, "self_blended", softer)
    monkeypatch.setattr("screener.training.levelling.SPREAD", 0.0)
    for level, low, high in ((0.0, 0.0, 0.75), (1.0, 0.85, 1.15)):
        for seed in range(4):
            sample = draw(PairMaker(REALS), "self_blended", seed, replace(RECIPE, level=level))
            real, fake = (detail(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)) for picture in (sample.real, sample.fake))
            assert low < fake / real < high


def test_faces_are_made_in_more_pixels_than_they_are_shown_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown sizes spread over the whole range; nothing is made in more than `MADE_ABOVE_SHOWN` times the pixels."""
    seen: list[tuple[int, float]] = []

    def noting(picture: np.ndarray, route: Route, count: int = 1) -> list[np.ndarray]:
        seen.append((picture.shape[0], route.shown_px))
        return [picture] * count

    monkeypatch.setattr(pairs.route, "shown", noting)
    maker, rng = PairMaker([labelled_face("real", n, side=400) for n in range(3)]), np.random.default_rng(0)
    for _ in range(100):
        maker.draw(rng, replace(RECIPE, input_size=128, same_route=1.0, shown_px=(40.0, 120.0)))
    made, shown = np.array(seen).T
    assert (made <= shown * pairs.MADE_ABOVE_SHOWN + 1).all()
    assert 40 <= shown.min() < 50
    assert 105 < shown.max() <= 120


def test_a_worn_picture_is_worn_on_both_sides_and_its_fake_is_finer_inside(undegraded: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fixed wear that paints the picture grey: the real is grey, the fake grey outside of the mask and itself inside."""
    monkeypatch.setattr(pairs, "wear", lambda picture, rng: np.full_like(picture, 128))
    for seed in range(20):
        sample = draw(PairMaker(REALS), "self_blended", seed, replace(RECIPE, worn=1.0))
        assert (sample.real == 128).all()
        apart = by_cell(np.abs(sample.fake.astype(float) - 128).mean(2))
        assert (apart[sample.where == 0] < 1).all()
        assert (apart[sample.where > 0.9] > 3).all()


@pytest.mark.parametrize(("around", "least", "most"), [(0.0, 0, 0), (1.0, 12, 20)])
def test_the_recipe_says_which_side_of_a_self_blend_is_changed(undegraded: None, around: float, least: int, most: int) -> None:
    maker, recipe, outside = PairMaker(REALS), replace(RECIPE, worn=0.0, around=around), 0
    for seed in range(20):
        sample = draw(maker, "self_blended", seed, recipe)
        apart = by_cell(np.abs(sample.real.astype(float) - sample.fake).mean(2))
        outside += bool((apart[sample.where == 0] > 1).any())
    assert least <= outside <= most


def test_moments_of_one_clip_are_one_pair_at_different_times() -> None:
    samples = PairMaker(REALS).draw(np.random.default_rng(2), replace(RECIPE, moments=3, video=1.0))
    assert len(samples) == 3
    assert len({sample.real.tobytes() for sample in samples}) == 3
    assert all((sample.where == samples[0].where).all() for sample in samples)
    # The same face, moved by a little.
    assert np.abs(samples[0].real.astype(float) - samples[2].real).mean() < 25


@pytest.mark.parametrize("by_region", [0.0, 1.0])
def test_levelling_by_region_leaves_no_uneven_sharpness(undegraded: None, monkeypatch: pytest.MonkeyPatch, by_region: float) -> None:
    """Of a sharp picture and the same with a soft half, either the whole of the real one is softened, or that half of it."""
    grain = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    half = np.zeros((64, 64), np.float32)
    half[:, 32:] = 1
    fake = np.where(half[..., None] > 0, cv2.GaussianBlur(grain, (0, 0), 1.5), grain)
    monkeypatch.setitem(SOURCES, "matched", lambda *_: Made(grain, fake, half))
    sample = draw(PairMaker(REALS), "matched", recipe=replace(RECIPE, level=1.0, level_by_region=by_region, shown_px=(64, 64)))
    left, right = (detail(cv2.cvtColor(sample.real, cv2.COLOR_RGB2GRAY).astype(np.float32), where) for where in (1 - half, half))
    assert (left > 2 * right) == bool(by_region)
