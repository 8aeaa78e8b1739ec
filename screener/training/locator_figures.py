"""Measures how well the locator's map finds a blended region: on self-blended pictures, and on fakes whose names give the edited parts.

Knows maps, masks, landmarks and names. Does not know networks: maps come from `Scorer.logits_and_maps`.

Blends mostly lie in the middle of a face, so every figure is compared with that of a fixed map, the mean of other pictures' masks: a map
that does not beat it says nothing about the face at hand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import bootstrap

from screener.checkpoint import Localisation, Measured
from screener.errors import DatasetError
from screener.evaluation.metrics import bootstrap_interval, roc_auc
from screener.model.preprocessing import Preprocessing, resize_square
from screener.training.labelled_pictures import LabelledFace
from screener.training.pairs import PairMaker, Recipe

Maps = NDArray[np.float32]
Floats = NDArray[np.float64]

HARDNESS, STRENGTH = 0.25, 0.8
"""Degradation and mismatch of the self-blended pictures, see `training.pairs.Recipe`: as hard as training begins, as faint as it ends."""

LEVELS = np.linspace(0.02, 0.90, 45)
"""Candidate probabilities from which a cell counts as blended: the best one on half of the pictures is measured on the other half."""

RESAMPLES = 1000

PARTS = ("left eye", "right eye", "nose", "mouth")
"""In the order of the digits in a name: `mid_12_1010.jpg` says that the left eye and the nose were edited. Left is left in the picture."""

PART_NAME = re.compile(r"(?:easy|mid|hard)_\d+_([01]{4})\.\w+$")

PART_REACH = 0.3
"""Standard deviation of the weight around a part, in distances between the eyes."""


@dataclass(frozen=True, eq=False)
class BlendedPictures:
    """fakes_rgb, reals_rgb: (N, S, S, 3) uint8, pairs. masks: (N, S/16, S/16) share of each cell that was blended in."""

    fakes_rgb: NDArray[np.uint8]
    reals_rgb: NDArray[np.uint8]
    masks: NDArray[np.float32]


def blended_pictures(faces: Sequence[LabelledFace], count: int, preprocessing: Preprocessing, seed: int = 0) -> BlendedPictures:
    """`count` pairs made of the real faces among `faces`, which must not have been trained on. Raises DatasetError if there are none."""
    maker, rng = PairMaker([face for face in faces if face.label == "real"]), np.random.default_rng(seed)
    recipe = Recipe(preprocessing.input_size, preprocessing.crop_margin, HARDNESS, STRENGTH)
    drawn = [maker.draw(rng, recipe)[0] for _ in range(count)]
    return BlendedPictures(
        np.stack([pair.fake for pair in drawn]), np.stack([pair.real for pair in drawn]), np.stack([pair.where for pair in drawn])
    )


def measure_localisation(fake_maps: Maps, real_maps: Maps, masks: Maps, parts: dict[str, Any] | None = None) -> Localisation:
    """Maps (N, h, w) of self-blended pictures and of their real counterparts, and the masks -> the figures.

    The level and the fixed map are chosen on every other picture and measured on the rest. Pictures in which no cell or every cell is
    blended have no overlap or AUC and are left out. Raises DatasetError if too few are left.
    """
    truth = masks >= 0.5
    share = truth.mean((1, 2))
    kept = np.flatnonzero((share > 0) & (share < 1))
    if len(kept) < 4:
        raise DatasetError(f"localisation: {len(kept)} of {len(masks)} pictures have both blended and other cells; at least 4 are needed")
    chosen, tested = kept[::2], kept[1::2]
    fixed = np.broadcast_to(masks[chosen].mean(0), masks.shape)
    level, fixed_level = (_best_level(maps[chosen], truth[chosen]) for maps in (fake_maps, fixed))
    overlap, fixed_overlap = overlaps(fake_maps[tested] >= level, truth[tested]), overlaps(fixed[tested] >= fixed_level, truth[tested])
    return Localisation(
        pictures=len(tested),
        level=level,
        pixel_auc=mean_with_interval([roc_auc(truth[i].ravel().astype(np.int64), fake_maps[i].ravel().astype(float)) for i in tested]),
        overlap=mean_with_interval(overlap),
        fixed_overlap=mean_with_interval(fixed_overlap),
        gain=mean_with_interval(overlap - fixed_overlap),
        pointing=mean_with_interval([truth[i].flat[fake_maps[i].argmax()] for i in tested]),
        marked_on_reals=round(float((real_maps[tested] >= level).mean()), 4),
        parts=parts or {},
    )


def _best_level(maps: NDArray[np.floating[Any]], truth: NDArray[np.bool_]) -> float:
    return round(float(max(LEVELS, key=lambda level: float(overlaps(maps >= level, truth).mean()))), 4)


def overlaps(marked: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Floats:
    """Intersection over union of the cells of each picture, (N, h, w) twice -> (N,); 0 if neither has any."""
    union = (marked | truth).sum((1, 2))
    return np.asarray((marked & truth).sum((1, 2)) / np.maximum(union, 1), np.float64)


def mean_with_interval(values: Sequence[float] | Floats) -> Measured:
    """Mean over pictures with the central 95 % of its bootstrap (percentile method, seeded)."""
    found = np.asarray(values, np.float64)
    mean = float(found.mean())
    if np.ptp(found) == 0:
        return _measured(mean, mean, mean)
    resampled = bootstrap((found,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0))
    return _measured(mean, float(resampled.confidence_interval.low), float(resampled.confidence_interval.high))


def _measured(value: float, low: float, high: float) -> Measured:
    """Rounded such that the mean stays inside its interval."""
    return Measured(round(value, 4), round(min(low, value), 4), round(max(high, value), 4))


def edited_parts(name: str) -> tuple[int, ...] | None:
    """A picture's name -> 1 for each of PARTS that was edited, else 0; None if the name does not say."""
    found = PART_NAME.search(name)
    return tuple(int(digit) for digit in found[1]) if found else None


def part_crop(face: LabelledFace, preprocessing: Preprocessing) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The crop (S, S, 3), inside the picture as in training, and the centre of each of PARTS in it, (4, 2), relative to its side."""
    cut = face.crop(preprocessing.crop_margin)
    eyes, nose, mouth = cut.landmarks_xy[:2], cut.landmarks_xy[2], cut.landmarks_xy[3:].mean(0)
    # The landmark is the tip of the nose, but the edited area reaches up to the eyes.
    middle = nose + 0.25 * (eyes.mean(0) - nose)
    places = np.stack([*eyes, middle, mouth]) / cut.crop_rgb.shape[0]
    return resize_square(cut.crop_rgb, preprocessing.input_size), places.astype(np.float32)


def part_values(maps: Maps, places_xy: NDArray[np.float32]) -> Floats:
    """Maps (N, h, w) and the positions of the parts (N, 4, 2) relative to the crop -> (N, 4) weighted mean log-odds around each part."""
    height, width = maps.shape[1:]
    down, across = np.mgrid[0:height, 0:width]
    at = np.stack([(across + 0.5) / width, (down + 0.5) / height], -1)
    apart = np.linalg.norm(places_xy[:, 1] - places_xy[:, 0], axis=1)
    reach = PART_REACH * np.maximum(apart, 2 / width)
    away = ((at[None, None] - places_xy[:, :, None, None]) ** 2).sum(-1)
    weight = np.exp(-away / (2 * reach[:, None, None, None] ** 2))
    evidence = logit(np.clip(maps, 1e-6, 1 - 1e-6).astype(np.float64))
    return np.asarray((weight * evidence[:, None]).sum((2, 3)) / weight.sum((2, 3)), np.float64)


def measure_parts(fake_values: Floats, edited: NDArray[np.int64], real_values: Floats) -> dict[str, Any]:
    """Part values (N, 4) of fakes, which of their parts were edited (N, 4), and values of reals (M, 4) -> figures, ready for JSON.

    auc: for each part, the probability that its value is higher on a fake in which it was edited than on one in which it was not. top_part:
    among fakes with an unedited part, how often the part that deviates most from that part of reals was an edited one; chance: of a random
    part; fixed: of the part that is edited most often; gain: top_part minus fixed, per picture.
    """
    found = {part: _part_auc(edited[:, i], fake_values[:, i]) for i, part in enumerate(PARTS)}
    partly = (edited.sum(1) > 0) & (edited.sum(1) < len(PARTS))
    figures: dict[str, Any] = {"fakes": len(edited), "auc": {part: auc for part, auc in found.items() if auc is not None}}
    if partly.sum() < 2 or not len(real_values):
        return figures
    some, outstanding = edited[partly], fake_values[partly] - real_values.mean(0)
    hit = some[np.arange(len(some)), outstanding.argmax(1)]
    fixed = some[:, int(some.mean(0).argmax())]
    return {
        **figures,
        "partly_edited": len(some),
        "top_part": asdict(mean_with_interval(hit)),
        "chance": round(float(some.mean()), 4),
        "fixed": round(float(fixed.mean()), 4),
        "gain": asdict(mean_with_interval(hit - fixed)),
    }


def _part_auc(edited: NDArray[np.int64], values: Floats) -> dict[str, Any] | None:
    """None if all fakes are of one kind."""
    if len(np.unique(edited)) < 2:
        return None
    low, high = bootstrap_interval(roc_auc, edited, values, resamples=RESAMPLES)
    return {"edited": int(edited.sum()), **asdict(_measured(roc_auc(edited, values), low, high))}
