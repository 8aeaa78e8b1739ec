"""Results of the shipped weights on labelled videos, by kind of forgery and by size of picture and face: the counts of the model card.

Selects the counts that were measured on videos like a given one. `measured.json` holds them by the SHA-256 of the weights; for other
weights there are none.
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
    """Number of videos of one kind, and how many were called fake or genuine; the rest were undecided."""

    name: str
    videos: int
    called_fake: int
    called_genuine: int


@dataclass(frozen=True)
class Band:
    """Videos in the same size range as the given one. of: the measured quantity. low, high: ends of the range, pixels."""

    of: str
    low: float
    high: float
    fakes: int
    fakes_found: int
    reals: int
    reals_called_fake: int


@dataclass(frozen=True)
class Measured:
    """Counts for one operating point. population: the videos, in words. real: the genuine ones. bands: the ranges the given input is in."""

    population: str
    real: Kind
    families: tuple[Kind, ...]
    bands: tuple[Band, ...]


def measured_for(verdict: Verdict) -> Measured | None:
    """The counts for a verdict's weights at its operating point; None if there are none."""
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
