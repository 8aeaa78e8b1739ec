"""Scores to verdicts on people and videos: each rule against cases computed by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from builders import face_crop, face_score, face_scores, limits, person, sighting
from hypothesis import given
from hypothesis import strategies as st

from screener.records import TrackVerdict, VideoFacts
from screener.verdict import judging as verdict
from screener.verdict.judging import (
    coverage_of,
    deciding_people,
    judge_person,
    judge_video,
    leading_person,
    score_of,
    withheld,
)

# People


def test_a_person_is_fake_genuine_or_undecided() -> None:
    exact = limits(threshold=0.625, genuine_below=0.375)
    outcomes = {p: judge_person(sighting(32), face_scores([p] * 32), exact, False) for p in (0.9, 0.625, 0.5, 0.375, 0.37, 0.1)}
    assert {p: person.outcome for p, person in outcomes.items()} == {
        0.9: "fake", 0.625: "fake", 0.5: "undecided", 0.375: "undecided", 0.37: "genuine", 0.1: "genuine",
    }  # fmt: skip
    assert {person.reasons for person in outcomes.values() if person.outcome == "undecided"} == {("near_threshold",)}
    assert all(person.reasons == () for person in outcomes.values() if person.outcome != "undecided")


def test_one_threshold_for_both_sides_abstains_only_where_the_interval_straddles_it() -> None:
    """With `genuine_below` at the threshold the outcome is called exactly when the whole interval lies on one side."""
    one = limits(threshold=0.5, genuine_below=0.5)
    rng = np.random.default_rng(3)
    seen = set()
    for centre in np.linspace(0.2, 0.8, 13):
        p_fake = np.clip(centre + rng.normal(0, 0.15, 16), 0, 1)
        judged = judge_person(sighting(16), face_scores(p_fake), one, False)
        low, high = judged.interval or (0, 0)
        calls = {"fake": low >= 0.5, "undecided": low < 0.5 <= high, "genuine": high < 0.5 and not judged.segments}
        assert calls[judged.outcome], (centre, judged)
        seen.add(judged.outcome)
    assert seen == {"fake", "genuine", "undecided"}


def test_a_wide_interval_forbids_a_call() -> None:
    """Pooled well above the threshold, or below, but from four frames that contradict each other."""
    for p_fake in ([0.9, 0.95, 0.1, 0.9], [0.05, 0.1, 0.9, 0.05]):
        judged = judge_person(sighting(4), face_scores(p_fake), limits(), False)
        assert (judged.outcome, judged.reasons) == ("undecided", ("near_threshold",))


def test_a_short_fake_stretch_is_never_called_genuine() -> None:
    clean, tampered = np.full(200, 0.02), np.full(200, 0.02)
    tampered[90:94] = 0.99
    assert judge_person(sighting(200), face_scores(clean), limits(), False).outcome == "genuine"
    judged = judge_person(sighting(200), face_scores(tampered), limits(), False)
    assert judged.p_fake is not None
    assert judged.p_fake < 0.1
    assert judged.outcome == "undecided"
    assert [(s.start_seconds, s.end_seconds) for s in judged.segments] == [(89.5, 93.5)]


@pytest.mark.parametrize(
    ("scores", "seen", "reasons"),
    [
        (face_scores([0.9] * 3), sighting(3), ("too_short",)),
        (face_scores([0.9] * 3), sighting(13, too_small=10), ("too_small", "too_short")),
        (face_scores([0.9] * 3), sighting(13, too_blurred=10), ("low_quality", "too_short")),
        (face_scores([0.9] * 3), sighting(6, too_blurred=3), ("too_short",)),
        ([], sighting(9, too_small=9), ("too_small",)),
        ([], sighting(9, too_blurred=9), ("low_quality",)),
        (face_scores([0.9] * 8, face_px=30.0), sighting(8), ("out_of_range",)),
        (face_scores([0.9] * 8, face_px=900.0), sighting(8), ("out_of_range",)),
        (face_scores([0.9] * 8, sharpness=1.0), sighting(8), ("out_of_range",)),
        (face_scores([0.9] * 8), sighting(8), ()),
    ],
)
def test_abstention_has_its_reason(scores: list, seen: verdict.Sighting, reasons: tuple[str, ...]) -> None:
    judged = judge_person(seen, scores, limits(face_px=(40, 500), sharpness=(5, 1000)), False)
    assert judged.reasons == reasons
    assert judged.outcome == ("undecided" if reasons else "fake")


def test_range_is_held_against_the_median_so_that_one_odd_frame_does_not_matter() -> None:
    scores = [replace(score, face_px=20.0 if score.frame_index < 3 else 100.0) for score in face_scores([0.9] * 8)]
    assert judge_person(sighting(8), scores, limits(face_px=(40, 500)), False).outcome == "fake"


def test_a_still_picture_needs_only_one_frame() -> None:
    one = [face_score(0.9)]
    assert judge_person(sighting(1), one, limits(), is_still=True).outcome == "fake"
    assert judge_person(sighting(1), one, limits(), is_still=False).reasons == ("too_short",)
    assert judge_person(sighting(1), one, limits(), is_still=True).interval is None


def test_nothing_judged_is_no_number() -> None:
    judged = judge_person(sighting(9, too_small=9), [], limits(), False)
    assert (judged.p_fake, judged.interval, judged.segments, judged.frames_judged) == (None, None, (), 0)
    assert judged.frames_seen == 9


@given(st.permutations(range(12)))
def test_the_order_in_which_scores_arrive_does_not_matter(order: list[int]) -> None:
    scores = face_scores(np.linspace(0.1, 0.9, 12) ** 2)
    assert judge_person(sighting(12), [scores[i] for i in order], limits(), False) == judge_person(sighting(12), scores, limits(), False)


def test_facts_of_a_person_are_passed_on() -> None:
    seen = sighting(5, track_id=7, first_seconds=1.5, last_seconds=8.0, face_px=[10.0, 20.0, 90.0, 100.0, 110.0])
    judged = judge_person(seen, face_scores([0.9] * 5), limits(), False)
    assert (judged.track_id, judged.first_seconds, judged.last_seconds) == (7, 1.5, 8.0)
    assert (judged.frames_seen, judged.frames_judged, judged.face_px_median) == (5, 5, 90.0)


# Videos

FAKE = person("fake", 0.9)
GENUINE = person("genuine", 0.1)
NEAR = person("undecided", 0.5, reasons=("near_threshold",))
GLIMPSED = person("undecided", 0.2, reasons=("too_short",), frames_seen=3, frames_judged=3)
HALF_SEEN = person("undecided", 0.9, reasons=("too_short",), frames_seen=20, frames_judged=3)
SMALL = person("undecided", None, reasons=("too_small",), frames_seen=32, frames_judged=0)
BLURRED = person("undecided", None, reasons=("low_quality",), frames_seen=32, frames_judged=0)
BLURRED_ONCE = person("undecided", None, reasons=("low_quality",), frames_seen=1, frames_judged=0)
OUT_OF_RANGE = person("undecided", 0.1, reasons=("out_of_range",))


@pytest.mark.parametrize("coverage", ["complete", "partial", "none"])
@pytest.mark.parametrize("others", [(), (GENUINE,), (NEAR,), (SMALL, BLURRED)])
def test_one_fake_person_makes_a_fake_video(coverage: str, others: tuple[TrackVerdict, ...]) -> None:
    for people in itertools.permutations((FAKE, *others)):
        assert judge_video(people, coverage, 32, 0.5) == ("fake", ())


@pytest.mark.parametrize(
    ("people", "coverage", "expected"),
    [
        ((GENUINE,), "complete", ("genuine", ())),
        ((GENUINE, GENUINE), "complete", ("genuine", ())),
        ((GENUINE,), "partial", ("undecided", ())),
        ((GENUINE,), "none", ("undecided", ())),
        ((), "complete", ("undecided", ("no_face",))),
        ((GENUINE, NEAR), "complete", ("undecided", ("near_threshold",))),
        ((GENUINE, OUT_OF_RANGE, NEAR, NEAR), "complete", ("undecided", ("out_of_range", "near_threshold"))),
        ((GENUINE, GLIMPSED), "complete", ("genuine", ())),
        ((GENUINE, HALF_SEEN), "complete", ("undecided", ("too_short",))),
        ((GENUINE, SMALL), "complete", ("genuine", ())),
        ((GENUINE, BLURRED), "complete", ("undecided", ("low_quality",))),
        ((GENUINE, BLURRED_ONCE), "complete", ("genuine", ())),
        ((SMALL,), "complete", ("undecided", ("too_small",))),
        ((GLIMPSED, SMALL), "complete", ("undecided", ("too_short", "too_small"))),
        ((BLURRED_ONCE,), "complete", ("undecided", ("low_quality",))),
    ],
)
def test_truth_table_of_a_video(people: tuple[TrackVerdict, ...], coverage: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert judge_video(people, coverage, 32, 0.5) == expected


@pytest.mark.parametrize("coverage", ["partial", "none"])
def test_nobody_is_genuine_in_what_was_judged_in_part(coverage: str) -> None:
    everyone = (FAKE, GENUINE, NEAR, SMALL)
    assert withheld(everyone, "complete") == everyone
    fake, genuine, near, small = withheld(everyone, coverage)
    assert (fake, near, small) == (FAKE, NEAR, SMALL)
    assert genuine == replace(GENUINE, outcome="undecided", reasons=("partly_judged",))


def test_the_score_of_who_was_judged_in_part_still_represents_the_video() -> None:
    (seen,) = withheld((GENUINE,), "partial")
    assert leading_person((seen, SMALL)) == seen


def test_a_video_without_a_single_frame_blames_no_missing_face() -> None:
    assert judge_video((), "none", 0, 0.5) == ("undecided", ())


@given(st.lists(st.sampled_from([FAKE, GENUINE, NEAR, GLIMPSED, HALF_SEEN, SMALL, BLURRED, BLURRED_ONCE, OUT_OF_RANGE]), max_size=5))
def test_genuine_is_never_said_without_complete_coverage_and_a_genuine_person(people: list[TrackVerdict]) -> None:
    for coverage in ("complete", "partial", "none"):
        outcome, reasons = judge_video(people, coverage, 32, 0.5)
        assert (outcome == "fake") == (FAKE in people)
        if outcome == "genuine":
            assert coverage == "complete"
            assert GENUINE in people
            assert not any(p in people for p in (NEAR, HALF_SEEN, BLURRED, OUT_OF_RANGE))
        if outcome == "undecided" and coverage == "complete":
            assert reasons


def test_in_a_still_picture_everyone_in_it_matters_unless_too_small() -> None:
    blurred = replace(BLURRED_ONCE, frames_seen=1)
    assert deciding_people((blurred,), 1, 0.5) == [blurred]
    assert deciding_people((replace(SMALL, frames_seen=1),), 1, 0.5) == []


def test_glimpses_cannot_hide_a_fake() -> None:
    calm, suspicious = replace(GLIMPSED, p_fake=0.1), replace(GLIMPSED, p_fake=0.9)
    assert judge_video((GENUINE, calm), "complete", 32, 0.5) == ("genuine", ())
    assert judge_video((GENUINE, suspicious), "complete", 32, 0.5) == ("undecided", ("too_short",))
    pieces = tuple(replace(calm, track_id=i) for i in range(2, 8))
    assert judge_video((GENUINE, *pieces), "complete", 32, 0.5) == ("undecided", ("too_short",))
    mostly_small = replace(suspicious, reasons=("too_small", "too_short"))
    assert judge_video((GENUINE, mostly_small), "complete", 32, 0.5) == ("undecided", ("too_small", "too_short"))


@pytest.mark.parametrize(
    ("people", "leader"),
    [
        ((), None),
        ((SMALL, GLIMPSED, OUT_OF_RANGE), None),
        ((GENUINE, person("genuine", 0.3)), person("genuine", 0.3)),
        ((GENUINE, NEAR), NEAR),
        # Who leaves the video undecided stands for it, though a genuine person scores higher on average.
        (
            (person("genuine", 0.3), person("undecided", 0.2, reasons=("near_threshold",))),
            person("undecided", 0.2, reasons=("near_threshold",)),
        ),
        # A fake stands for the video even where someone undecided scores higher.
        ((person("fake", 0.7), person("undecided", 0.8, reasons=("near_threshold",))), person("fake", 0.7)),
        ((FAKE, person("fake", 0.7)), FAKE),
        ((GLIMPSED, GENUINE), GENUINE),
    ],
)
def test_who_stands_for_the_video(people: tuple[TrackVerdict, ...], leader: TrackVerdict | None) -> None:
    assert leading_person(people) == leader
    assert leading_person(tuple(reversed(people))) == leader


def test_a_closer_look_tells_where_and_leaves_the_pooled_score_alone() -> None:
    spread = [face_score(0.1 if second != 300 else 0.9, second) for second in range(0, 1600, 100)]
    around = [face_score(0.9, second) for second in (298, 299, 301, 302)]
    alone = judge_person(sighting(16), spread, limits(), False)
    closer = judge_person(sighting(20), spread, limits(), False, around)
    assert (alone.outcome, alone.segments) == ("genuine", ())
    assert (closer.p_fake, closer.interval) == (alone.p_fake, alone.interval)
    assert closer.outcome == "undecided" and closer.frames_judged == 20
    (stretch,) = closer.segments
    assert stretch.start_seconds <= 298 and stretch.end_seconds >= 302


def test_a_closer_look_that_finds_nothing_clears_a_suspicion() -> None:
    spread = [face_score(0.1 if second != 300 else 0.9, second) for second in range(0, 1600, 100)]
    around = [face_score(0.1, second) for second in (298, 299, 301, 302)]
    assert judge_person(sighting(20), spread, limits(), False, around).outcome == "genuine"


@pytest.mark.parametrize(("spread", "pooled"), [(3, 0.5), (4, 0.2)])
def test_closer_looks_count_in_the_score_only_of_someone_seen_too_briefly(spread: int, pooled: float) -> None:
    judged = judge_person(sighting(8), face_scores([0.2] * spread), limits(min_frames=4), False, face_scores([0.8] * 3))
    assert judged.p_fake == pytest.approx(pooled)
    assert judged.frames_judged == spread + 3


def test_as_many_frames_as_are_needed_are_enough() -> None:
    assert judge_person(sighting(4), face_scores([0.9] * 4), limits(min_frames=4), False).reasons == ()
    assert judge_person(sighting(3), face_scores([0.9] * 3), limits(min_frames=4), False).reasons == ("too_short",)


def test_whoever_was_never_measured_has_no_size() -> None:
    assert judge_person(sighting(0, face_px=[]), [], limits(), False).face_px_median == 0.0


def test_the_ends_of_the_interval_belong_to_the_band_above_them() -> None:
    scores = face_scores([0.4, 0.5, 0.6, 0.5, 0.45, 0.55])
    judged = judge_person(sighting(6), scores, limits(), False)
    assert judged.p_fake is not None and judged.interval is not None
    low, high = judged.interval
    assert judge_person(sighting(6), scores, limits(threshold=judged.p_fake, genuine_below=low), False).outcome == "fake"
    assert judge_person(sighting(6), scores, limits(threshold=high, genuine_below=high), False).outcome == "undecided"


def test_the_calibrated_range_includes_its_ends() -> None:
    for changes in ({"face_px": (100.0, 200.0)}, {"face_px": (50.0, 100.0)}, {"sharpness": (100.0, 200.0)}, {"sharpness": (50.0, 100.0)}):
        assert judge_person(sighting(4), face_scores([0.9] * 4), limits(**changes), False).reasons == ()


def test_what_was_never_looked_at_small_and_blurred_alike_is_too_small() -> None:
    assert judge_person(sighting(4, too_small=2, too_blurred=2), [], limits(), False).reasons == ("too_small",)
    assert judge_person(sighting(4, too_small=2, too_blurred=3), [], limits(), False).reasons == ("low_quality",)


@pytest.mark.parametrize(
    ("facts", "coverage"),
    [
        (VideoFacts(), "none"),
        (VideoFacts(reasons=("truncated",)), "none"),
        (VideoFacts(frames_sampled=1), "complete"),
        (VideoFacts(frames_sampled=1, warnings=("gap",)), "complete"),
        (VideoFacts(frames_sampled=9, reasons=("corrupt",)), "partial"),
    ],
)
def test_coverage_is_what_the_reader_gives_no_reason_to_doubt(facts: VideoFacts, coverage: str) -> None:
    assert coverage_of(facts) == coverage


@pytest.mark.parametrize(("frames_seen", "matters"), [(3, False), (4, True)])
def test_glimpses_matter_from_a_tenth_of_the_sampled_frames(frames_seen: int, matters: bool) -> None:
    glimpse = replace(GLIMPSED, frames_seen=frames_seen)
    assert deciding_people((GENUINE, glimpse), 40, 0.5) == [GENUINE, glimpse][: 1 + matters]


def test_a_glimpse_is_suspicious_from_the_threshold_on() -> None:
    assert deciding_people((GENUINE, replace(GLIMPSED, p_fake=0.5)), 1000, 0.5)[1:] == [replace(GLIMPSED, p_fake=0.5)]
    assert deciding_people((GENUINE, replace(GLIMPSED, p_fake=0.49)), 1000, 0.5) == [GENUINE]


def test_a_score_keeps_everything_of_its_crop_but_the_pixels() -> None:
    crop = replace(face_crop(np.zeros((8, 8, 3), np.uint8), frame_index=50, track_id=3), sharpness=7.0)
    kept = score_of(crop, 1.0, 2.0, -0.5)
    assert (kept.track_id, kept.frame_index, kept.pts_seconds, kept.sharpness) == (3, 50, 2.0, 7.0)
    assert (kept.logit, kept.p_fake) == (1.0, 0.5)
    assert (kept.confidence, kept.face_px) == (0.99, 100.0)
    np.testing.assert_array_equal(kept.box_xyxy, crop.box.box_xyxy)


def test_someone_seen_in_closer_looks_alone_is_judged_by_them() -> None:
    alone = judge_person(sighting(4), [], limits(), False, face_scores([0.9] * 4))
    assert (alone.outcome, alone.frames_judged) == ("fake", 4)
