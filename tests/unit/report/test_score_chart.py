"""The geometry of the timeline."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.records import Verdict
from screener.report.score_chart import MOST_LANES, MOST_POINTS, MOST_TICKS, VIEW_WIDTH, Timeline, thinned, time_ticks, timeline


def drawn(verdict: Verdict) -> Timeline:
    chart = timeline(verdict)
    assert chart is not None
    return chart


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) ([\d.]+)", path)]


@pytest.mark.parametrize("name", ["genuine", "three_people", "partial_fake", "every_frame"])
def test_positions_grow_with_time_and_stay_inside(verdicts: dict[str, Verdict], name: str) -> None:
    chart = drawn(verdicts[name])
    for lane in chart.lanes:
        across = [x for x, _ in points(lane.path)]
        assert all(a < b for a, b in pairwise(across))
        assert all(a.x_percent < b.x_percent and a.seconds < b.seconds for a, b in pairwise(lane.marks))
        assert across[0] >= 0
        assert across[-1] <= VIEW_WIDTH
        assert all(0 <= y <= chart.height_px for _, y in points(lane.path))


def test_marks_are_where_the_scores_are(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["three_people"]
    chart = drawn(verdict)
    assert [lane.number for lane in chart.lanes] == [2, 3, 1]
    for lane in chart.lanes:
        of_person = [f for f in verdict.frames if f.track_id == lane.person.track_id]
        for mark, face in zip(lane.marks, of_person, strict=True):
            assert mark.x_percent == pytest.approx(100 * face.pts_seconds / 12.0, abs=0.001)
            assert 1 - mark.y_px / chart.height_px == pytest.approx(face.p_fake, abs=0.001)
            assert mark.suspicious == (face.p_fake >= verdict.threshold)
    (shade,) = chart.lanes[0].shades
    assert shade.x_percent == pytest.approx(100 * 2.1 / 12, abs=0.001)
    assert shade.width_percent == pytest.approx(100 * 5.3 / 12, abs=0.001)
    assert len({lane.shape for lane in chart.lanes}) == 3


def test_the_line_breaks_where_a_person_is_away(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["genuine"]
    away = replace(verdict, frames=tuple(f for f in verdict.frames if not 4 < f.pts_seconds < 8))
    assert drawn(verdict).lanes[0].path.count("M") == 1
    assert drawn(away).lanes[0].path.count("M") == 2


def test_dense_lines_keep_their_extremes(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["every_frame"]
    chart = drawn(verdict)
    assert chart.thinned
    lane = next(lane for lane in chart.lanes if lane.number == 1)
    scores = [f.p_fake for f in verdict.frames if f.track_id == 1]
    heights = [y for _, y in points(lane.path)]
    assert not lane.marks
    assert len(heights) <= 2 * MOST_POINTS
    assert min(heights) == pytest.approx((1 - max(scores)) * chart.height_px, abs=0.01)
    assert max(heights) == pytest.approx((1 - min(scores)) * chart.height_px, abs=0.01)
    assert lane.path.count("M") == 1


def test_thinning_keeps_time_order(verdicts: dict[str, Verdict]) -> None:
    kept = thinned([f for f in verdicts["every_frame"].frames if f.track_id == 1], 50)
    assert len(kept) <= 100
    assert all(a.pts_seconds < b.pts_seconds for a, b in pairwise(kept))


@pytest.mark.parametrize("name", ["still", "no_face", "unreadable"])
def test_there_is_none_without_time_or_faces(verdicts: dict[str, Verdict], name: str) -> None:
    assert timeline(verdicts[name]) is None


def test_one_judged_frame_in_a_video(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["genuine"]
    (lane,) = drawn(replace(verdict, frames=verdict.frames[:1])).lanes
    assert len(lane.marks) == 1


def test_a_crowd_keeps_the_most_suspicious(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["genuine"]
    people = tuple(replace(verdict.people[0], track_id=i, p_fake=i / 100) for i in range(20))
    frames = tuple(replace(verdict.frames[0], track_id=i) for i in range(20))
    chart = drawn(replace(verdict, people=people, frames=frames))
    assert [lane.person.track_id for lane in chart.lanes] == list(range(19, 19 - MOST_LANES, -1))
    assert chart.left_out == 20 - MOST_LANES


@settings(deadline=None, max_examples=50)
@given(st.floats(0.01, 1e6))
def test_ticks_are_few_distinct_and_in_order(end_seconds: float) -> None:
    ticks = time_ticks(end_seconds)
    assert 1 <= len(ticks) <= MOST_TICKS
    assert ticks[0].position == 0
    assert all(a.position < b.position <= 100.001 and a.label != b.label for a, b in pairwise(ticks))
