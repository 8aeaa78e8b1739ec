"""What became of a verdict when the same faces were judged again after changes to the picture: the records of `scan --stress`.

Knows names, scores and outcomes. Does not know how a change is made or judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener import record_checks as check
from screener.errors import REASONS
from screener.record_views import rounded_score

OUTCOMES = ("fake", "genuine", "undecided")

FATES = ("crop", "too_small", "too_blurred")


@dataclass(frozen=True, eq=False)
class ChangedCrop:
    """A face after one change to its frame.

    fate: `crop` if it can be judged, else why not, from FATES. crop_rgb: (S, S, 3) uint8. face_px: shorter side of the face box in the
    changed frame. sharpness: see `preprocessing.sharpness`.
    """

    fate: str
    crop_rgb: NDArray[np.uint8]
    face_px: float
    sharpness: float

    def __post_init__(self) -> None:
        check.one_of(self, "fate", FATES)
        check.square_picture(self, "crop_rgb")
        check.not_negative(self, "face_px", "sharpness")


@dataclass(frozen=True)
class StressedPerson:
    """One person's verdict after a change; p_fake is None if none of the person's faces could be judged any more."""

    track_id: int
    outcome: str
    p_fake: float | None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.one_of(self, "outcome", OUTCOMES)
        check.probability_or_none(self, "p_fake")
        check.all_of(self, "reasons", REASONS)


@dataclass(frozen=True)
class Stressed:
    """The verdict after one change. kind, level: the change, such as `blur` and 9. words: the same for readers. people: those judged."""

    kind: str
    level: float
    words: str
    outcome: str
    p_fake: float | None
    reasons: tuple[str, ...]
    people: tuple[StressedPerson, ...]

    def __post_init__(self) -> None:
        check.one_of(self, "outcome", OUTCOMES)
        check.probability_or_none(self, "p_fake")
        check.all_of(self, "reasons", REASONS)
        check.finite(self, "level")

    @property
    def name(self) -> str:
        """`blur 9`."""
        return f"{self.kind} {self.level:g}"

    def of(self, track_id: int) -> StressedPerson:
        """One person's verdict. Raises KeyError for one who was not judged."""
        for person in self.people:
            if person.track_id == track_id:
                return person
        raise KeyError(track_id)


def tipping(stress: Sequence[Stressed], outcome: str, track_id: int | None = None) -> tuple[Stressed, ...]:
    """The changes after which a person's outcome is another than `outcome`; without `track_id`, the video's."""
    return tuple(one for one in stress if (one if track_id is None else one.of(track_id)).outcome != outcome)


def stress_dict(stress: Sequence[Stressed], outcome: str, people: Sequence[Any]) -> dict[str, Any] | None:
    """The public JSON. outcome, people: those of the verdict. None if there was nobody to judge."""
    if not stress:
        return None
    judged = {person.track_id for person in stress[0].people}
    return {
        **_held(tipping(stress, outcome)),
        "people": [
            {"track_id": person.track_id, **_held(tipping(stress, person.outcome, person.track_id))}
            for person in people
            if person.track_id in judged
        ],
        "changes": [
            {
                "name": one.name,
                **asdict(one),
                "p_fake": rounded_score(one.p_fake),
                "reasons": list(one.reasons),
                "people": [
                    {**asdict(person), "p_fake": rounded_score(person.p_fake), "reasons": list(person.reasons)} for person in one.people
                ],
            }
            for one in stress
        ],
    }


def _held(tipped_by: Sequence[Stressed]) -> dict[str, Any]:
    return {"stable": not tipped_by, "tipped_by": [one.name for one in tipped_by]}
