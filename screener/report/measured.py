"""How weights that ship fared on labelled videos, by kind of forgery and by size of picture and face: the counts of the model card.

Knows the counts and which of them are of videos like a given one. They are kept by the SHA-256 of the weights they are of, in
`measured.json`; of other weights nothing is known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from screener.records import Verdict


@dataclass(frozen=True)
class Kind:
    """Videos of one kind, and how many of them were called fake or genuine; the others were left undecided."""

    name: str
    videos: int
    called_fake: int
    called_genuine: int


@dataclass(frozen=True)
class Band:
    """Videos that one number puts beside the given one. of: what it measures. low, high: in pixels."""

    of: str
    low: float
    high: float
    fakes: int
    fakes_found: int
    reals: int
    reals_called_fake: int


@dataclass(frozen=True)
class Measured:
    """population: the videos, in words. real: the genuine ones among them. bands: those that the given input falls into."""

    population: str
    real: Kind
    families: tuple[Kind, ...]
    bands: tuple[Band, ...]


def measured_for(verdict: Verdict) -> Measured | None:
    """What was measured of a verdict's weights at its operating point; None where nothing was."""
    found = _every().get(str(verdict.checkpoint.get("sha256")))
    if found is None or abs(verdict.operating_point.get("fpr", 0.0) - found["fpr"]) > 1e-9:
        return None
    face_px = max((person.face_px_median for person in verdict.people if person.frames_judged), default=0.0)
    sizes = {"shorter side of the picture": float(min(verdict.video.size_wh)), "face": face_px}
    return Measured(
        population=found["population"],
        real=_kind("genuine videos", found["real"]),
        families=tuple(_kind(one["name"], one) for one in found["families"]),
        bands=tuple(band for of, size in sizes.items() for band in _bands(of, found["bands"][of]) if band.low <= size < band.high),
    )


def _kind(name: str, counts: Mapping[str, Any]) -> Kind:
    return Kind(name, counts["videos"], counts["called_fake"], counts["called_genuine"])


def _bands(of: str, rows: list[dict[str, Any]]) -> list[Band]:
    return [Band(of, **{name: value for name, value in row.items() if name != "card"}) for row in rows]


@cache
def _every() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(resources.files("screener.report").joinpath("measured.json").read_text(encoding="utf-8"))
    return known
