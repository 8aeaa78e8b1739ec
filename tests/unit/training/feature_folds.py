"""Small feature folds in memory, of adjustable difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from builders import TINY, TINY_PREPROCESSING
from numpy.typing import NDArray

from screener.training.folds import FeatureFold, FoldRow, FoldSplit

SHAPE = (TINY.feature_channels, 4, 4)


def rows(count: int, prefix: str = "", **changes: Any) -> tuple[FoldRow, ...]:
    """Real and fake in turn, each a picture of its own."""
    return tuple(
        FoldRow(**{"name": f"{prefix}{n}.png", "label": n % 2, "group": f"{prefix}{n}", "source": f"{prefix}{n}.png", **changes})
        for n in range(count)
    )


def features(labels: Sequence[int] | NDArray[np.int64], seed: int = 0, signal: float = 1.0) -> NDArray[np.float16]:
    """(n, C, 4, 4): noise as after a ReLU; the first half of the channels is `signal` higher where the label is fake."""
    found = np.abs(np.random.default_rng(seed).normal(0, 1, (len(labels), *SHAPE)))
    found[np.asarray(labels) == 1, : SHAPE[0] // 2] += signal
    return found.astype(np.float16)


def split(name: str, its: Sequence[FoldRow], seed: int = 0, signal: float = 1.0) -> FoldSplit:
    return FoldSplit(name, tuple(its), features([row.label for row in its], seed, signal))


def feature_fold(fingerprint: str = "", number: int = 1, signal: float = 1.0, sizes: dict[str, int] | None = None) -> FeatureFold:
    """A fold of the tiny network with rows in each of the splits that `sizes` names."""
    counts = {"train": 24, "validation": 12} if sizes is None else sizes
    splits = {name: split(name, rows(count, f"{name}-"), 10 * number + place, signal) for place, (name, count) in enumerate(counts.items())}
    return FeatureFold(Path("folds") / f"fold-{number}", number, fingerprint, TINY_PREPROCESSING, SHAPE, splits)
