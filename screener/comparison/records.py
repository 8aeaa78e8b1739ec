"""The result of a comparison: frozen records of plain values, checked at construction, and their JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener import record_checks as check
from screener.record_views import rounded_score, rounded_seconds
from screener.records import VideoFacts

COMPARISON_VERSION = 1

LEAST_MOMENTS = 3
"""Consecutive moments that must differ before a face counts as replaced; a person with fewer moments is not judged."""

OUTCOMES = {
    "identical": "the two files are the same, byte for byte",
    "same": "both show one recording, neither cut, and no face that was compared was replaced",
    "replaced": "both show the same scene, and a face differs",
    "cut": "both show the same, but for what one of them lacks",
    "different": "the two show nothing of each other",
    "undecided": "it cannot be told",
}
"""Outcome of a comparison -> its description."""

KINDS = {
    "same": "shows the same",
    "replaced": "shows the same scene with another face",
    "only_a": "is in A alone",
    "only_b": "is in B alone",
}
"""Kind of an interval -> its description."""

Span = tuple[float, float]
"""Start and end, seconds."""


@dataclass(frozen=True)
class Stretch:
    """An interval with its times in A and in B, None if it is missing there. likeness: median correlation of the pictures, else None."""

    kind: str
    a_seconds: Span | None
    b_seconds: Span | None
    likeness: float | None = None

    def __post_init__(self) -> None:
        check.one_of(self, "kind", tuple(KINDS))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "kind": self.kind,
            "a_seconds": _span(self.a_seconds),
            "b_seconds": _span(self.b_seconds),
            "likeness": rounded_score(self.likeness),
        }


@dataclass(frozen=True, eq=False)
class Moment:
    """One face at one moment of both. difference: see `Person`. box_xyxy: (4,) float32, pixels of A's picture.

    crops_rgb: (s, s, 3) uint8 of A, of B and of their difference, for the page; empty for all but a few.
    """

    a_seconds: float
    b_seconds: float
    difference: float
    box_xyxy: NDArray[np.float32]
    crops_rgb: tuple[NDArray[np.uint8], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        check.finite(self, "a_seconds", "b_seconds")
        check.not_negative(self, "difference")
        check.floats(self, "box_xyxy", (4,))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "a_seconds": rounded_seconds(self.a_seconds),
            "b_seconds": rounded_seconds(self.b_seconds),
            "difference": round(self.difference, 2),
            "box_xyxy": [round(float(v), 1) for v in self.box_xyxy],
        }


@dataclass(frozen=True, eq=False)
class Person:
    """One person in A compared with the person at the same place in B.

    difference: difference of the face divided by what the rest of the same pictures predicts; median over the compared moments.
    replaced: whether it is too large for encoding. spans: intervals of A's time in which it is. is_still: a still picture was compared, so
    that one moment decides.
    """

    number: int
    difference: float
    replaced: bool
    spans: tuple[Span, ...]
    moments: tuple[Moment, ...]
    is_still: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether there were enough moments to decide."""
        return self.replaced or self.is_still or len(self.moments) >= LEAST_MOMENTS

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "person": self.number,
            "replaced": self.replaced if self.is_judged else None,
            "difference": round(self.difference, 2),
            "spans": [_span(span) for span in self.spans],
            "moments": [moment.to_dict() for moment in self.moments],
        }


@dataclass(frozen=True)
class Side:
    """One of the two files. sha256: None for an unreadable file."""

    source: str
    sha256: str | None
    video: VideoFacts

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        video = self.video
        return {
            "source": self.source,
            "sha256": self.sha256,
            "duration_seconds": rounded_seconds(video.duration_seconds),
            "size_wh": list(video.size_wh),
            "frame_rate": video.frame_rate,
            "codec": video.codec,
            "frames_decoded": video.frames_decoded,
            "reasons": list(video.reasons),
            "warnings": list(video.warnings),
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """The answer, with its evidence. detail: why it is undecided, or what limits it; "" if nothing does.

    threshold: difference from which a face counts as replaced. reencoded: whether matching pictures differ in their pixels; None if none
    were compared. has_unjudged_faces: whether a face was seen that could not be compared.
    """

    outcome: str
    a: Side
    b: Side
    threshold: float
    reencoded: bool | None = None
    stretches: tuple[Stretch, ...] = ()
    people: tuple[Person, ...] = ()
    detail: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    has_unjudged_faces: bool = False

    def __post_init__(self) -> None:
        check.one_of(self, "outcome", tuple(OUTCOMES))

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, ready for JSON."""
        return {
            "comparison_version": COMPARISON_VERSION,
            "outcome": self.outcome,
            "detail": self.detail,
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "reencoded": self.reencoded,
            "threshold": self.threshold,
            "stretches": [stretch.to_dict() for stretch in self.stretches],
            "people": [person.to_dict() for person in self.people],
            "versions": self.versions,
        }

    def to_json(self, indent: int | None = None) -> str:
        """The same as JSON, all ASCII."""
        return json.dumps(self.to_dict(), ensure_ascii=True, indent=indent, allow_nan=False)


def _span(span: Span | None) -> list[float] | None:
    return None if span is None else [rounded_seconds(span[0]), rounded_seconds(span[1])]
