"""Which videos are compared: the headline, and divisions of the videos by method, source, face size and so on.

Knows the facts about scored videos. Does not compute figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from screener.evaluation.methods import BLENDING, FAMILIES, family_of, generator_of
from screener.evaluation.videos import VideoScore

Mask = NDArray[np.bool_]
Division = tuple[str, Mask]
"""Name of a part and the videos in it."""

HEADLINES: dict[str, tuple[str, ...]] = {
    "swaps, lip-syncs and reenactments": BLENDING,
    "fakes of unnamed or unknown method": ("other",),
    "whole generated faces": tuple(family for family in FAMILIES if family not in BLENDING),
}
"""Families that may be pooled into one figure, by name, the most informative first."""

UNNAMED = "unnamed"

RESOLUTIONS = {360: "below 360 px", 720: "360 to 719 px", 1080: "720 to 1079 px"}
"""Bands by the shorter side of a video's picture, smallest first: a video is in the first band whose bound is above its side."""

HIGHEST_RESOLUTION = "1080 px and more"

PARTS = 3
"""Number of bands, of about equal size, that face size and sharpness are divided into."""

LEAST_IN_A_BAND = 10


def headline_of(scores: Sequence[VideoScore]) -> Division:
    """The first of `HEADLINES` that contains a fake, with those fakes and all reals; the first one if there are only reals."""
    present = [(name, _of_families(scores, families)) for name, families in HEADLINES.items()]
    name, fakes = next(((name, mask) for name, mask in present if mask.any()), present[0])
    return name, fakes | _real(scores)


def slices_of(scores: Sequence[VideoScore]) -> dict[str, list[Division]]:
    """Parts of the videos by kind (`figures.KINDS`); a kind with only one part is left out, except families and methods."""
    real, (_, headline) = _real(scores), headline_of(scores)
    several_compressions = len({score.video.compression for score in scores} - {""}) > 1
    methods = _by(scores, lambda score: _method(score, several_compressions) if score.video.label else None)
    fakes = {
        "family": _by(scores, lambda score: family_of(score.video.method) if score.video.label else None),
        "method": methods if [name for name, _ in methods] != [UNNAMED] else [],
        "generator": _by_generator(scores),
    }
    against_reals = {kind: [(name, mask | _reals_for(scores, mask)) for name, mask in parts] for kind, parts in fakes.items()}
    reals = _by(scores, lambda score: None if score.video.label else _method(score))
    divided = {
        "real": [(name, mask | (headline & ~real)) for name, mask in reals],
        "source": list(_by_source(scores)),
        **{kind: [(name, mask & headline) for name, mask in _by(scores, of)] for kind, of in FACTS.items()},
        **{kind: [(name, mask & headline) for name, mask in _by_size(scores, of, unit)] for kind, (of, unit) in SIZES.items()},
    }
    several = {kind: parts for kind, parts in divided.items() if len(parts) > 1}
    return {kind: parts for kind, parts in {**against_reals, **several}.items() if parts}


def _resolution(score: VideoScore) -> str | None:
    if not score.short_side_px:
        return None
    return next((name for bound, name in RESOLUTIONS.items() if score.short_side_px < bound), HIGHEST_RESOLUTION)


FACTS: dict[str, Callable[[VideoScore], str | None]] = {
    "compression": lambda score: score.video.compression or None,
    "codec": lambda score: score.codec or None,
    "resolution": _resolution,
}
"""Kinds by facts about a video other than faces; None if unknown."""

SIZES: dict[str, tuple[Callable[[VideoScore], NDArray[np.float64]], str]] = {
    "face_px": (lambda score: score.face_px, " px"),
    "sharpness": (lambda score: score.sharpness, ""),
}
"""Kinds by the median of a number over the frames behind a video's score, and its unit."""


def _real(scores: Sequence[VideoScore]) -> Mask:
    return np.array([score.video.label == 0 for score in scores], np.bool_)


def _of_families(scores: Sequence[VideoScore], families: tuple[str, ...]) -> Mask:
    return np.array([score.video.label == 1 and family_of(score.video.method) in families for score in scores], np.bool_)


def _method(score: VideoScore, with_compression: bool = False) -> str:
    name = score.video.method or UNNAMED
    return f"{name}, {score.video.compression}" if with_compression and score.video.compression else name


def _reals_for(scores: Sequence[VideoScore], fakes: Mask) -> Mask:
    """The reals that some fakes are compared with: those of the same compressions, or all if there are none."""
    levels = {score.video.compression for score, chosen in zip(scores, fakes, strict=True) if chosen}
    real = _real(scores)
    alike = real & np.array([score.video.compression in levels for score in scores], np.bool_)
    return alike if alike.any() else real


def _by(scores: Sequence[VideoScore], of: Callable[[VideoScore], str | None]) -> list[Division]:
    """A part for each value of `of`, resolutions from low to high and names sorted; videos for which it is None are in no part."""
    values = [of(score) for score in scores]
    ranks = {name: rank for rank, name in enumerate([*RESOLUTIONS.values(), HIGHEST_RESOLUTION])}
    names = sorted({value for value in values if value is not None}, key=lambda name: (ranks.get(name, 0), name))
    return [(name, np.array([value == name for value in values], np.bool_)) for name in names]


def _by_generator(scores: Sequence[VideoScore]) -> list[Division]:
    """Generators with at least two methods; the others are the same as their method."""
    methods: dict[str, set[str]] = {}
    for score in scores:
        if score.video.label:
            methods.setdefault(generator_of(score.video.method), set()).add(score.video.method)
    several = {name for name, names in methods.items() if len(names) > 1}
    return _by(scores, lambda score: name if score.video.label and (name := generator_of(score.video.method)) in several else None)


def _by_source(scores: Sequence[VideoScore]) -> Iterator[Division]:
    """Each of several data sets separately, its own reals against its own fakes, with incompatible families apart."""
    real, sets = _real(scores), _by(scores, lambda score: score.video.set_name or None)
    for name, mask in sets if len(sets) > 1 else []:
        fakes = [(title, mask & _of_families(scores, families)) for title, families in HEADLINES.items()]
        present = [(title, chosen) for title, chosen in fakes if chosen.any()]
        for title, chosen in present:
            yield (f"{name}, {title}" if len(present) > 1 else name), chosen | (mask & real)
        if not present:
            yield name, mask


def _by_size(scores: Sequence[VideoScore], of: Callable[[VideoScore], NDArray[np.float64]], unit: str) -> list[Division]:
    """Bands with about the same number of scored videos; fewer if many values are equal, none if a band would be too small."""
    size = np.array([float(np.median(of(score))) if score.is_scored else np.nan for score in scores])
    scored = ~np.isnan(size)
    if scored.sum() < LEAST_IN_A_BAND * PARTS:
        return []
    bounds = np.unique(np.quantile(size[scored], np.linspace(0, 1, PARTS + 1)))
    band = np.clip(np.searchsorted(bounds, size, side="right") - 1, 0, len(bounds) - 2)
    named = ((f"{bounds[i]:.3g} to {bounds[i + 1]:.3g}{unit}", scored & (band == i)) for i in range(len(bounds) - 1))
    return [(name, mask) for name, mask in named if mask.any()]
