"""Degrades a picture as on its way to a viewer: lens and phone, shrinking, one or two video codecs, or picture codecs.

A `Route` is drawn once. With the same route both pictures of a pair are treated alike, so that only the forgery distinguishes them; with
independent routes, picture quality carries no information. Knows pixels only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from screener.encoding.round_trip import encode_and_decode
from screener.training import codec_loss, degradation
from screener.training.motion import moving, smeared

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator

SHORTEST, LONGEST = 5, 14
"""Number of frames of the clip that a picture is turned into."""

SECOND_GENERATION = 0.35
"""Share of the clips that are encoded again in another size, as uploads are."""

ENLARGED_SHARE = 0.3
"""Share of the pictures that are enlarged again after shrinking, of those for which `degradation.draw` would do so: soft faces in large
pictures are not the rule.
"""

SMALLEST_PX = 48


@dataclass(frozen=True)
class Route:
    """seed: of everything random on the way. shown_px: side at which the crop is displayed. hardness: 0 to 1, see `degradation.draw`.

    is_video: coded by a video codec as a moving clip, else as a still. is_toned: the whole picture is softened or sharpened first.
    is_smeared: motion blur, of the head or of everything, comes before that.
    """

    seed: int
    shown_px: float
    hardness: float
    is_video: bool
    is_toned: bool
    is_smeared: bool = False


def draw(rng: Rng, shown_px: float, hardness: float, video_share: float, tone_share: float, smear_share: float = 0.0) -> Route:
    """A random route. video_share, tone_share, smear_share: probability of video, of toning, and of motion blur."""
    seed, is_video, is_toned = int(rng.integers(2**62)), bool(rng.random() < video_share), bool(rng.random() < tone_share)
    return Route(seed, shown_px, hardness, is_video, is_toned, bool(smear_share and rng.random() < smear_share))


def shown(picture: UInt8, route: Route, count: int = 1) -> list[UInt8]:
    """(s, s, 3) RGB -> `count` moments of the clip as displayed, (s', s', 3) each; a still is one moment, repeated."""
    rng = np.random.default_rng(route.seed)
    if route.is_smeared:
        picture = smeared(picture, np.random.default_rng([route.seed, 1]))
    if route.is_toned:
        picture = tone(picture, rng.random(), rng.random())
    how = degradation.draw(rng, route.hardness)
    enlarged = how.enlarge_again and rng.random() < ENLARGED_SHARE
    how = replace(how, shrink=max(how.shrink, picture.shape[0] / route.shown_px), enlarge_again=enlarged)
    if not route.is_video:
        return [degradation.apply(picture, how)] * count
    picture = _even(degradation.apply(picture, replace(how, codecs=())))
    length = int(rng.integers(SHORTEST, LONGEST + 1))
    frames = moving(picture, rng, length)
    wanted = sorted(rng.choice(np.arange(length // 3, length), count, replace=count > length - length // 3).tolist())
    if rng.random() < SECOND_GENERATION:
        frames = encode_and_decode(frames, codec_loss.draw(rng, route.hardness), range(length))
        side = picture.shape[0] * rng.uniform(0.65, 1.35)
        frames = [_even(_resized(frame, side)) for frame in frames]
    return encode_and_decode(frames, codec_loss.draw(rng, route.hardness), wanted)


def tone(picture: UInt8, kind: float, amount: float) -> UInt8:
    """Soften or sharpen the whole picture, as cameras, denoisers, phones and players do. kind, amount: 0 to 1."""
    side = picture.shape[0]
    if kind < 0.25:
        return np.asarray(cv2.bilateralFilter(picture, 5, 12 + 30 * amount, 1.5 + 2.5 * amount), np.uint8)
    if kind < 0.45:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.5 + 1.1 * amount), np.uint8)
    if kind < 0.5:
        return np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    if kind < 0.7:
        small = cv2.resize(picture, (max(40, round(side / (1.2 + 1.2 * amount))),) * 2, interpolation=cv2.INTER_AREA)
        enlarging = cv2.INTER_CUBIC if amount < 0.5 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(small, (side, side), interpolation=enlarging), np.uint8)
    gain = 0.4 + 1.2 * amount
    return np.asarray(cv2.addWeighted(picture, 1 + gain, cv2.GaussianBlur(picture, (0, 0), 0.8 + amount), -gain, 0), np.uint8)


def _resized(picture: UInt8, side: float) -> UInt8:
    whole = max(SMALLEST_PX, round(side))
    how = cv2.INTER_AREA if whole < picture.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (whole, whole), interpolation=how), np.uint8)


def _even(picture: UInt8) -> UInt8:
    """Crop to even sides, which codecs need, but not below `SMALLEST_PX`."""
    if picture.shape[0] < SMALLEST_PX:
        return _resized(picture, SMALLEST_PX)
    side = picture.shape[0] // 2 * 2
    return np.ascontiguousarray(picture[:side, :side])
