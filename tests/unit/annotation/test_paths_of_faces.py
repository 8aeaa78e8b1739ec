"""Where a box is drawn between judged frames."""

from __future__ import annotations

import numpy as np
import pytest
from builders import face_score, person, verdict

from screener.annotation.paths_of_faces import PathsOfFaces
from screener.records import VideoFacts


def at(seconds: float, left: float, track_id: int = 3) -> object:
    return face_score(0.6, 0, pts_seconds=seconds, track_id=track_id, box_xyxy=np.array([left, 10, left + 50, 70], np.float32))


def paths(*faces: object, **video: object) -> PathsOfFaces:
    return PathsOfFaces(verdict(people=(person("fake", 0.9, track_id=3),), frames=tuple(faces), video=VideoFacts(**video)))


@pytest.mark.parametrize(("seconds", "left"), [(1.0, 100), (1.25, 110), (1.5, 120), (1.75, 110), (2.0, 100)])
def test_a_box_runs_straight_between_close_frames(seconds: float, left: float) -> None:
    (shown,) = paths(at(1.0, 100), at(1.5, 120), at(2.0, 100)).at(seconds)
    assert shown.box_xyxy[0] == pytest.approx(left)
    assert (shown.number, shown.outcome, shown.p_fake) == (1, "fake", 0.9)


@pytest.mark.parametrize(("seconds", "seen"), [(0.7, False), (0.8, True), (1.2, True), (1.3, False), (3.9, True), (4.3, False)])
def test_nothing_is_drawn_where_nobody_looked(seconds: float, seen: bool) -> None:
    assert bool(paths(at(1.0, 100), at(4.0, 200)).at(seconds)) is seen


def test_a_face_of_a_still_picture_is_where_it_is() -> None:
    (shown,) = paths(at(0.0, 40), is_still=True).at(99.0)
    assert shown.box_xyxy[0] == 40
