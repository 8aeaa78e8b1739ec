"""The record of a watch of any length: bounded, and without losing an alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import limits, person

from screener.verdict.judging import judge_person, judge_video
from screener.watching.chronicle import MOST_PEOPLE, MOST_ROWS, Chronicle, Thinned

from .sights import sight

LIMITS = limits()


def test_rows_are_kept_whole_then_evenly_thinned() -> None:
    rows = Thinned(2)
    for number in range(10 * MOST_ROWS):
        rows.add((number, -number))
    kept = rows.rows()
    assert MOST_ROWS / 2 <= len(kept) < MOST_ROWS
    assert rows.count == 10 * MOST_ROWS
    assert len(set(np.diff(kept[:, 0]))) == 1
    assert (kept[:, 1] == -kept[:, 0]).all()


def test_a_short_watch_is_judged_as_a_scan() -> None:
    chronicle = Chronicle(LIMITS)
    sights = [sight(number / 10, 0.2 + 0.01 * (number % 7)) for number in range(40)]
    for one in sights:
        assert one.score is not None
        chronicle.see(one.score.pts_seconds, [one])
    (found,) = chronicle.people()
    from screener.verdict.judging import Sighting

    seen = Sighting(1, 0.0, 3.9, 40, [100.0] * 40)
    assert found == judge_person(seen, [one.score for one in sights if one.score], LIMITS, is_still=False)


def test_hours_of_harmless_frames_do_not_talk_an_alarm_away() -> None:
    chronicle = Chronicle(LIMITS)
    for number in range(5000):
        chronicle.see(number / 10, [sight(number / 10, 0.1)])
    chronicle.alarm(person("fake", 0.8))
    chronicle.strengthen(person("fake", 0.9, interval=(0.85, 0.95)))
    chronicle.strengthen(person("fake", 0.7))
    (found,) = chronicle.people()
    assert (found.outcome, found.p_fake, found.interval, found.reasons) == ("fake", 0.9, (0.85, 0.95), ())
    assert (found.frames_judged, found.frames_seen, chronicle.alarms) == (5000, 5000, 1)
    assert found.last_seconds == pytest.approx(499.9)


def test_of_too_many_people_those_with_least_evidence_go_and_never_an_alarm() -> None:
    chronicle = Chronicle(LIMITS)
    chronicle.see(0.0, [sight(0.0, 0.9, track_id=1)])
    chronicle.alarm(person("fake", 0.9, track_id=1))
    for track_id in range(2, MOST_PEOPLE + 12):
        for number in range(2):
            chronicle.see(track_id + number / 10, [sight(track_id + number / 10, 0.1, track_id=track_id)])
    found = chronicle.people()
    assert len(found) == MOST_PEOPLE
    assert chronicle.forgotten == 11
    assert (found[0].track_id, found[0].outcome) == (1, "fake")


@pytest.mark.parametrize(
    ("p_fake", "frames", "expected"),
    [
        (0.1, 1, ("genuine", ())),  # passing by, harmless, and far fewer frames than a tenth
        (0.1, 3, ("undecided", ("too_short",))),
        (0.95, 1, ("undecided", ("too_short",))),
    ],
)
def test_those_who_were_forgotten_count_for_the_outcome(p_fake: float, frames: int, expected: tuple[str, tuple[str, ...]]) -> None:
    """One genuine person all the time, and 300 others for a moment each."""
    chronicle, others, looked_at = Chronicle(LIMITS), MOST_PEOPLE + 44, 9000
    for number in range(40):
        chronicle.see(number / 10, [sight(number / 10, 0.1)])
    for track_id in range(2, 2 + others):
        for number in range(frames):
            chronicle.see(10 + track_id + number / 10, [sight(10 + track_id + number / 10, p_fake, track_id=track_id)])
    assert chronicle.forgotten == others + 1 - MOST_PEOPLE
    listed = [one for one in chronicle.people() if one.track_id == 1]
    assert judge_video((*listed, *chronicle.unlisted()), "complete", 1000 if frames > 1 else looked_at, LIMITS.threshold) == expected


def test_the_scores_of_a_watch_are_in_order_and_those_of_the_strongest_alarm_have_their_faces() -> None:
    chronicle = Chronicle(LIMITS)
    faces = {}
    for number in range(20):
        pair = [sight(number / 10, 0.1, 2), sight(number / 10, 0.5 + number / 50, 1)]
        chronicle.see(number / 10, pair)
        faces[number] = replace(pair[1].score, thumbnail_rgb=pair[1].crop_rgb)
    chronicle.alarm(person("fake", 0.7, track_id=1), [faces[10]])
    chronicle.alarm(person("fake", 0.8, track_id=1), [faces[19], faces[18]])
    chronicle.alarm(person("fake", 0.6, track_id=1), [faces[5]])
    found = chronicle.scores()
    assert [(score.pts_seconds, score.track_id) for score in found] == [(n / 10, track) for n in range(20) for track in (1, 2)]
    assert [score.pts_seconds for score in found if score.thumbnail_rgb is not None] == [1.8, 1.9]
