"""Tracking drawn people through drawn scenes: two people never share a track."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from screener.errors import SettingsError
from screener.records import FaceBox, Frame
from screener.tracking.tracker import Tracker, TrackerSettings, best_pairs, observe

SIZE_WH = (480, 270)


@dataclass(frozen=True)
class Person:
    """Someone to draw: colours, and where eyes, brows and mouth sit."""

    skin_rgb: tuple[int, int, int]
    hair_rgb: tuple[int, int, int]
    clothing_rgb: tuple[int, int, int]
    eye_y: float
    mouth_width: float
    beard: bool = False


ANN = Person((224, 182, 160), (70, 45, 30), (30, 60, 140), 0.40, 0.22)
BEN = Person((150, 105, 80), (25, 22, 22), (200, 200, 195), 0.46, 0.32, beard=True)
CAT = Person((235, 200, 180), (190, 160, 90), (150, 30, 40), 0.36, 0.16)

Place = tuple[Person, float, float, float]
"""Who, centre x, centre y, height of the face box in pixels."""


def background(seed: int, shift_x: int = 0) -> NDArray[np.uint8]:
    """A smooth random room, twice as wide as the picture so that a camera can pan over it; room 0 is a plain wall."""
    if seed == 0:
        return np.full((SIZE_WH[1], SIZE_WH[0], 3), 120, np.uint8)
    rng = np.random.default_rng(seed)
    room = cv2.resize(rng.integers(20, 236, (5, 18, 3)).astype(np.float32), (2 * SIZE_WH[0], SIZE_WH[1]), interpolation=cv2.INTER_CUBIC)
    return np.clip(room[:, shift_x : shift_x + SIZE_WH[0]], 0, 255).astype(np.uint8)


def face_box(centre_x: float, centre_y: float, height: float, confidence: float = 0.99) -> FaceBox:
    width = 0.78 * height
    size_wh = np.array([width, height])
    corner = np.array([centre_x, centre_y]) - size_wh / 2
    landmarks = corner + np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.78), (0.65, 0.78)]) * size_wh
    return FaceBox(np.concatenate([corner, corner + size_wh]).astype(np.float32), confidence, landmarks.astype(np.float32))


def draw(picture: NDArray[np.uint8], person: Person, centre_x: float, centre_y: float, height: float) -> None:
    """Shoulders, hair, face, eyes, nose and mouth, drawn in place to a sixteenth of a pixel."""
    width = 0.78 * height

    def oval(x: float, y: float, half_width: float, half_height: float, colour: Sequence[int]) -> None:
        centre = round(16 * (centre_x + x * width)), round(16 * (centre_y + y * height))
        axes = max(1, round(16 * half_width * width)), max(1, round(16 * half_height * height))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, tuple(colour), -1, cv2.LINE_AA, 4)

    dark = tuple(int(c * 0.35) for c in person.skin_rgb)
    oval(0, 1.35, 1.1, 0.75, person.clothing_rgb)
    oval(0, -0.12, 0.58, 0.62, person.hair_rgb)
    oval(0, 0.02, 0.46, 0.50, person.skin_rgb)
    if person.beard:
        oval(0, 0.36, 0.34, 0.16, person.hair_rgb)
    for side in (-0.2, 0.2):
        oval(side, person.eye_y - 0.5, 0.08, 0.035, dark)
        oval(side, person.eye_y - 0.6, 0.11, 0.018, person.hair_rgb)
    oval(0, 0.1, 0.05, 0.1, tuple(int(c * 0.8) for c in person.skin_rgb))
    oval(0, 0.28, person.mouth_width, 0.04, (150, 50, 55))


def sample(seconds: float, people: Sequence[Place], room: int = 1, shift_x: int = 0, exposure: float = 1.0) -> tuple[Frame, list[FaceBox]]:
    """One sampled frame with its boxes, in the order of `people`; noise keeps any two frames from being equal."""
    picture = background(room, shift_x)
    for place in people:
        draw(picture, *place)
    noise = np.random.default_rng(round(seconds * 1000)).normal(0, 2, picture.shape)
    picture = np.clip(picture * exposure + noise, 0, 255).astype(np.uint8)
    return Frame(picture, seconds, round(seconds * 25)), [face_box(*place[1:]) for place in people]


def follow(samples: Iterable[tuple[Frame, list[FaceBox]]], tracker: Tracker | None = None) -> list[list[int]]:
    tracker = tracker or Tracker()
    return [tracker.update(frame, boxes) for frame, boxes in samples]


def test_ids_count_from_the_left_and_keep_the_order_of_the_boxes() -> None:
    people = [(CAT, 380.0, 110.0, 90.0), (ANN, 90.0, 110.0, 90.0), (BEN, 240.0, 110.0, 90.0)]
    assert follow([sample(0.0, people), sample(0.04, people[::-1])]) == [[3, 1, 2], [2, 1, 3]]


@pytest.mark.parametrize("step_seconds", [0.04, 0.16, 1.0, 100.0])
def test_one_person_is_one_track_at_any_sampling(step_seconds: float) -> None:
    tracker = Tracker()
    walk = [sample(i * step_seconds, [(ANN, 120 + 9 * i, 110 + 2 * (i % 3), 90 + i)]) for i in range(24)]
    assert follow(walk, tracker) == [[1]] * 24
    assert tracker.cuts == ()


def test_a_person_missed_for_some_samples_keeps_the_id() -> None:
    seen = [sample(0.2 * i, [(ANN, 120 + 5 * i, 110, 90), (BEN, 350, 110, 90)]) for i in range(12)]
    samples = [(frame, boxes if not 3 <= i <= 8 else boxes[1:]) for i, (frame, boxes) in enumerate(seen)]
    ids = follow(samples)
    assert ids[:3] == [[1, 2]] * 3 and ids[3:9] == [[2]] * 6 and ids[9:] == [[1, 2]] * 3


@pytest.mark.parametrize("step_seconds", [0.04, 0.16, 1.0])
def test_people_who_cross_keep_their_ids(step_seconds: float) -> None:
    samples = []
    for i in range(25):
        ann, ben = (ANN, 90 + 12 * i, 110, 90), (BEN, 390 - 12 * i, 110, 90)
        frame, boxes = sample(i * step_seconds, [ben, ann])
        # Ann passes in front: while she covers him, no detector finds Ben.
        samples.append((frame, boxes if abs(ann[1] - ben[1]) > 60 else boxes[1:]))
    ids = follow(samples)
    assert ids[0] == [2, 1] and ids[-1] == [2, 1]
    assert all(row == ([2, 1] if len(row) == 2 else [1]) for row in ids)


@pytest.mark.parametrize("pause_seconds", [0.16, 2.0, 100.0])
def test_whoever_takes_the_same_place_is_someone_else(pause_seconds: float) -> None:
    times = np.cumsum([0, 0.16, 0.16, pause_seconds, 0.16, 0.16, pause_seconds, 0.16])
    sitting = [ANN, ANN, ANN, BEN, BEN, BEN, ANN, ANN]
    samples = [sample(float(t), [(who, 240, 110, 90)]) for t, who in zip(times, sitting, strict=True)]
    assert follow(samples) == [[1], [1], [1], [2], [2], [2], [1], [1]]


def test_two_people_swapped_by_a_cut_are_not_mixed() -> None:
    tracker = Tracker()
    before = [sample(0.04 * i, [(ANN, 140, 110, 90), (BEN, 340, 110, 90)]) for i in range(5)]
    after = [sample(0.2 + 0.04 * i, [(BEN, 140, 110, 90), (ANN, 340, 110, 90)], room=2) for i in range(5)]
    assert follow(before + after, tracker) == [[1, 2]] * 5 + [[2, 1]] * 5
    assert tracker.cuts == (0.2,)


def test_across_a_cut_the_same_place_does_not_make_the_same_person() -> None:
    tracker = Tracker()
    shots = [(ANN, 1), (CAT, 2), (ANN, 1), (BEN, 3)]
    samples = [sample(0.16 * (4 * k + i), [(who, 240, 110, 90)], room=room) for k, (who, room) in enumerate(shots) for i in range(4)]
    assert follow(samples, tracker) == [[1]] * 4 + [[2]] * 4 + [[1]] * 4 + [[3]] * 4
    assert tracker.cuts == pytest.approx((0.64, 1.28, 1.92))


def test_lookalikes_keep_their_ids_while_position_tells_them_apart() -> None:
    samples = [sample(0.04 * i, [(ANN, 140 + i, 110, 90), (ANN, 340 - i, 110, 90)]) for i in range(20)]
    assert follow(samples) == [[1, 2]] * 20


@pytest.mark.parametrize(("pause_seconds", "room"), [(100.0, 0), (0.04, 1)])
def test_lookalikes_whom_nothing_tells_apart_get_new_ids(pause_seconds: float, room: int) -> None:
    before = [sample(0.04 * i, [(ANN, 140, 110, 90), (ANN, 340, 110, 90)], room=room) for i in range(3)]
    after = sample(0.08 + pause_seconds, [(ANN, 150, 110, 90), (ANN, 330, 110, 90)], room=0)
    assert follow([*before, after]) == [[1, 2]] * 3 + [[3, 4]]


def test_a_dissolve_from_one_person_to_another_does_not_melt_them_into_one() -> None:
    tracker = Tracker()
    ids = []
    for i in range(60):
        share = float(np.clip((i - 15) / 25, 0, 1))
        (one, boxes), (other, _) = sample(0.04 * i, [(ANN, 240, 110, 90)]), sample(0.04 * i, [(BEN, 240, 110, 90)], room=2)
        mixed = ((1 - share) * one.picture_rgb + share * other.picture_rgb).astype(np.uint8)
        ids.append(tracker.update(Frame(mixed, one.pts_seconds, i), boxes)[0])
    assert set(ids[:15]).isdisjoint(ids[40:])
    assert tracker.cuts


@pytest.mark.parametrize("shift_px", [6, 25])
def test_a_panning_camera_splits_nobody(shift_px: int) -> None:
    samples = []
    for i in range(16):
        people = [(ANN, 80.0 + 16 * shift_px - shift_px * i, 110, 90), (BEN, 210.0 + 16 * shift_px - shift_px * i, 110, 90)]
        frame, boxes = sample(0.16 * i, people, shift_x=shift_px * i)
        samples.append((frame, [box for box in boxes if box.box_xyxy[2] < SIZE_WH[0] - 10]))
    ids = follow(samples)
    assert ids[-1] == [1, 2]
    assert all(row == [1, 2][: len(row)] for row in ids)


def test_a_change_of_exposure_is_no_cut() -> None:
    tracker = Tracker()
    samples = [sample(0.16 * i, [(ANN, 240, 110, 90)], exposure=1.0 if i % 3 else 0.6) for i in range(12)]
    assert follow(samples, tracker) == [[1]] * 12
    assert tracker.cuts == ()


def test_a_false_alarm_of_the_detector_becomes_its_own_track() -> None:
    samples = [sample(0.16 * i, [(ANN, 240, 110, 90)]) for i in range(10)]
    samples[4][1].insert(0, face_box(60, 200, 22, confidence=0.91))
    ids = follow(samples)
    assert ids[4] == [2, 1]
    assert [row for i, row in enumerate(ids) if i != 4] == [[1]] * 9


def test_one_face_found_twice_does_not_cost_its_id() -> None:
    samples = [sample(0.16 * i, [(ANN, 240, 110, 90)]) for i in range(8)]
    samples[3][1].append(face_box(246, 116, 74))
    ids = follow(samples)
    assert ids[3][0] == 1 and ids[3][1] != 1
    assert ids[4:] == [[1]] * 4


def test_the_longest_unseen_is_forgotten_first() -> None:
    visits = [sample(50.0 * i, [(who, 240, 110, 90)]) for i, who in enumerate((ANN, BEN, CAT, ANN))]
    assert follow(visits) == [[1], [2], [3], [1]]
    assert follow(visits, Tracker(TrackerSettings(max_tracks=2))) == [[1], [2], [3], [4]]


def test_more_people_than_may_be_remembered_still_get_an_id_each() -> None:
    people = [(ANN, 90.0, 110.0, 90.0), (BEN, 240.0, 110.0, 90.0), (CAT, 380.0, 110.0, 90.0)]
    tracker = Tracker(TrackerSettings(max_tracks=1))
    assert follow([sample(0.04 * i, people) for i in range(3)], tracker) == [[1, 2, 3]] * 3


def test_frames_without_a_face_still_show_cuts() -> None:
    tracker = Tracker()
    assert follow([(sample(0.1 * i, [], room=1 + i // 3)[0], []) for i in range(6)], tracker) == [[]] * 6
    assert tracker.cuts == pytest.approx((0.3,))


def test_the_same_samples_give_the_same_ids_and_cuts() -> None:
    samples = [sample(0.3 * i, [(ANN, 100 + 20 * i, 110, 90), (CAT, 300, 110, 60 + 5 * i)], room=1 + i // 5) for i in range(10)]
    first, second = Tracker(), Tracker()
    assert follow(samples, first) == follow(samples, second)
    assert first.cuts == second.cuts


@pytest.mark.parametrize("picture", [np.zeros((1, 1, 3), np.uint8), np.full((40, 30, 3), 255, np.uint8), np.zeros((9, 200, 3), np.uint8)])
def test_pictures_that_show_nothing_are_survived(picture: NDArray[np.uint8]) -> None:
    tracker = Tracker()
    landmarks = np.full((5, 2), np.nan, np.float32)
    box = FaceBox(np.array([-20.0, -20.0, 8.0, 9.0], np.float32), 0.9, landmarks)
    assert follow([(Frame(picture, 0.1 * i, i), [box]) for i in range(3)], tracker) == [[1]] * 3


def test_times_that_stand_still_or_run_backwards_are_survived() -> None:
    samples = [sample(t, [(ANN, 200 + 5 * i, 110, 90)]) for i, t in enumerate((1.0, 1.0, 0.5, 0.0, float(2**31)))]
    assert follow(samples) == [[1]] * 5


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(3)))
def test_the_order_of_the_boxes_does_not_matter(order: list[int]) -> None:
    people = [(ANN, 90.0, 110.0, 90.0), (BEN, 240.0, 110.0, 90.0), (CAT, 380.0, 110.0, 90.0)]
    ids = follow([sample(0.0, people), sample(5.0, [people[k] for k in order]), sample(5.16, people)])
    assert ids == [[1, 2, 3], [k + 1 for k in order], [1, 2, 3]]


@pytest.mark.parametrize(
    "values",
    [
        {"appearance_limit": 0},
        {"max_tracks": -1},
        {"max_tracks": 2.5},
        {"cut_limit": float("nan")},
        {"cut_limit": 0},
        {"cut_limit": float("inf")},
        {"position_seconds": True},
    ],
)
def test_impossible_settings_are_refused_by_name(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        TrackerSettings(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [{"near_appearance_limit": 0.5}, {"cut_appearance_limit": 0.7}])
def test_the_limits_must_rise_with_what_position_says(values: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"expected rising numbers, got .*0\.[57]"):
        TrackerSettings(**values)  # type: ignore[arg-type]


def test_what_was_observed_in_any_order_is_followed_as_if_it_came_in_time() -> None:
    samples = [
        sample(0.5 * i, [(ANN, 90 + 12 * i, 110, 90), (BEN, 390 - 12 * i, 110, 90)][: 1 + i % 2], room=1 + i // 6) for i in range(12)
    ]
    backwards = [observe(frame, boxes) for frame, boxes in reversed(samples)]
    tracker = Tracker()
    assert [tracker.follow(seen) for seen in sorted(backwards, key=lambda seen: seen.pts_seconds)] == follow(samples)
    assert 3.0 in tracker.cuts


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 5)])
def test_the_best_pairs_are_those_of_the_assignment_problem(shape: tuple[int, int]) -> None:
    """One person or one face alone is paired without the library that solves it; a gain of nothing pairs too, as there."""
    rng = np.random.default_rng(sum(shape))
    for gains in (rng.random(shape), np.clip(rng.normal(size=shape), 0, None), np.zeros(shape)):
        rows, columns = best_pairs(gains)
        expected = linear_sum_assignment(gains, maximize=True)
        assert len(rows) == len(columns) == min(shape)
        assert gains[rows, columns].sum() == gains[expected].sum()
