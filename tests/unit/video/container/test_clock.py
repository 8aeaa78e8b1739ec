"""Container time to video time: joined pieces, jumps, lost frames, and containers without timestamps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from screener.video.container.clock import Clock
from screener.video.container.rhythm import filled, offsets, rhythm_warnings, usual_step
from screener.video.container.timeline import Timeline

STEP = 0.04


def timeline(*pieces: tuple[float, int], timed: bool = True, shown_from: float | None = None) -> Timeline:
    """Pieces of so many frames, each from a moment on in the container's time."""
    times = [start + STEP * np.arange(count) for start, count in pieces]
    leaps = {number for number in range(1, len(pieces)) if pieces[number][0] > 10}
    shifts = offsets(times, STEP, leaps)
    back = 0.0 if shown_from is None else shown_from - pieces[0][0]
    return Timeline(
        seconds=np.concatenate([piece + shift - back for piece, shift in zip(times, shifts, strict=True)]),
        container_seconds=np.concatenate(times),
        pieces=tuple(np.cumsum([0, *(count for _, count in pieces[:-1])]).tolist()),
        frame_seconds=STEP,
        rate=Fraction(25),
        reader_origin_seconds=0.0,
        is_strung=len(pieces) > 1,
        timed=timed,
        frames_promised=0,
        corrupt_packets=0,
        videos=0,
        whole=None,
        warnings=(),
    )


def placed(line: Timeline, times: list[float | None]) -> list[int]:
    clock = Clock(line)
    return [round(clock.place(time) / STEP) for time in times]


def times_of(line: Timeline) -> list[float | None]:
    return [float(time) for time in line.container_seconds]


@pytest.mark.parametrize(
    "pieces", [((5.0, 10),), ((1.4, 10), (1.4, 10)), ((1.4, 10), (41.4, 10)), ((1.4, 5), (41.4, 5), (1.4, 5), (900.0, 5))]
)
def test_each_frame_has_the_time_of_its_entry(pieces: tuple[tuple[float, int], ...]) -> None:
    line = timeline(*pieces)
    assert placed(line, times_of(line)) == list(range(len(line.seconds)))


@pytest.mark.parametrize("pieces", [((5.0, 12),), ((1.4, 6), (1.4, 6)), ((1.4, 6), (41.4, 6))])
@pytest.mark.parametrize("lost", [{0}, {3}, {4, 5, 6, 7}, {11}])
def test_lost_frames_leave_the_others_in_their_places(pieces: tuple[tuple[float, int], ...], lost: set[int]) -> None:
    line = timeline(*pieces)
    kept = [number for number in range(12) if number not in lost]
    times = times_of(line)
    if len(pieces) == 2 and pieces[1][0] == 1.4 and lost == {0}:
        kept = kept[:-6] + kept[-6:]
    assert placed(line, [times[number] for number in kept]) == kept


def test_what_lies_before_the_beginning_has_times_below_0() -> None:
    line = timeline((5.0, 10), shown_from=5.2)
    assert placed(line, times_of(line)) == list(range(-5, 5))


def test_a_frame_without_a_time_follows_the_one_before() -> None:
    line = timeline((5.0, 6))
    assert placed(line, [5.0, None, 5.08, None, None, 5.2]) == [0, 1, 2, 3, 4, 5]


def test_where_containers_keep_no_time_the_order_counts() -> None:
    assert placed(timeline((5.0, 4), timed=False), [9.0, 3.0, None, 7.0, 8.0]) == [0, 1, 2, 3, 4]


def test_a_time_that_no_packet_had_is_believed_if_time_goes_on() -> None:
    assert placed(timeline((5.0, 4)), [5.0, 5.4, 5.0, 5.48]) == [0, 10, 11, 12]


def test_pieces_follow_each_other_and_a_gap_stays_one() -> None:
    one, other, later = (start + STEP * np.arange(3) for start in (7.0, 7.0, 9.0))
    assert offsets([one, other], STEP) == pytest.approx([-7.0, -7.0 + 3 * STEP])
    assert offsets([one, later], STEP) == pytest.approx([-7.0, -7.0])
    assert offsets([one, later], STEP, {1}) == pytest.approx([-7.0, -9.0 + 3 * STEP])
    assert offsets([], STEP) == []


def test_rhythm() -> None:
    even = STEP * np.arange(20)
    assert usual_step([even, even + 9], 1.0) == pytest.approx(STEP) and usual_step([], 0.5) == 0.5
    assert rhythm_warnings(even, STEP) == [] and rhythm_warnings(np.append(even, 9.0), STEP) == ["gap"]
    assert rhythm_warnings(np.cumsum([0.0, 0.02, 0.06] * 6), STEP) == ["variable_rate"]


def test_a_time_of_no_piece_is_not_believed() -> None:
    line = timeline((1.4, 4), (41.4, 4))
    times = times_of(line)
    assert placed(line, [*times[:3], times[4] - 0.04, *times[4:]]) == list(range(8))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([0, None, 1, None, None, 4, None, None, 8], list(range(9))),
        ([None, 5, None, None], [5, 6, 7, 8]),
        ([4, 0, 2, 3, None], [0, 1, 2, 3, 4]),
        ([0, None, 1000], [0, 500, 1000]),
        ([number // 2 if number % 2 == 0 else None for number in range(40)], [number // 2 for number in range(40)]),
    ],
    ids=["all", "between", "before and behind", "in the order of coding", "a pause", "second fields"],
)
def test_pictures_without_a_time(given: list[int | None], expected: list[int]) -> None:
    seconds = np.array([np.nan if number is None else STEP * number for number in given])
    assert np.allclose(filled(seconds, STEP) / STEP, expected)
