"""Endless random pairs of a real and a fake crop, with a map of where the fake differs.

Every source of fakes is a function and a line in `SOURCES`. Both pictures of a pair are framed alike; some pairs are degraded alike, the
others independently, so that neither framing nor picture quality distinguishes them. Knows faces, blending and routes. Does not know the
network, batches or the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.errors import DatasetError
from screener.model.preprocessing import Preprocessing, resize_square
from screener.training import route
from screener.training.decoders.drawn_pictures import WHOLE_PICTURES, decoded_pairs, finished_decoders
from screener.training.framing import Framing, draw_framing, framed
from screener.training.labelled_pictures import LabelledFace
from screener.training.levelling import levelled
from screener.training.originals import with_originals
from screener.training.self_blending import AROUND_SHARE, Face, blend_part, mix, self_blend, sharpened, swap_blend, wear

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator

MAP_STRIDE = 16

WORN_SHARE = 0.3
"""Usual share of the blended pairs whose picture was made noisy, soft or compressed before a cleaner part was inserted."""

WHOLE_SHARE = 0.3
"""Share of the matched and decoded pairs that use the whole fake; in the others a part of it is blended into the real one."""

SHARPENED_SHARE = 0.3
"""Share of the decoded fakes that are sharpened, like the super-resolution of many generators."""

CROP_MARGIN = Preprocessing().crop_margin

SET_POWER = -0.6
"""Each face's probability is its set's size to this power, so that a set of thousands of similar portraits does not dominate."""

SHOWN_PX = (84.0, 288.0)
"""Usual range of the displayed face crop's side: faces in circulating videos are 70 to 220 pixels wide."""

SHOWN_ABOVE_INPUT = 1.8
"""Nor is a crop displayed larger than this many times the network's input: larger ones look alike once they are shrunk to it."""

MADE_ABOVE_SHOWN = 1.6
"""A fake is blended at up to this many times the displayed resolution; at more, nothing would remain visible."""

DIFFERENCE = (3.0, 9.0)
"""Grey levels, smoothed over a sixtieth of the crop, from which a matched fake counts as different, and as fully different."""


@dataclass(frozen=True)
class Sample:
    """real, fake: (S, S, 3) uint8. where: (S/16, S/16) fake share of each cell. source: a name from `SOURCES`.

    is_known: whether `where` is known; otherwise it is zero and must not be trained on.
    """

    real: UInt8
    fake: UInt8
    where: NDArray[np.float32]
    is_known: bool
    source: str


@dataclass(frozen=True)
class Recipe:
    """How hard the pictures are, and how they are made.

    hardness: of the degradation, 0 to 1. strength: of the mismatch in blended fakes; 1 is strong, lower is fainter.
    moments: pairs taken from one clip. video, tone: shares of the pairs that are coded by a video codec, and of the pictures that are
    softened or sharpened as a whole. same_route: share of the pairs that are degraded alike. level: share of the pairs that get the same
    fine detail before that, see `levelling`. other_real: share of the matched pairs whose real picture is another one of the same group,
    such as another frame of the video, where there is one: what distinguishes two frames then distinguishes nothing. shown_px: range of
    the side at which a crop is displayed, log-uniform; what is below `input_size` is enlarged to it, and so softer than most faces in
    videos. motion_blur: share of the pictures that get it, of either label. level_by_region: share of the levelled pairs in which what is
    forged and what is around it are levelled each for itself. worn: share of the blended pairs whose picture was made noisy, soft or
    compressed before a cleaner part was inserted. around: share of the other self-blends in which what is around the part is changed
    instead of the part.
    """

    input_size: int
    crop_margin: float
    hardness: float
    strength: float
    moments: int = 1
    video: float = 0.7
    tone: float = 0.35
    same_route: float = 0.5
    level: float = 0.75
    other_real: float = 0.0
    motion_blur: float = 0.0
    level_by_region: float = 0.0
    shown_px: tuple[float, float] = SHOWN_PX
    worn: float = WORN_SHARE
    around: float = AROUND_SHARE


@dataclass(frozen=True)
class Made:
    """A fake and its real crop before degradation. mask: (s, s) float32, or None if unknown."""

    real: UInt8
    fake: UInt8
    mask: NDArray[np.float32] | None


@dataclass(eq=False)
class Pools:
    """The faces that pairs are drawn from.

    reals: with their cumulative weights. matched: a real and a fake made from it. others: name of a real of these -> the other reals of its
    group. decoded: a real and the same through a decoder.
    unmatched: reals and fakes of one set; across sets the network would learn to tell the sets apart.
    """

    reals: list[LabelledFace]
    weights: NDArray[np.float64] = field(init=False)
    matched: list[tuple[LabelledFace, LabelledFace]]
    others: dict[str, list[LabelledFace]]
    decoded: list[tuple[LabelledFace, LabelledFace]]
    decoded_weights: NDArray[np.float64] = field(init=False)
    unmatched: list[tuple[list[LabelledFace], list[LabelledFace]]]

    def __post_init__(self) -> None:
        self.weights = _weights(self.reals)
        self.decoded_weights = _weights([real for real, _ in self.decoded])

    def real(self, rng: Rng) -> LabelledFace:
        """A random real face, by weight."""
        return self.reals[_pick(self.weights, rng)]

    def decoded_pair(self, rng: Rng) -> tuple[LabelledFace, LabelledFace]:
        """A random real face and its decoded copy, by the weight of the real one."""
        return self.decoded[_pick(self.decoded_weights, rng)]


def _weights(faces: Sequence[LabelledFace]) -> NDArray[np.float64]:
    """Cumulative. A picture that cannot hold a whole crop is drawn less often, because hardly any video is framed like it."""
    names = [face.set_name for face in faces]
    sizes = {name: names.count(name) for name in set(names)}
    each = np.array([sizes[face.set_name] ** SET_POWER * min(1.0, face.widest / CROP_MARGIN) for face in faces])
    return np.cumsum(each / each.sum()) if len(faces) else each


def _pick(cumulative: NDArray[np.float64], rng: Rng) -> int:
    return min(int(np.searchsorted(cumulative, rng.random())), len(cumulative) - 1)


def _self_blended(pools: Pools, rng: Rng, recipe: Recipe, framing: Framing, shown_px: float) -> Made:
    face, finer = _worn(pools.real(rng), rng, recipe, framing, shown_px * rng.uniform(1.0, MADE_ABOVE_SHOWN))
    return Made(face.crop_rgb, *self_blend(face, rng, recipe.strength, finer, recipe.around))


def _swapped(pools: Pools, rng: Rng, recipe: Recipe, framing: Framing, shown_px: float) -> Made:
    made_px = shown_px * rng.uniform(1.0, MADE_ABOVE_SHOWN)
    face, _ = _worn(pools.real(rng), rng, recipe, framing, made_px)
    donor = framed(pools.real(rng), draw_framing(rng), recipe.crop_margin, made_px * rng.uniform(0.6, 1.4))
    return Made(face.crop_rgb, *swap_blend(face, donor, rng, recipe.strength))


def _worn(labelled: LabelledFace, rng: Rng, recipe: Recipe, framing: Framing, made_px: float) -> tuple[Face, UInt8 | None]:
    """The face, degraded in some pairs; then also the original."""
    face = framed(labelled, framing, recipe.crop_margin, made_px)
    if rng.random() < recipe.worn:
        return replace(face, crop_rgb=wear(face.crop_rgb, rng)), face.crop_rgb
    return face, None


def _matched(pools: Pools, rng: Rng, recipe: Recipe, framing: Framing, shown_px: float) -> Made:
    pair = pools.matched[rng.integers(len(pools.matched))]
    real, fake = (framed(face, framing, recipe.crop_margin, shown_px * MADE_ABOVE_SHOWN) for face in pair)
    where = different(real.crop_rgb, fake.crop_rgb)
    if rng.random() < WHOLE_SHARE:
        made = Made(real.crop_rgb, fake.crop_rgb, where)
    else:
        mixed, mask = blend_part(real, fake.crop_rgb, rng, recipe.strength)
        made = Made(real.crop_rgb, mixed, mask * where)
    others = pools.others.get(pair[0].name, []) if recipe.other_real else []
    if others and rng.random() < recipe.other_real:
        other = others[rng.integers(len(others))]
        return replace(made, real=framed(other, framing, recipe.crop_margin, shown_px * MADE_ABOVE_SHOWN).crop_rgb)
    return made


def _decoded(pools: Pools, rng: Rng, recipe: Recipe, framing: Framing, shown_px: float) -> Made:
    pair = pools.decoded_pair(rng)
    real, fake = (framed(face, framing, recipe.crop_margin, shown_px * MADE_ABOVE_SHOWN) for face in pair)
    # Decoders of whole pictures change all of them, however little; those of faces leave the rest unchanged.
    is_whole = pair[1].method.startswith(WHOLE_PICTURES)
    where = np.ones(real.crop_rgb.shape[:2], np.float32) if is_whole else different(real.crop_rgb, fake.crop_rgb)
    # Not what the decoder left as it was: there sharpness would tell the label, and the map would be wrong.
    made = mix(sharpened(fake.crop_rgb, rng), fake.crop_rgb, where) if rng.random() < SHARPENED_SHARE else fake.crop_rgb
    if rng.random() < WHOLE_SHARE:
        return Made(real.crop_rgb, made, where)
    mixed, mask = blend_part(real, made, rng, recipe.strength)
    return Made(real.crop_rgb, mixed, mask * where)


def _unmatched(pools: Pools, rng: Rng, recipe: Recipe, framing: Framing, shown_px: float) -> Made:
    pair = [faces[rng.integers(len(faces))] for faces in pools.unmatched[rng.integers(len(pools.unmatched))]]
    real, fake = (framed(face, framing, recipe.crop_margin, shown_px * MADE_ABOVE_SHOWN).crop_rgb for face in pair)
    return Made(real, fake, None)


Source = Callable[[Pools, Rng, Recipe, Framing, float], Made]

SOURCES: dict[str, Source] = {
    "matched": _matched,
    "decoded": _decoded,
    "self_blended": _self_blended,
    "swapped": _swapped,
    "unmatched": _unmatched,
}
"""Sources of fakes by name."""

SHARES: dict[str, float] = {"matched": 0.34, "decoded": 0.32, "self_blended": 0.24, "swapped": 0.07, "unmatched": 0.03}
"""How often each source is drawn; the share of a source that the data lacks is distributed to the others in proportion."""


def different(real: UInt8, fake: UInt8) -> NDArray[np.float32]:
    """Where a fake differs from the picture it was made from: (s, s) from 0 to 1."""
    grey = cv2.absdiff(real, fake).max(2).astype(np.float32)
    low, high = DIFFERENCE
    smooth = cv2.GaussianBlur(grey, (0, 0), max(1.0, real.shape[0] / 60))
    return np.asarray(np.clip((smooth - low) / (high - low), 0, 1), np.float32)


class PairMaker:
    """Draws pairs from the faces of a split. Raises DatasetError if none of them is real, or if a share names no source.

    decoded: folder of the decoders' pictures, see `decoders`; it may still be growing. shares: by name of a source, relative to each other.
    """

    def __init__(self, faces: Sequence[LabelledFace], decoded: Path | None = None, shares: Mapping[str, float] | None = None) -> None:
        self.pools = _pools(faces)
        self._faces, self._decoded, self._given = faces, decoded, dict(SHARES if shares is None else shares)
        if unknown := set(self._given) - set(SOURCES):
            raise DatasetError(f"shares: expected some of {', '.join(SOURCES)}, got {', '.join(sorted(unknown))}")
        self._decoders: list[str] = []
        self._set_shares()
        self.refresh()

    @property
    def left_out(self) -> int:
        """Number of fakes that no pair is made of, because their set has no real face."""
        fakes = sum(face.label == "fake" for face in self._faces)
        return fakes - len(self.pools.matched) - sum(len(fakes) for _, fakes in self.pools.unmatched)

    def refresh(self) -> None:
        """Include pictures that decoders have finished since."""
        finished = finished_decoders(self._decoded) if self._decoded else []
        if self._decoded and finished and finished != self._decoders:
            self._decoders = finished
            self.pools = replace(self.pools, decoded=decoded_pairs(self._decoded, self._faces))
            self._set_shares()

    def _set_shares(self) -> None:
        present = {"matched": self.pools.matched, "decoded": self.pools.decoded, "unmatched": self.pools.unmatched}
        usable = {name: share for name, share in self._given.items() if share > 0 and present.get(name, True)}
        if not usable:
            raise DatasetError(f"shares: none of {', '.join(self._given)} can be drawn from these {len(self._faces)} faces")
        self.sources = list(usable)
        self._shares = np.cumsum(list(usable.values())) / sum(usable.values())

    def draw(self, rng: Rng, recipe: Recipe, source: str | None = None) -> list[Sample]:
        """`recipe.moments` pairs of one clip. source: where the fake comes from; drawn by the shares if left out."""
        name = source or self.sources[_pick(self._shares, rng)]
        low, high = np.log(recipe.shown_px)
        shown_px = float(min(np.exp(rng.uniform(low, high)), SHOWN_ABOVE_INPUT * recipe.input_size))
        made = SOURCES[name](self.pools, rng, recipe, draw_framing(rng), shown_px)
        if rng.random() < recipe.level:
            by_region = recipe.level_by_region > 0 and rng.random() < recipe.level_by_region
            real, fake = levelled(made.real, made.fake, shown_px, rng, made.mask if by_region else None)
            made = replace(made, real=real, fake=fake)
        cells = recipe.input_size // MAP_STRIDE
        mask = np.zeros((1, 1), np.float32) if made.mask is None else made.mask
        where = np.asarray(cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA), np.float32)
        reals, fakes = ([resize_square(p, recipe.input_size) for p in side] for side in _routed(made, rng, recipe, shown_px))
        return [Sample(real, fake, where, made.mask is not None, name) for real, fake in zip(reals, fakes, strict=True)]


def _routed(made: Made, rng: Rng, recipe: Recipe, shown_px: float) -> tuple[list[UInt8], list[UInt8]]:
    """Both pictures after degradation. Independent routes differ in size by up to four tenths either way, at random."""
    first = route.draw(rng, shown_px, recipe.hardness, recipe.video, recipe.tone, recipe.motion_blur)
    second = first
    if rng.random() >= recipe.same_route:
        other_px = shown_px * float(np.exp(rng.uniform(-0.35, 0.35)))
        second = replace(route.draw(rng, other_px, recipe.hardness, recipe.video, recipe.tone, recipe.motion_blur), is_video=first.is_video)
        if rng.random() < 0.5:
            first, second = second, first
    return route.shown(made.real, first, recipe.moments), route.shown(made.fake, second, recipe.moments)


def _pools(faces: Sequence[LabelledFace]) -> Pools:
    reals = [face for face in faces if face.label == "real"]
    if not reals:
        raise DatasetError(f"training needs real faces to make fakes of; there are none among {len(faces)} faces")
    matched, unmatched, others = with_originals(faces)
    sets = sorted({face.set_name for face in unmatched} & {face.set_name for face in reals})
    of_set = [([f for f in reals if f.set_name == s], [f for f in unmatched if f.set_name == s]) for s in sets]
    return Pools(reals, matched, others, [], of_set)
