"""When further frames would not change the outcome: the stopping rule of `until_sure`. Pure.

The pooled score lies in one of three bands: genuine, undecided, fake. A person is settled when the whole interval lies in one band; this
includes the middle one, because further frames would not decide a person who is surely too close to call. Repeated testing gives chance
more opportunities to stop too early, so the same must hold after two consecutive rounds (`scripts/measure_sampling.py` measures how often
it errs). Does not know how frames are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screener.records import TrackVerdict
from screener.verdict.judging import Limits, deciding_people

PRECISE = 0.05
"""An interval of at most this width across a border is final: halving it would take four times the frames."""

_UNMOVED = frozenset({"too_small", "low_quality", "out_of_range"})
"""Reasons that come from a median over frames and do not change with further frames."""


@dataclass(frozen=True)
class Standing:
    """The state of a video after one round. people: (outcome, reasons) of each that counts, sorted. settled: whether all of them are."""

    outcome: str
    people: tuple[tuple[str, tuple[str, ...]], ...]
    settled: bool


def standing_of(outcome: str, people: Sequence[TrackVerdict], frames_sampled: int, limits: Limits, suspects: int) -> Standing:
    """suspects: number of suspicious moments not examined more closely yet; while there are any, nobody is settled unless fake."""
    deciding = deciding_people(people, frames_sampled, limits.threshold)
    settled = all(is_settled(person, limits) and (person.outcome == "fake" or not suspects) for person in deciding)
    return Standing(outcome, tuple(sorted((person.outcome, person.reasons) for person in deciding)), settled)


def is_sure(before: Standing | None, now: Standing) -> bool:
    """Whether two consecutive rounds agree on everyone who counts, and all of them are settled."""
    return before is not None and before.settled and now.settled and (before.outcome, before.people) == (now.outcome, now.people)


def is_settled(person: TrackVerdict, limits: Limits) -> bool:
    """Whether further frames would leave this person's outcome as it is."""
    if person.reasons and set(person.reasons) <= _UNMOVED:
        return True
    if person.interval is None or "too_short" in person.reasons:
        return False
    low, high = person.interval
    # A person with a suspicious segment cannot become genuine: only the upper border counts.
    borders = (limits.threshold,) if person.segments else (limits.genuine_below, limits.threshold)
    return high - low <= PRECISE or all((low >= border) == (high >= border) for border in borders)
