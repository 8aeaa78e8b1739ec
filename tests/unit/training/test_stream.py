"""Batches of pairs: reals first, reproducible, moments of one clip spread out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import islice
from multiprocessing import active_children
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from builders import labelled_face

from screener.training.pairs import PairMaker, Recipe, Sample
from screener.training.stream import Batch, PairsOf, PairStream, batches, collate

REALS = [labelled_face("real", seed) for seed in range(4)]


def recipe_of(**changes: float) -> Callable[[float], Recipe]:
    return lambda done: Recipe(64, 1.3, hardness=done, strength=1.0, **{"video": 0.0, **changes})  # type: ignore[arg-type]


def sample(n: int, known: bool = True) -> Sample:
    pictures = np.full((32, 32, 3), n, np.uint8), np.full((32, 32, 3), 100 + n, np.uint8)
    return Sample(*pictures, np.full((2, 2), n / 10, np.float32), known, "self_blended")


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_collating_puts_reals_first_and_keeps_pairs_together() -> None:
    batch = collate([sample(1), sample(2, known=False), sample(3)])
    assert batch.pictures.shape == (6, 32, 32, 3)
    assert batch.pictures.dtype == torch.uint8
    assert batch.pictures[:, 0, 0, 0].tolist() == [1, 2, 3, 101, 102, 103]
    assert batch.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert batch.where[:, 0, 0].tolist() == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])
    # That a real has no blend is always known.
    assert batch.is_known.tolist() == [True, True, True, True, False, True]


def test_a_stream_is_repeatable_endless_and_depends_on_its_seed() -> None:
    def drawn(seed: int) -> list[Batch]:
        return list(islice(PairStream(PairMaker(REALS), recipe_of(), SimpleNamespace(value=0.0), 2, seed), 3))

    first = drawn(7)
    assert [batch.pictures.shape[0] for batch in first] == [4, 4, 4]
    assert all(same(a, b) for a, b in zip(first, drawn(7), strict=True))
    assert not same(first[0], drawn(8)[0])
    assert not same(first[0], first[1])


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_closed_terminal_is_left_to_the_process_that_trains() -> None:
    """It signals the workers too. They would print tracebacks in the middle of the parent's last lines."""
    before = set(active_children())
    found = batches(PairMaker(REALS), recipe_of(), SimpleNamespace(value=0.0), 2, seed=7, workers=1)
    next(found)
    (worker,) = set(active_children()) - before
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(worker.pid or 0, number)
    assert len(list(islice(found, 10))) == 10 and worker.is_alive()


class Noting:
    """Stands for a maker: every clip is a number, and it notes what it was asked for."""

    def __init__(self) -> None:
        self.clips, self.hardness, self.refreshed = 0, list[float](), 0

    def refresh(self) -> None:
        self.refreshed += 1

    def draw(self, rng: np.random.Generator, recipe: Recipe) -> list[Sample]:
        self.clips += 1
        self.hardness.append(recipe.hardness)
        return [sample(self.clips % 100)] * recipe.moments


def test_the_stream_follows_the_progress_and_the_decoders() -> None:
    maker, progress = Noting(), SimpleNamespace(value=0.0)
    stream = iter(PairStream(maker, recipe_of(), progress, 2, 0))  # type: ignore[arg-type]
    next(stream)
    progress.value = 0.5
    next(stream)
    assert maker.hardness == [0.0, 0.0, 0.5, 0.5]
    assert maker.refreshed == 2


def test_moments_of_one_clip_are_spread_over_batches() -> None:
    maker = Noting()
    stream = iter(PairStream(maker, recipe_of(moments=4), SimpleNamespace(value=0.0), 8, 0))  # type: ignore[arg-type]
    batches = [next(stream).pictures[:8, 0, 0, 0].tolist() for _ in range(20)]
    assert np.mean([len(set(batch)) for batch in batches]) > 6
    # Nothing is made that is not used: a quarter as many clips as pairs, and those that still wait.
    assert maker.clips <= 20 * 8 / 4 + 40


def test_pairs_for_validation_are_always_the_same_and_of_the_named_source() -> None:
    pairs = PairsOf(PairMaker(REALS), recipe_of()(0.3), 2, ["swapped", "self_blended"], seed=3)
    assert len(pairs) == 2
    assert same(pairs[0], pairs[0])
    assert not same(pairs[0], pairs[1])
