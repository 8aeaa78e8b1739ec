"""When further frames would not change the outcome: the rule by which a scan `until_sure` stops. Pure.

The outcome of a person falls into one of three bands of the pooled score: genuine, undecided, fake. A person is settled when the whole
interval lies in one band, the middle one included: that somebody is too close to call can be as sure as anything. Looking again and again
gives chance more than one opportunity to call too early, so the same must hold after two rounds in a row (`scripts/measure_sampling.py`
says how often it errs). Does not know how frames are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screener.records import TrackVerdict
from screener.verdict.judging import Limits, deciding_people

PRECISE = 0.05
"""An interval of at most this width across a border is as good as it gets: halving it would take four times the frames."""

_UNMOVED = frozenset({"too_small", "low_quality", "out_of_range"})
"""Reasons that a median over a round's frames gives, and that further frames leave alone."""


@dataclass(frozen=True)
class Standing:
    """How a video stands after one round. people: (outcome, reasons) of each that decides, sorted. settled: all of them are."""

    outcome: str
    people: tuple[tuple[str, tuple[str, ...]], ...]
    settled: bool


def standing_of(outcome: str, people: Sequence[TrackVerdict], frames_sampled: int, limits: Limits, suspects: int) -> Standing:
    """suspects: suspicious moments that were not looked at more closely yet; with any, nobody is settled unless fake."""
    deciding = deciding_people(people, frames_sampled, limits.threshold)
    settled = all(is_settled(person, limits) and (person.outcome == "fake" or not suspects) for person in deciding)
    return Standing(outcome, tuple(sorted((person.outcome, person.reasons) for person in deciding)), settled)


def is_sure(before: Standing | None, now: Standing) -> bool:
    """Whether two rounds in a row say the same of everyone who decides, and all of them are settled."""
    return before is not None and before.settled and now.settled and (before.outcome, before.people) == (now.outcome, now.people)


def is_settled(person: TrackVerdict, limits: Limits) -> bool:
    """Whether further frames would leave this person's outcome as it is."""
    if person.reasons and set(person.reasons) <= _UNMOVED:
        return True
    if person.interval is None or "too_short" in person.reasons:
        return False
    low, high = person.interval
    # With a stretch that looks fake nobody is genuine: there only the upper border counts.
    borders = (limits.threshold,) if person.segments else (limits.genuine_below, limits.threshold)
    return high - low <= PRECISE or all((low >= border) == (high >= border) for border in borders)
