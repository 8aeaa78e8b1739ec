"""Which crops are kept for the report, and that they are few and small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builders import face_score
from hypothesis import given
from hypothesis import strategies as st

from screener.records import FaceScore, Scene
from screener.verdict.evidence import MOST_PEOPLE, THUMBNAIL_PX, TellingCrops


def crop(value: int, side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def offered(most: int, scores: Sequence[FaceScore]) -> tuple[FaceScore, ...]:
    """Each crop is painted in the number of its frame."""
    telling = TellingCrops(most)
    for score in scores:
        telling.offer(score, crop(score.frame_index))
    return telling.attach(scores)


@given(st.integers(0, 5), st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.5, 0.9]), max_size=30))
def test_the_highest_scores_are_kept_and_the_earlier_one_of_equals(most: int, p_fakes: list[float]) -> None:
    scores = [face_score(p, i) for i, p in enumerate(p_fakes)]
    kept = {score.frame_index for score in offered(most, scores) if score.thumbnail_rgb is not None}
    assert kept == set(sorted(range(len(scores)), key=lambda i: (-p_fakes[i], i))[:most])


def test_each_crop_stays_with_its_own_score_and_the_rest_is_unchanged() -> None:
    scores = [face_score(p, i, track_id=track) for i, p in enumerate((0.3, 0.9, 0.5)) for track in (1, 2)]
    attached = offered(2, scores)
    assert [(s.track_id, s.frame_index, s.p_fake) for s in attached] == [(s.track_id, s.frame_index, s.p_fake) for s in scores]
    for score in attached:
        if score.frame_index == 0:
            assert score.thumbnail_rgb is None
        else:
            assert score.thumbnail_rgb is not None
            assert (score.thumbnail_rgb == score.frame_index).all()


def test_crops_are_made_small_but_never_enlarged_and_are_copies() -> None:
    telling = TellingCrops(2)
    large, small = crop(7, 400), crop(9, 50)
    telling.offer(face_score(0.9, 0), large)
    telling.offer(face_score(0.8, 1), small)
    large[:], small[:] = 0, 0
    first, second = (score.thumbnail_rgb for score in telling.attach([face_score(0.9, 0), face_score(0.8, 1)]))
    assert first is not None and first.shape == (THUMBNAIL_PX, THUMBNAIL_PX, 3) and (first == 7).all()
    assert second is not None and second.shape == (50, 50, 3) and (second == 9).all()


def scene(number: int) -> Scene:
    return Scene(crop(number), (64, 64), number, number / 25)


def test_the_scene_of_a_person_is_that_of_the_highest_score() -> None:
    telling = TellingCrops(3)
    for number, p_fake in enumerate((0.3, 0.9, 0.5)):
        telling.offer(face_score(p_fake, number), crop(number), scene=scene(number))
        telling.offer(face_score(1 - p_fake, number, track_id=2), crop(number), scene=scene(number))
    first, second = telling.scene(1), telling.scene(2)
    assert first is not None and first.frame_index == 1
    assert second is not None and second.frame_index == 0
    assert telling.scene(3) is None
    renamed = telling.by_person({(track, number): 10 * track for track in (1, 2) for number in range(3)}, 1)
    kept = renamed.scene(10)
    assert kept is not None and kept.frame_index == 1


def test_no_scene_is_kept_without_crops() -> None:
    telling = TellingCrops(0)
    telling.offer(face_score(0.9, 0), crop(0), scene=scene(0))
    assert telling.scene(1) is None


def test_in_a_crowd_those_judged_least_give_their_crops_up() -> None:
    often = [face_score(0.5, i, track_id=track) for i in range(3) for track in range(MOST_PEOPLE)]
    once = [face_score(0.9, 10, track_id=track) for track in range(MOST_PEOPLE, 3 * MOST_PEOPLE)]
    attached = offered(1, [*often, *once])
    assert {score.track_id for score in attached if score.thumbnail_rgb is not None} == set(range(MOST_PEOPLE))


def test_in_a_crowd_the_newest_of_those_judged_least_goes_first() -> None:
    """Track 0 is judged once and the others twice, then a newcomer once: of the two judged once the newcomer came later."""
    scores = [face_score(0.5, i, track_id=track) for i in range(2) for track in range(MOST_PEOPLE) if track or not i]
    newcomer = [face_score(0.9, i, track_id=MOST_PEOPLE) for i in (5, 6)]
    assert {s.track_id for s in offered(1, [*scores, newcomer[0]]) if s.thumbnail_rgb is not None} == set(range(MOST_PEOPLE))
    twice = {s.track_id for s in offered(1, [*scores, *newcomer]) if s.thumbnail_rgb is not None}
    assert twice == set(range(1, MOST_PEOPLE + 1))


def test_a_large_crop_is_averaged_not_thinned_out() -> None:
    stripes = np.zeros((4 * THUMBNAIL_PX, 4 * THUMBNAIL_PX, 3), np.uint8)
    stripes[:, ::4] = 200
    (kept,) = offered_pixels(stripes)
    assert kept.dtype == np.uint8 and (kept == 50).all()


def offered_pixels(pixels: np.ndarray) -> list[np.ndarray]:
    telling = TellingCrops(1)
    telling.offer(face_score(0.9, 0), pixels)
    return [score.thumbnail_rgb for score in telling.attach([face_score(0.9, 0)]) if score.thumbnail_rgb is not None]


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1)), max_size=300))
def test_never_more_crops_than_the_limits_allow(offers: list[tuple[int, float]]) -> None:
    scores = [face_score(p, i % 256, track_id=track) for i, (track, p) in enumerate(offers[:250])]
    kept = [score for score in offered(2, scores) if score.thumbnail_rgb is not None]
    per_person = [sum(score.track_id == track for score in kept) for track in {score.track_id for score in kept}]
    assert len(per_person) <= MOST_PEOPLE
    assert max(per_person, default=0) <= 2


def test_a_map_goes_with_its_crop_and_only_to_faces_judged_fake() -> None:
    telling = TellingCrops(2)
    batch = np.arange(3 * 4, dtype=np.float32).reshape(3, 2, 2)
    scores = [face_score(p, i) for i, p in enumerate((0.3, 0.9, 0.7))]
    for score, blend_map in zip(scores, batch, strict=True):
        telling.offer(score, crop(score.frame_index), blend_map)
    expected = batch.copy()
    batch[:] = -1
    none, first, second = telling.attach(scores, lambda score: score.p_fake >= 0.8)
    assert none.blend_map is None and none.thumbnail_rgb is None
    assert first.blend_map is not None and np.array_equal(first.blend_map, expected[1])
    assert second.blend_map is None and second.thumbnail_rgb is not None
    assert all(score.blend_map is None for score in telling.attach(scores))


def test_kept_maps_hold_no_batch_in_memory() -> None:
    telling = TellingCrops(1)
    batch = np.zeros((16, 14, 14), np.float32)
    telling.offer(face_score(0.9, 0), crop(0), batch[3])
    (kept,) = telling.attach([face_score(0.9, 0)], lambda score: True)
    assert kept.blend_map is not None and kept.blend_map.base is None


def test_crops_find_their_person_when_it_is_known_who_is_who() -> None:
    """Two places of the detector's order, in which two people took turns."""
    telling = TellingCrops(8)
    names = {(place, i): 7 + (place + i) % 2 for place in (0, 1) for i in range(4)}
    for place, i in names:
        telling.offer(face_score((1 + i) / 10, i, track_id=place), crop(10 * i + place))
    people = telling.by_person(names, 2)
    scores = [face_score((1 + i) / 10, i, track_id=who) for (_, i), who in names.items()]
    places = {(who, i): place for (place, i), who in names.items()}
    kept = {(score.track_id, score.frame_index): score.thumbnail_rgb for score in people.attach(scores) if score.thumbnail_rgb is not None}
    assert {key: int(pixels[0, 0, 0]) for key, pixels in kept.items()} == {
        (who, i): 10 * i + places[who, i] for who in (7, 8) for i in (2, 3)
    }
