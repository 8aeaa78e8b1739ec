"""From scores to verdicts: each rule against cases worked out by hand, and properties that must hold for any scores."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from builders import face_score, face_scores, limits, person, sighting
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import trim_mean

from screener.records import TrackVerdict
from screener.verdict import judging as verdict
from screener.verdict.judging import (
    POOLING,
    SEGMENT_SECONDS,
    calibrated,
    deciding_people,
    interval,
    judge_person,
    judge_video,
    leading_person,
    suspicious_segments,
)

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(np.array)


# Calibration


def test_calibration_by_hand() -> None:
    assert calibrated(0.0, 1.0, 0.0) == 0.5
    assert calibrated(np.log(3), 1.0, 0.0) == pytest.approx(0.75)
    assert calibrated(2 * np.log(3), 2.0, 0.0) == pytest.approx(0.75)
    assert calibrated(0.0, 5.0, -np.log(3)) == pytest.approx(0.25)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.01, 100), st.floats(-10, 10))
def test_calibration_keeps_order_and_stays_a_probability(a: float, b: float, temperature: float, bias: float) -> None:
    low, high = (calibrated(logit, temperature, bias) for logit in sorted((a, b)))
    assert 0 <= low <= high <= 1


# Pooling


@given(PROBABILITIES)
def test_pooling_against_other_implementations(p_fake: np.ndarray) -> None:
    assert POOLING["mean"](p_fake) == pytest.approx(sum(p_fake) / len(p_fake))
    assert POOLING["median"](p_fake) == pytest.approx(np.quantile(p_fake, 0.5))
    assert POOLING["trimmed_mean"](p_fake) == pytest.approx(trim_mean(p_fake, 0.1))


@pytest.mark.parametrize("rule", POOLING)
@given(rows=st.integers(1, 5), frames=st.integers(1, 40), seed=st.integers(0, 99))
def test_pooling_works_on_every_row_alike_and_ignores_order(rule: str, rows: int, frames: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p_fake = rng.random((rows, frames))
    pooled = POOLING[rule](p_fake)
    assert pooled.shape == (rows,)
    assert pooled == pytest.approx([float(POOLING[rule](rng.permutation(row))) for row in p_fake])
    assert (pooled >= p_fake.min(1) - 1e-12).all()
    assert (pooled <= p_fake.max(1) + 1e-12).all()


@pytest.mark.parametrize(("rule", "withstands"), [("trimmed_mean", lambda n: n // 10), ("median", lambda n: (n - 1) // 2)])
@given(n=st.integers(1, 60), bad=st.floats(0, 1), data=st.data())
def test_pooling_withstands_bad_frames(rule: str, withstands: object, n: int, bad: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, withstands(n)))  # type: ignore[operator]
    good = data.draw(st.lists(st.floats(0.2, 0.3), min_size=n - k, max_size=n - k))
    assert 0.2 - 1e-9 <= float(POOLING[rule](np.array(good + [bad] * k))) <= 0.3 + 1e-9


# Interval


@pytest.mark.parametrize("rule", POOLING)
@given(p_fake=st.lists(st.floats(0, 1), min_size=2, max_size=60).map(np.array))
@example(p_fake=np.array([0.0, 1.0]))
@example(p_fake=np.ones(32))
def test_interval_holds_the_pooled_score_inside_0_and_1(rule: str, p_fake: np.ndarray) -> None:
    between = interval(p_fake, rule)
    assert between is not None
    assert 0 <= between[0] <= float(POOLING[rule](p_fake)) <= between[1] <= 1


def test_interval_needs_two_frames_and_has_no_width_without_spread() -> None:
    assert interval(np.array([0.7]), "mean") is None
    assert interval(np.full(20, 0.7), "mean") == pytest.approx((0.7, 0.7))


def test_interval_is_repeatable_and_narrows_with_frames() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (8, 32, 128, 512):
        p_fake = rng.uniform(0.3, 0.7, n)
        low, high = interval(p_fake, "mean") or (0, 0)
        assert (low, high) == interval(p_fake, "mean")
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 3 * widths[-1] > 0


@pytest.mark.parametrize("n", [4, 8, 32])
def test_interval_covers_the_truth_about_nine_times_in_ten(n: int) -> None:
    """Independent frames of a known mean: between 80 and 98 of 100 hold it (a 90 % range, give or take four standard errors)."""
    rng = np.random.default_rng(n)
    between = [interval(rng.beta(2, 3, n), "mean") or (0, 0) for _ in range(150)]
    assert 0.80 <= np.mean([low <= 0.4 <= high for low, high in between]) <= 0.98


def test_interval_is_wider_when_neighbouring_frames_repeat_each_other() -> None:
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(20):
        repeated = np.repeat(rng.uniform(0.2, 0.8, 16), 4)
        (a, b), (c, d) = interval(repeated, "mean") or (0, 0), interval(rng.permutation(repeated), "mean") or (0, 0)
        ratios.append((b - a) / (d - c))
    assert np.mean(ratios) > 1.3


def test_interval_of_a_long_video_in_parts_is_the_same_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    p_fake = np.random.default_rng(2).random(1000)
    whole = interval(p_fake, "trimmed_mean")
    monkeypatch.setattr(verdict, "MOST_PICKED", 7_000)
    tracemalloc.start()
    assert interval(p_fake, "trimmed_mean") == whole
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All at once would take 400 x 1000 indices and as many scores, of eight bytes each.
    assert peak_bytes < 2_000_000


# Segments


def test_segments_by_hand() -> None:
    seconds = np.arange(10.0)
    p_fake = np.array([0.1, 0.1, 0.9, 0.8, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    (found,) = suspicious_segments(seconds, p_fake, 0.5)
    assert (found.start_seconds, found.end_seconds) == (1.5, 4.5)
    assert found.p_fake == pytest.approx((0.9 + 0.8 + 0.9) / 3)


@pytest.mark.parametrize(
    ("p_fake", "spans"),
    [
        ([0.9, 0.9, 0.9], [(0, 2)]),
        ([0.9, 0.9], []),
        ([0.9], []),
        ([0.1, 0.9, 0.9, 0.1], []),
        # One low frame inside a stretch does not split it.
        ([0.1, 0.9, 0.9, 0.1, 0.9, 0.9, 0.1], [(0.5, 5.5)]),
        # Lone peaks are not a stretch.
        ([0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.1], []),
        ([0.9] * 4 + [0.1] * 3 + [0.9] * 4, [(0, 3.5), (6.5, 10)]),
        # At the threshold is suspicious.
        ([0.5] * 5, [(0, 4)]),
    ],
)
def test_segments_of_short_rows(p_fake: list[float], spans: list[tuple[float, float]]) -> None:
    found = suspicious_segments(np.arange(float(len(p_fake))), np.array(p_fake), 0.5)
    assert [(s.start_seconds, s.end_seconds) for s in found] == spans


def test_an_absence_parts_a_stretch() -> None:
    seconds = np.array([0.0, 0.2, 0.4, 0.6, 60.0, 60.2, 60.4, 60.6])
    found = suspicious_segments(seconds, np.full(8, 0.9), 0.5)
    assert [(s.start_seconds, s.end_seconds) for s in found] == [(0.0, 0.6), (60.0, 60.6)]
    assert suspicious_segments(np.array([0, 0.04, 0.08, 60, 60.04, 60.08]), np.full(6, 0.9), 0.5) == ()


@pytest.mark.parametrize("copies", [2, 3, 5])
def test_frames_that_share_their_timestamps_do_not_hide_a_stretch(copies: int) -> None:
    seconds = np.repeat(np.arange(20) * 0.12, copies)
    p_fake = np.where((seconds > 0.5) & (seconds < 1.5), 0.9, 0.1)
    (found,) = suspicious_segments(seconds, p_fake, 0.5)
    assert found.start_seconds <= 0.6 and found.end_seconds >= 1.44
    judged = judge_person(
        sighting(len(p_fake)),
        [face_score(float(p), i, pts_seconds=float(t)) for i, (p, t) in enumerate(zip(p_fake, seconds, strict=True))],
        limits(threshold=0.8, genuine_below=0.7),
        False,
    )
    assert judged.segments and judged.outcome == "undecided"


def test_frames_of_one_moment_are_no_stretch() -> None:
    assert suspicious_segments(np.zeros(9), np.full(9, 0.9), 0.5) == ()


@given(PROBABILITIES, st.floats(0, 1), st.integers(0, 999))
def test_segments_lie_inside_the_video_and_do_not_overlap(p_fake: np.ndarray, threshold: float, seed: int) -> None:
    seconds = np.cumsum(np.random.default_rng(seed).uniform(SEGMENT_SECONDS, 2 * SEGMENT_SECONDS, len(p_fake)))
    found = suspicious_segments(seconds, p_fake, threshold)
    edges = [edge for s in found for edge in (s.start_seconds, s.end_seconds)]
    assert edges == sorted(edges)
    assert all(seconds[0] <= edge <= seconds[-1] for edge in edges)
    assert all(p_fake.min() - 1e-12 <= s.p_fake <= p_fake.max() + 1e-12 for s in found)
    # Brute force: a frame lies in a segment exactly if it belongs to three in a row whose neighbourhoods' medians are high.
    around = [sorted((p_fake[max(i - 1, 0)], p_fake[i], p_fake[min(i + 1, len(p_fake) - 1)]))[1] >= threshold for i in range(len(p_fake))]
    for i, t in enumerate(seconds):
        run = any(all(around[j : j + 3]) for j in range(max(0, i - 2), i + 1) if j + 3 <= len(p_fake))
        assert run == any(s.start_seconds <= t <= s.end_seconds for s in found)


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


def test_someone_seen_in_closer_looks_alone_is_judged_by_them() -> None:
    alone = judge_person(sighting(4), [], limits(), False, face_scores([0.9] * 4))
    assert (alone.outcome, alone.frames_judged) == ("fake", 4)
