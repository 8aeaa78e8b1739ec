"""Rounds: frames spread everywhere first, then in between, one per slice after every round, and at most one per second."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.scanning.rounds import CLOSER_SECONDS, FIRST_ROUND, MOST_FRAMES, Rounds


def looked(duration: float, places: np.random.Generator | None = None) -> list[list[float]]:
    """The times taken after each round, at the moment that is wanted of each slice or anywhere in it."""
    rounds, taken, after = Rounds(32), [], []
    slices = rounds.first()
    while slices:
        assert all(start < wanted < end for start, wanted, end in slices)
        for start, wanted, end in slices:
            taken.append(duration * (wanted if places is None else start + (end - start) * float(places.uniform(0.001, 0.999))))
        after.append(sorted(taken))
        slices = rounds.next(duration, taken)
    return after


@given(st.floats(1, 20_000), st.integers(0, 9))
def test_after_every_round_there_is_one_frame_in_each_slice(duration: float, seed: int) -> None:
    after = looked(duration, np.random.default_rng(seed))
    for taken in after[:-1]:
        assert sorted((np.array(taken) * len(taken) / duration).astype(int).tolist()) == list(range(len(taken)))


@given(st.floats(64, 20_000))
def test_frames_of_all_rounds_keep_equal_distances(duration: float) -> None:
    for taken in looked(duration)[:-1]:
        assert np.diff(taken) * len(taken) / duration == pytest.approx(1)


@given(st.floats(0.1, 20_000))
def test_rounds_double_and_end_with_a_frame_a_second(duration: float) -> None:
    sizes = [len(taken) for taken in looked(duration)]
    most = max(32, int(np.ceil(duration)))
    assert sizes[0] == FIRST_ROUND and sizes[-1] == most
    assert all(later == min(2 * earlier, most) for earlier, later in pairwise(sizes))


def test_a_video_of_few_pictures_comes_to_an_end() -> None:
    rounds, taken = Rounds(32), [0.0, 1.0, 2.0]
    assert rounds.first()
    while rounds.next(3.0, taken):
        pass
    assert rounds.next(3.0, taken) == ()


def test_a_header_that_lies_about_the_length_costs_little() -> None:
    rounds = Rounds(32)
    slices = rounds.first()
    while slices:
        assert len(slices) <= MOST_FRAMES
        slices = rounds.next(1e12, [1.0, 2.0])
    assert rounds.count == MOST_FRAMES


def test_a_suspicious_moment_is_looked_at_as_densely_as_a_frame_a_second_would() -> None:
    around = Rounds(32).closer([900.0], 1800.0, [900.0])
    assert [pytest.approx(1800 * wanted) for _, wanted, _ in around] == [900 + step for step in CLOSER_SECONDS]


def test_closer_looks_stay_inside_the_video_and_off_what_was_seen() -> None:
    rounds = Rounds(32)
    assert len(rounds.closer([0.0], 1800.0, [0.0])) == 2
    assert len(rounds.closer([1800.0], 1800.0, [1800.0])) == 2
    assert len(rounds.closer([900.0], 1800.0, [900.0, 901.1])) == 3
    assert len(rounds.closer([900.0, 901.0], 1800.0, [900.0, 901.0])) == 4  # what both ask for is asked for once


def test_a_short_video_needs_no_closer_look() -> None:
    assert Rounds(32).closer([5.0], 20.0, [5.0]) == ()
