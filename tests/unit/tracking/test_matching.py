"""When a box matches a known person: both sides of each limit of the tracker, with faces at exactly known distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from screener.tracking.appearance import SCALES, Appearance, Scene
from screener.tracking.tracker import REMEMBERED_CUTS, Observation, Tracker, TrackerSettings

SIZE_PX = 100.0
LONG_SECONDS = 1000.0
"""After so long a time position says nothing any more."""


def looking(look: float) -> Appearance:
    """Faces on a line: two of them are as far apart in appearance as their numbers."""
    return Appearance({}, np.array([0.5 + SCALES["skin"] * look, 0.2], np.float32))


def scene(degrees: float = 0.0) -> Scene:
    """Pictures of one colour whose structures are at an angle: their `scene_distance` is (1 - cos) / 2 of it."""
    angle = math.radians(degrees)
    return Scene(np.array([math.cos(angle), math.sin(angle)], np.float32), np.array([1.0], np.float32))


def apart(distance: float) -> float:
    """The angle in degrees at which two scenes are at this distance."""
    return math.degrees(math.acos(1 - 2 * distance))


MOVED = apart(0.3)
"""The same shot, but not so still that people are trusted to be where they were."""


def seen(seconds: float, *faces: tuple[float, ...], degrees: float = 0.0) -> Observation:
    """faces: place and look, and if it is not 1 the size, places and sizes in units of SIZE_PX."""
    boxes = [_box(*face[:1], *face[2:]) for face in faces]
    return Observation(seconds, scene(degrees), np.array(boxes).reshape(-1, 4), tuple(looking(face[1]) for face in faces))


def long_after(*faces: tuple[float, ...]) -> Observation:
    return seen(LONG_SECONDS, *faces, degrees=MOVED)


def _box(place: float, size: float = 1.0) -> NDArray[np.float64]:
    return SIZE_PX * np.array([place - size / 2, -size / 2, place + size / 2, size / 2])


def ids(*samples: Observation, settings: TrackerSettings | None = None) -> list[list[int]]:
    tracker = Tracker(settings or TrackerSettings())
    return [tracker.follow(sample) for sample in samples]


FIRST = seen(0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("seconds", "place", "size", "degrees", "farthest_look"),
    [
        (LONG_SECONDS, 0.0, 1.0, MOVED, 0.60),
        (LONG_SECONDS, 9.0, 1.0, MOVED, 0.60),
        (LONG_SECONDS, 0.0, 4.0, MOVED, 0.60),
        (LONG_SECONDS, 0.0, 1.0, 0.0, 0.60 + 0.35 / 2),
        (LONG_SECONDS, 0.0, 1.0, apart(0.1), 0.60 + 0.35 / 4),
        (LONG_SECONDS, 0.75, 1.0, 0.0, 0.60 + 0.35 / 4),
        (LONG_SECONDS, 0.0, 2.0, 0.0, 0.60),
        (LONG_SECONDS, 9.0, 1.0, 0.0, 0.60),
        (0.0, 0.0, 1.0, apart(0.9), 0.45),
        (LONG_SECONDS, 0.0, 1.0, apart(0.9), 0.45),
        (0.0, 0.0, 1.0, 0.0, 0.95),
        (2.0, 0.0, 1.0, MOVED, 0.60 + 0.35 / math.e),
        (-2.0, 0.0, 1.0, MOVED, 0.60 + 0.35 / math.e),
        (0.0, 0.75, 1.0, 0.0, 0.60 + 0.35 / 2 - 0.25 / 2),
        (0.0, 1.5, 1.0, 0.0, 0.60 - 0.25),
        (0.0, 2.25, 1.0, 0.0, 0.60 - 0.25 * 1.5),
        (0.0, 3.0, 1.0, 0.0, 0.60 - 0.25 * 2),
        (0.0, 9.0, 1.0, 0.0, 0.60 - 0.25 * 2),
        (0.0, 0.0, 2.0, 0.0, 0.95 - 0.25),
        (0.0, 0.0, 0.5, 0.0, 0.95 - 0.25),
        (2.0, 3.0, 1.0, 0.0, 0.60 - 0.25 * 2 / math.e),
    ],
)
def test_how_far_from_the_remembered_face_a_box_is_still_the_same_person(
    seconds: float, place: float, size: float, degrees: float, farthest_look: float
) -> None:
    for look, expected in ((farthest_look - 0.004, 1), (farthest_look + 0.004, 2)):
        assert ids(FIRST, seen(seconds, (place, look, size), degrees=degrees)) == [[1], [expected]], look


def test_the_limits_are_those_of_the_settings() -> None:
    strict = TrackerSettings(appearance_limit=0.5, near_appearance_limit=0.7, position_seconds=1.0, reach_sizes=1.0, position_weight=0.1)
    for seconds, place, farthest_look in ((LONG_SECONDS, 0.0, 0.5), (0.0, 0.0, 0.7), (1.0, 0.0, 0.5 + 0.2 / math.e), (0.0, 1.0, 0.4)):
        for look, expected in ((farthest_look - 0.004, 1), (farthest_look + 0.004, 2)):
            assert ids(FIRST, seen(seconds, (place, look), degrees=MOVED), settings=strict) == [[1], [expected]], (seconds, place, look)


def test_a_face_that_changes_step_by_step_does_not_melt_into_another() -> None:
    steps = [seen(0.0, (0.0, 0.5 * step)) for step in range(5)]
    # Of the fifth the views remembered are 2.0, 1.5, 1.0 and 0.5 away: their median is beyond 1.10, though the nearest is not.
    assert ids(*steps) == [[1], [1], [1], [1], [2]]
    assert ids(*steps, settings=TrackerSettings(drift_limit=1.3)) == [[1]] * 5


@pytest.mark.parametrize(("place_of_other", "known_again"), [(0.5, False), (3.0, True)])
def test_nothing_is_learnt_from_a_box_that_overlaps_another(place_of_other: float, known_again: bool) -> None:
    turned = seen(0.0, (0.0, 0.5), (place_of_other, 9.0))
    later = long_after((0.0, 1.0))
    assert ids(FIRST, turned, later) == [[1], [1, 2], [1 if known_again else 3]]


@pytest.mark.parametrize(("look", "known_again"), [(0.14, False), (0.16, True)])
def test_a_view_is_remembered_only_if_it_is_new(look: float, known_again: bool) -> None:
    later = long_after((0.0, look + 0.59))
    assert ids(FIRST, seen(0.0, (0.0, look)), later) == [[1], [1], [1 if known_again else 2]]


@pytest.mark.parametrize(("look", "known_again"), [(1.29, True), (1.31, False), (-0.59, True), (-0.61, False)])
def test_of_too_many_views_one_of_the_two_most_alike_goes(look: float, known_again: bool) -> None:
    """0 and 0.7 stay of 0, 0.5 and 0.7."""
    settings = TrackerSettings(exemplars=2)
    views = [seen(0.0, (0.0, look)) for look in (0.0, 0.5, 0.7)]
    assert ids(*views, long_after((0.0, look)), settings=settings)[-1] == [1 if known_again else 2]
    # With room for all three, the one in the middle is still known.
    assert ids(*views, long_after((0.0, 0.1)), seen(LONG_SECONDS, (0.0, 0.35)))[-1] == [1]


@pytest.mark.parametrize(
    ("look", "expected"), [(0.0, 1), (0.07, 1), (0.08, 3), (0.15, 3), (0.22, 3), (0.23, 2), (0.3, 2)]
)  # fmt: skip
def test_a_box_that_fits_two_people_about_as_well_is_neither(look: float, expected: int) -> None:
    together = seen(0.0, (0.0, 0.0), (5.0, 0.3))
    assert ids(together, long_after((0.0, look))) == [[1, 2], [expected]]


def test_someone_who_turns_between_far_samples_of_a_still_picture_stays_one_person() -> None:
    sitting = [seen(LONG_SECONDS * i, (0.0, 0.0), (4.0, 2.0 + 0.7 * (i % 2)), (8.0, 5.0)) for i in range(3)]
    assert ids(*sitting) == [[1, 2, 3]] * 3
    # Missed in one sample, position says nothing of them any more; what they looked like does.
    missed = seen(LONG_SECONDS, (0.0, 0.0), (8.0, 5.0))
    turned = seen(2 * LONG_SECONDS, (0.0, 0.0), (4.0, 2.7), (8.0, 5.0))
    assert ids(sitting[0], missed, turned)[-1] == [1, 4, 3]
    # Someone else in that chair is beyond what a turned head explains.
    other = seen(LONG_SECONDS, (0.0, 0.0), (4.0, 2.8), (8.0, 5.0))
    assert ids(sitting[0], other)[-1] == [1, 4, 3]


def test_two_who_were_never_seen_together_may_be_one_person_seen_twice() -> None:
    one_by_one = (seen(0.0, (0.0, 0.0)), long_after((0.0, 0.7)))
    assert ids(*one_by_one, seen(2 * LONG_SECONDS, (0.0, 0.34)))[-1] == [1]
    assert ids(seen(0.0, (0.0, 0.0), (5.0, 0.7)), long_after((0.0, 0.34)))[-1] == [3]


@pytest.mark.parametrize(("place", "expected"), [(0.4, [1, 2]), (0.6, [2, 3])])
def test_a_person_who_fits_two_boxes_gets_one_only_if_they_are_the_same_face(place: float, expected: list[int]) -> None:
    twice = long_after((0.0, 0.0), (place, 0.01))
    assert ids(FIRST, twice) == [[1], expected]


@pytest.mark.parametrize(("distance", "is_cut"), [(0.39, False), (0.41, True)])
def test_a_cut_is_a_picture_unlike_the_one_before(distance: float, is_cut: bool) -> None:
    tracker = Tracker()
    tracker.follow(seen(1.0))
    tracker.follow(seen(1.5, degrees=apart(distance)))
    assert tracker.cuts == ((1.5,) if is_cut else ())


@pytest.mark.parametrize(("distance", "step_seconds", "cuts"), [(0.49, 0.75, ()), (0.51, 0.75, (1.5,)), (0.51, 0.76, ())])
def test_a_dissolve_is_a_picture_unlike_the_one_a_little_earlier(distance: float, step_seconds: float, cuts: tuple[float, ...]) -> None:
    tracker = Tracker()
    for step in range(3):
        tracker.follow(seen(step * step_seconds, degrees=apart(distance) * step / 2))
    assert tracker.cuts == cuts


def test_after_a_cut_pictures_are_compared_within_the_new_shot_alone() -> None:
    tracker = Tracker()
    for number, degrees in enumerate((0.0, 100.0, 130.0, 160.0)):
        tracker.follow(seen(0.1 * number, degrees=degrees))
    assert tracker.cuts == pytest.approx((0.1,))


def test_a_stream_without_end_remembers_the_last_cuts() -> None:
    tracker = Tracker()
    for number in range(REMEMBERED_CUTS + 10):
        tracker.follow(seen(float(number), degrees=180.0 * (number % 2)))
    assert len(tracker.cuts) == REMEMBERED_CUTS and tracker.cuts[-1] == REMEMBERED_CUTS + 9


def test_whoever_is_forgotten_is_forgotten_by_those_who_met_them() -> None:
    """Otherwise what is remembered of people who stay would grow with everyone who passes by."""
    tracker = Tracker(TrackerSettings(max_tracks=2))
    for number in range(50):
        tracker.follow(seen(float(number), (0.0, 0.0), (5.0, 10.0 + 5 * number)))
    (staying, _) = sorted(tracker._tracks, key=lambda track: track.track_id)
    assert staying.track_id == 1 and staying.met == {51}


def test_the_longest_unseen_is_forgotten_not_the_oldest() -> None:
    looks = (0.0, 5.0, 0.0, 10.0)
    samples = [seen(LONG_SECONDS * number, (0.0, look)) for number, look in enumerate(looks)]
    last = [seen(LONG_SECONDS * 9, (0.0, 0.0)), seen(LONG_SECONDS * 10, (0.0, 5.0))]
    assert ids(*samples, *last, settings=TrackerSettings(max_tracks=2)) == [[1], [2], [1], [3], [1], [4]]
