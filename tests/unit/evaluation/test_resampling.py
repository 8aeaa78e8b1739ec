"""Bootstrap draws of units: each stratum separately, with as many draws as it has units."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from screener.evaluation.resampling import draws, numbered, strata_of, unit_weights


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 2**31))
def test_every_stratum_is_drawn_as_often_as_it_has_units(strata: list[int], seed: int) -> None:
    counts = draws(np.array(strata), 20, seed)
    assert counts.shape == (20, len(strata))
    for stratum in set(strata):
        members = np.array(strata) == stratum
        assert (counts[:, members].sum(1) == members.sum()).all()


def test_draws_are_with_replacement_and_repeatable() -> None:
    counts = draws(np.ones(50, np.int64), 400, 1)
    np.testing.assert_array_equal(counts, draws(np.ones(50, np.int64), 400, 1))
    assert not np.array_equal(counts, draws(np.ones(50, np.int64), 400, 2))
    # A unit is left out of a draw of n with chance (1 - 1/n)^n, about 0.364 for 50.
    assert abs((counts == 0).mean() - (1 - 1 / 50) ** 50) < 0.01
    assert abs(counts.mean(0) - 1).max() < 0.25


def test_strata_by_hand() -> None:
    labels = np.array([0, 0, 1, 1, 0, 1])
    units = np.array([0, 0, 1, 2, 2, 4])
    assert strata_of(labels, units).tolist() == [1, 2, 3, 0, 2]
    assert strata_of(labels[:0], units[:0]).tolist() == []


def test_names_become_numbers_in_the_order_they_come() -> None:
    assert numbered(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
    assert numbered([]).shape == (0,)


def test_a_unit_counts_as_one_within_its_label() -> None:
    labels, units = np.array([0, 0, 0, 1, 1, 0]), np.array([0, 0, 1, 1, 1, 2])
    assert unit_weights(labels, units).tolist() == [0.5, 0.5, 1.0, 0.5, 0.5, 1.0]
    assert unit_weights(labels[:0], units[:0]).tolist() == []
