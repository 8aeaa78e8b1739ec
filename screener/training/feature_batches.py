"""Rows of a fold in seeded order in, batches of features for one process out, read slightly ahead of the network.

Knows parts of folds and numpy. Does not know the network or the device. Only the current batches are held in memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.errors import DatasetError
from screener.runtime.readahead import read_ahead
from screener.training.fold_parts import Part, Positions

READ_AHEAD = 2
"""Number of batches that are read while the network works on another."""


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """One process's share of a batch.

    number: of the batch in its epoch, from 0. features: (n, C, h, w) float16. labels: (n,) 1 is fake. rows: in the whole batch, over all
    processes.
    """

    number: int
    features: NDArray[np.float16]
    labels: NDArray[np.int64]
    rows: int


def batch_count(rows: int, batch_size: int, workers: int) -> int:
    """Number of batches in an epoch: as few as `batch_size` allows, but with two rows per process in each, because batch norm needs more
    than one.

    Raises DatasetError if there are not enough rows.
    """
    if rows < 2 * workers:
        raise DatasetError(f"{rows} rows are too few to train on with {workers} processes; at least {2 * workers} are needed")
    return min(-(-rows // batch_size), rows // (2 * workers))


def order_of(rows: int, seed: int, fold: int, epoch: int) -> Positions:
    """(rows,) order of an epoch; depends only on the arguments."""
    return np.random.default_rng([seed, fold, epoch]).permutation(rows)


def training_batches(
    part: Part, order: Positions, batches: int, first: int, rank: int = 0, workers: int = 1
) -> Generator[FeatureBatch, None, None]:
    """The rows of `part` in `order`, divided into `batches` of nearly equal size, from batch `first` on; of each, every `workers`-th row.

    Close it when leaving early, so that its thread ends.
    """

    def read() -> Iterator[FeatureBatch]:
        for number, whole in enumerate(np.array_split(order, batches)):
            if number >= first:
                mine = whole[rank::workers]
                yield FeatureBatch(number, part.features(mine), part.labels[mine], len(whole))

    return read_ahead(read(), READ_AHEAD)


def judging_batches(part: Part, batch_size: int, rank: int = 0, workers: int = 1) -> Generator[FeatureBatch, None, None]:
    """Every `workers`-th row of `part` in order, `batch_size` at a time."""
    mine = np.arange(rank, len(part), workers)

    def read() -> Iterator[FeatureBatch]:
        for number, start in enumerate(range(0, len(mine), batch_size)):
            chosen = mine[start : start + batch_size]
            yield FeatureBatch(number, part.features(chosen), part.labels[chosen], len(chosen))

    return read_ahead(read(), READ_AHEAD)
