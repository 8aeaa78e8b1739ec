"""Endless random pairs of a real and a fake crop, framed and degraded alike, with the map of where the fake was blended.

Knows faces, blending, degradation and the crop contract. Does not know the network or the loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from screener.errors import DatasetError
from screener.model.preprocessing import Preprocessing, resize_square
from screener.training import degradation
from screener.training.degradation import Degradation
from screener.training.pictures import LabelledFace
from screener.training.self_blending import Face, self_blend, swap_blend, wear

MAP_STRIDE = 16
REAL_FAKE_SHARE = 0.2
"""Share of pairs that take a labelled fake of a data set instead of a blended one; their map is unknown."""

SWAP_SHARE = 0.2
"""Of the blended pairs, how many take another person's face."""

WORN_SHARE = 0.3
"""Share of the blended pairs whose picture was noisy, soft or compressed before the made part came in, cleaner than all around it."""

CROP_MARGIN = Preprocessing().crop_margin

INSIDE_POWER = 3
"""Pictures cut so tightly that much of the crop is a mirrored border are drawn less often: no video looks like them."""

SHOWN_PX = (84.0, 288.0)
"""Side of the face crop as a viewer gets it, log-uniform: faces in videos that people pass on are 70 to 220 pixels wide."""

MADE_ABOVE_SHOWN = 1.6
"""A fake is blended in up to so many times the resolution in which it is then shown; more would leave nothing to see."""

Sample = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], bool]


@dataclass(frozen=True)
class Recipe:
    """How hard the pictures are. hardness: of the degradation, 0 to 1; strength: of the mismatch, 1 strong, less is fainter."""

    input_size: int
    crop_margin: float
    hardness: float
    strength: float


class PairMaker:
    """Draws one pair at a time from the faces of a split; raises DatasetError when none of them is real.

    The labelled fakes of a set are paired with reals of the same set only: against others the network would learn to tell the sets apart.
    """

    def __init__(self, faces: list[LabelledFace]) -> None:
        self._reals = [f for f in faces if f.label == "real"]
        if not self._reals:
            raise DatasetError(f"training needs real faces to make fakes of; there are none among {len(faces)} faces")
        # A set of thousands of look-alike portraits should not drown the others.
        counts = {name: sum(f.set_name == name for f in self._reals) for name in {f.set_name for f in self._reals}}
        weights = np.array([counts[f.set_name] ** -0.6 * f.inside_share(CROP_MARGIN) ** INSIDE_POWER for f in self._reals])
        self._weights = np.cumsum(weights / weights.sum())
        sets = sorted({f.set_name for f in faces if f.label == "fake"} & counts.keys())
        self._labelled = [
            ([f for f in faces if f.set_name == s and f.label == "real"], [f for f in faces if f.set_name == s and f.label == "fake"])
            for s in sets
        ]

    def draw(self, rng: np.random.Generator, recipe: Recipe) -> Sample:
        """One pair: real and fake crop (S, S, 3), map (S/16, S/16), and whether the map is known."""
        if self._labelled and rng.random() < REAL_FAKE_SHARE:
            return self._labelled_pair(rng, recipe)
        return self._blended_pair(rng, recipe)

    def _real(self, rng: np.random.Generator) -> LabelledFace:
        return self._reals[min(int(np.searchsorted(self._weights, rng.random())), len(self._reals) - 1)]

    def _blended_pair(self, rng: np.random.Generator, recipe: Recipe) -> Sample:
        shown = _shown_px(rng, recipe)
        made = shown * rng.uniform(1.0, MADE_ABOVE_SHOWN)
        face = _framed(self._real(rng), rng, recipe, made)
        finer_rgb = None
        if rng.random() < WORN_SHARE:
            finer_rgb, face = face.crop_rgb, replace(face, crop_rgb=wear(face.crop_rgb, rng))
        if rng.random() < SWAP_SHARE:
            donor = _framed(self._real(rng), rng, recipe, made * rng.uniform(0.6, 1.4))
            fake, mask = swap_blend(face, donor, rng, recipe.strength)
        else:
            fake, mask = self_blend(face, rng, recipe.strength, finer_rgb)
        route = _reduced(degradation.draw(rng, recipe.hardness), face, shown)
        cells = recipe.input_size // MAP_STRIDE
        where = np.asarray(cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA), np.float32)
        real, fake = (resize_square(degradation.apply(p, route), recipe.input_size) for p in (face.crop_rgb, fake))
        return real, fake, where, True

    def _labelled_pair(self, rng: np.random.Generator, recipe: Recipe) -> Sample:
        reals, fakes = self._labelled[rng.integers(len(self._labelled))]
        shown, pictures = _shown_px(rng, recipe), []
        for pool in (reals, fakes):
            face = _framed(pool[rng.integers(len(pool))], rng, recipe, shown * MADE_ABOVE_SHOWN)
            route = _reduced(degradation.draw(rng, recipe.hardness), face, shown)
            pictures.append(resize_square(degradation.apply(face.crop_rgb, route), recipe.input_size))
        cells = recipe.input_size // MAP_STRIDE
        return pictures[0], pictures[1], np.zeros((cells, cells), np.float32), False


def _shown_px(rng: np.random.Generator, recipe: Recipe) -> float:
    low, high = np.log(SHOWN_PX)
    return float(min(np.exp(rng.uniform(low, high)), 1.3 * recipe.input_size))


def _reduced(route: Degradation, face: Face, shown_px: float) -> Degradation:
    """The route with at least the shrinking that brings the crop down to the size in which it is shown, before any compression."""
    return replace(route, shrink=max(route.shrink, face.crop_rgb.shape[0] / shown_px))


def _framed(labelled: LabelledFace, rng: np.random.Generator, recipe: Recipe, most_px: float) -> Face:
    """A jittered crop of at most `most_px`, mirrored half of the time."""
    margin = recipe.crop_margin * rng.uniform(0.88, 1.14)
    face = labelled.crop(margin, (rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)))
    side, most = face.crop_rgb.shape[0], round(most_px)
    if side > most:
        face = Face(resize_square(face.crop_rgb, most), face.landmarks_xy * (most / side))
    return face.mirrored() if rng.random() < 0.5 else face


class PairStream(IterableDataset[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]):
    """Batches of pairs for a DataLoader with `batch_size=None`: pictures (2n, S, S, 3) uint8, labels (2n,), maps (2n, h, w), known (2n,).

    Reals come first; sample i and i + n are a pair. Each worker draws from its own seed.
    """

    def __init__(self, maker: PairMaker, recipe: Recipe, pairs_per_batch: int, seed: int) -> None:
        self._maker, self._recipe, self._pairs, self._seed = maker, recipe, pairs_per_batch, seed

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
        cv2.setNumThreads(0)
        worker = get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        while True:
            yield collate([self._maker.draw(rng, self._recipe) for _ in range(self._pairs)])


def collate(samples: list[Sample]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """n pairs -> one batch of 2n, reals first."""
    real, fake, where, known = zip(*samples, strict=True)
    n = len(samples)
    maps = np.stack(where)
    return (
        torch.from_numpy(np.concatenate([np.stack(real), np.stack(fake)])),
        torch.cat([torch.zeros(n, dtype=torch.long), torch.ones(n, dtype=torch.long)]),
        torch.from_numpy(np.concatenate([np.zeros_like(maps), maps])),
        torch.tensor([True] * n + list(known)),
    )
