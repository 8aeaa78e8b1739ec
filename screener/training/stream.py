"""Pairs in, batches of tensors for the loop out, made by worker processes.

Knows pairs and tensors. Does not know the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from screener.runtime.stop_signals import left_to_parent
from screener.training.pairs import PairMaker, Recipe, Sample

MIXED_OVER = 32
"""Number of clips whose moments are shuffled together, so that a batch has few from the same clip."""


class Batch(NamedTuple):
    """n pairs, reals first; samples i and i + n are a pair.

    pictures: (2n, S, S, 3) uint8. labels: (2n,) int64, 1 is fake. where: (2n, h, w) float32. is_known: (2n,) bool.
    """

    pictures: Tensor
    labels: Tensor
    where: Tensor
    is_known: Tensor


class Progress(Protocol):
    """Shared with the workers. value: finished share of the stage."""

    value: float


class PairStream(IterableDataset[Batch]):
    """Endless batches for a DataLoader with `batch_size=None`; each worker draws with its own seed, and reads the progress of the stage."""

    def __init__(self, maker: PairMaker, recipe: Callable[[float], Recipe], progress: Progress, pairs_per_batch: int, seed: int) -> None:
        self._maker, self._recipe, self._progress, self._pairs, self._seed = maker, recipe, progress, pairs_per_batch, seed

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        held: list[Sample] = []
        while True:
            recipe = self._recipe(self._progress.value)
            self._maker.refresh()
            least = self._pairs + (MIXED_OVER * recipe.moments if recipe.moments > 1 else 0)
            while len(held) < least:
                held.extend(self._maker.draw(rng, recipe))
            rng.shuffle(held)
            yield collate([held.pop() for _ in range(self._pairs)])


def batches(
    maker: PairMaker, recipe: Callable[[float], Recipe], progress: Progress, pairs: int, seed: int, workers: int
) -> Iterator[Batch]:
    """Endless batches of `pairs` pairs, made by `workers` processes."""
    stream = PairStream(maker, recipe, progress, pairs, seed)
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=4, worker_init_fn=left_to_parent))


class PairsOf(Dataset[Batch]):
    """Always the same batches, each of one source, for validation. sources: source of each batch."""

    def __init__(self, maker: PairMaker, recipe: Recipe, pairs_per_batch: int, sources: Sequence[str], seed: int) -> None:
        self._maker, self._recipe, self._pairs, self.sources, self._seed = maker, recipe, pairs_per_batch, sources, seed

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, number: int) -> Batch:
        cv2.setNumThreads(0)
        rng = np.random.default_rng([self._seed, number])
        return collate([self._maker.draw(rng, self._recipe, self.sources[number])[0] for _ in range(self._pairs)])


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples -> one batch, the real pictures first, then the fakes in the same order."""
    n, maps = len(samples), np.stack([sample.where for sample in samples])
    return Batch(
        torch.from_numpy(np.stack([sample.real for sample in samples] + [sample.fake for sample in samples])),
        torch.cat([torch.zeros(n, dtype=torch.long), torch.ones(n, dtype=torch.long)]),
        torch.from_numpy(np.concatenate([np.zeros_like(maps), maps])),
        torch.tensor([True] * n + [sample.is_known for sample in samples]),
    )
