"""Batches: every row once per epoch, evenly distributed, and reproducible from any step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.errors import DatasetError
from screener.training.feature_batches import batch_count, judging_batches, order_of, training_batches
from screener.training.fold_parts import Part, parts_of

from .feature_folds import feature_fold


def part_of(count: int) -> Part:
    return parts_of(feature_fold(sizes={"train": count, "validation": 2}), 0.2, 0).train


@given(st.integers(2, 400), st.integers(2, 150), st.integers(1, 4))
def test_batches_are_no_larger_than_asked_and_never_too_small_for_batch_norm(rows: int, batch_size: int, workers: int) -> None:
    if rows < 2 * workers:
        with pytest.raises(DatasetError, match=f"{rows} rows are too few"):
            batch_count(rows, batch_size, workers)
        return
    sizes = [len(batch) for batch in np.array_split(np.arange(rows), batch_count(rows, batch_size, workers))]
    assert min(sizes) >= 2 * workers
    assert max(sizes) <= max(batch_size, 4 * workers - 1)
    assert max(sizes) - min(sizes) <= 1


def test_the_published_batches() -> None:
    """1,633 rows at 120: 14 batches of 116 or 117, rather than 13 and a rest of 73."""
    assert batch_count(1633, 120, 1) == 14


def test_an_order_is_a_permutation_that_changes_with_epoch_fold_and_seed() -> None:
    orders = [order_of(50, *numbers).tolist() for numbers in ((0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 1, 0))]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert order_of(50, 0, 1, 0).tolist() == orders[0]


@given(st.integers(8, 40), st.integers(4, 12), st.integers(1, 2))
def test_the_processes_share_every_row_of_every_batch(rows: int, batch_size: int, workers: int) -> None:
    part, order = part_of(rows), order_of(rows, 0, 1, 0)
    count = batch_count(rows, batch_size, workers)
    dealt = [list(training_batches(part, order, count, 0, rank, workers)) for rank in range(workers)]
    whole = np.asarray(part.split.features[np.arange(rows)])
    for number, asked in enumerate(np.array_split(order, count)):
        its = [batches[number] for batches in dealt]
        assert {batch.number for batch in its} == {number}
        assert {batch.rows for batch in its} == {len(asked)}
        for rank, batch in enumerate(its):
            assert np.array_equal(batch.features, whole[asked[rank::workers]])
            assert np.array_equal(batch.labels, part.labels[asked[rank::workers]])


def test_an_epoch_taken_up_in_the_middle_goes_on_with_the_same_batches() -> None:
    part, order = part_of(30), order_of(30, 0, 1, 0)
    whole = list(training_batches(part, order, 5, 0))
    rest = list(training_batches(part, order, 5, 3))
    assert [batch.number for batch in rest] == [3, 4]
    for early, late in zip(whole[3:], rest, strict=True):
        assert np.array_equal(early.features, late.features)


def test_judging_takes_every_row_once_in_order() -> None:
    part = part_of(11)
    whole = np.asarray(part.split.features[np.arange(11)])
    for workers in (1, 3):
        for rank in range(workers):
            found = np.concatenate([batch.features for batch in judging_batches(part, 4, rank, workers)])
            assert np.array_equal(found, whole[rank::workers])
