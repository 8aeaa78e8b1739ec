"""Scores to verdicts: calibration, pooling, intervals and suspicious intervals, against other implementations and by hand."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from builders import face_score, limits, sighting
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import norm, trim_mean
from scipy.stats import t as student_t

from screener.verdict import judging as verdict
from screener.verdict.judging import (
    POOLING,
    SEGMENT_SECONDS,
    calibrated,
    interval,
    judge_person,
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


@pytest.mark.parametrize("n", [2, 3, 4, 11, 32, 70])
def test_interval_against_a_bootstrap_written_out(n: int) -> None:
    """Blocks of n^(1/3) frames, drawn until there are n; widened by Student's t of the blocks less one, and by sqrt(n / (n - 1))."""
    p_fake = np.random.default_rng(n).uniform(0.45, 0.55, n)
    block = round(n ** (1 / 3))
    starts = np.random.default_rng(20220407).integers(0, n - block + 1, (400, math.ceil(n / block)))
    pooled = [trim_mean([score for start in row for score in p_fake[start : start + block]][:n], 0.1) for row in starts]
    widen = student_t.ppf(0.95, max(1, n // block - 1)) / norm.ppf(0.95) * math.sqrt(n / (n - 1))
    centre = trim_mean(p_fake, 0.1)
    low, high = np.quantile(pooled, [0.05, 0.95])
    assert interval(p_fake, "trimmed_mean") == pytest.approx((centre + (low - centre) * widen, centre + (high - centre) * widen), abs=1e-6)


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


def test_a_gap_is_long_beside_the_usual_step_however_many_gaps_there_are() -> None:
    """Two of them: three times the mean step, 1.35 seconds, would bridge both."""
    seconds = np.array([0.0, 0.2, 0.4, 1.6, 1.8, 2.0, 3.2, 3.4, 3.6])
    found = suspicious_segments(seconds, np.full(9, 0.9), 0.5)
    assert [(s.start_seconds, s.end_seconds) for s in found] == [(0.0, 0.4), (1.6, 2.0), (3.2, 3.6)]


@pytest.mark.parametrize(("gap_seconds", "stretches"), [(0.75, 1), (0.8125, 2)])
def test_a_gap_is_more_than_three_usual_steps(gap_seconds: float, stretches: int) -> None:
    seconds = np.cumsum([0.0, 0.25, 0.25, gap_seconds, 0.25, 0.25])
    assert len(suspicious_segments(seconds, np.full(6, 0.9), 0.5)) == stretches


@pytest.mark.parametrize(("step_seconds", "stretches"), [(0.15, 1), (0.149, 0)])
def test_a_stretch_lasts_three_tenths_of_a_second_or_more(step_seconds: float, stretches: int) -> None:
    assert len(suspicious_segments(step_seconds * np.arange(3.0), np.full(3, 0.9), 0.5)) == stretches


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
