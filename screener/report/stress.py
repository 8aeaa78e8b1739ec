"""Whether an outcome holds after changes to the picture, in words, and as rows for a page. Pure text.

Knows verdicts and the results of `scan --stress`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screener.record_stress import Stressed, StressedPerson, tipping
from screener.records import TrackVerdict, Verdict
from screener.report.wording import counted, listed, numbered, score, spelt_out


@dataclass(frozen=True)
class StressCell:
    """The outcome for one person, or the video, after a change. why: reason for an undecided outcome, or ""."""

    outcome: str
    score: str
    why: str
    tips: bool


@dataclass(frozen=True)
class StressRow:
    """One change. people: a cell for each person of `StressTable.numbers`."""

    words: str
    video: StressCell
    people: tuple[StressCell, ...]


@dataclass(frozen=True)
class StressTable:
    """A stress test as a table. numbers: of the people with a column; empty if there is only one person."""

    sentence: str
    numbers: tuple[int, ...]
    rows: tuple[StressRow, ...]


NEAR = "near_threshold"
"""A reason that the score beside it makes obvious, so it is not repeated."""

MOST_COLUMNS = 4
"""Most people with a column, those whose outcome changes first."""


def stress_table(verdict: Verdict) -> StressTable | None:
    """The table of a verdict; None without a stress test, or if nobody could be judged."""
    if not verdict.stress:
        return None
    shown = _shown(verdict)
    rows = tuple(
        StressRow(one.words, _cell(one, verdict.outcome), tuple(_cell(one.of(person.track_id), person.outcome) for _, person in shown))
        for one in verdict.stress
    )
    return StressTable(stress_sentence(verdict), tuple(number for number, _ in shown), rows)


def stress_sentence(verdict: Verdict) -> str:
    """`The outcome holds after all 6 changes: ...`, or which changes turn it into what; "" without a stress test."""
    if not verdict.stress:
        return ""
    changes = counted(len(verdict.stress), "change")
    tipped = tipping(verdict.stress, verdict.outcome)
    if not tipped:
        return f"The outcome, {verdict.outcome}, holds after all {changes}: {_kinds(verdict.stress)}."
    into = {outcome: [one for one in tipped if one.outcome == outcome] for outcome in dict.fromkeys(one.outcome for one in tipped)}
    if len(into) == 1 and len(tipped) == len(verdict.stress):
        return f"The outcome, {verdict.outcome}, does not hold: it is {tipped[0].outcome} after each of {changes}."
    fell = "; ".join(f"{outcome} after {listed([_in_brackets(one.words) for one in such])}" for outcome, such in into.items())
    return f"The outcome, {verdict.outcome}, does not hold: {fell}. It holds after {len(verdict.stress) - len(tipped)} of {changes}."


def _in_brackets(words: str) -> str:
    """`blur, kernel 7` -> `blur (kernel 7)`, for use in a comma-separated list."""
    kind, _, level = words.partition(", ")
    return f"{kind} ({level})" if level else kind


def stress_lines(verdict: Verdict) -> list[str]:
    """For a terminal: a line for the video and, if there are several people, one for each whose outcome does not hold."""
    if not verdict.stress:
        return ["stress: nobody was judged, so nothing could tip"] if verdict.settings.get("stress") else []
    several = [f"person {number}: {_fall(verdict, person)}" for number, person in _people(verdict) if _tips(verdict, person)]
    lines = [f"stress: {_fall(verdict)}"]
    return [*lines, *(f"stress: {line}" for line in several if len(verdict.people) > 1)]


def _fall(verdict: Verdict, person: TrackVerdict | None = None) -> str:
    """`stable after 6 changes`, or the changes that alter the outcome."""
    outcome, track_id = (verdict.outcome, None) if person is None else (person.outcome, person.track_id)
    tipped = tipping(verdict.stress, outcome, track_id)
    if not tipped:
        return f"stable, {outcome} after all {counted(len(verdict.stress), 'change')} ({_kinds(verdict.stress)})"
    fallen = {_of(one, track_id).outcome for one in tipped}
    if len(tipped) == len(verdict.stress) and len(fallen) == 1:
        return f"tips: {fallen.pop()} after each of {counted(len(tipped), 'change')} ({_kinds(tipped)})"
    into = [f"{found.outcome}{_scored(found)} after {one.words}" for one in tipped for found in [_of(one, track_id)]]
    return f"tips: {'; '.join(into)}"


def _of(one: Stressed, track_id: int | None) -> Stressed | StressedPerson:
    return one if track_id is None else one.of(track_id)


def _scored(found: Stressed | StressedPerson) -> str:
    """The score, or why there is none."""
    why = "; ".join(spelt_out(found.reasons)) if found.p_fake is None else f"p {score(found.p_fake)}"
    return f" ({why})" if why else ""


def _kinds(stress: Sequence[Stressed]) -> str:
    """`H.264 re-compression, down-scaling and blur`."""
    return listed(list(dict.fromkeys(one.words.partition(",")[0] for one in stress)))


def _people(verdict: Verdict) -> list[tuple[int, TrackVerdict]]:
    judged = {person.track_id for person in verdict.stress[0].people}
    return [(number, person) for number, person in numbered(verdict) if person.track_id in judged]


def _tips(verdict: Verdict, person: TrackVerdict) -> bool:
    return bool(tipping(verdict.stress, person.outcome, person.track_id))


def _shown(verdict: Verdict) -> list[tuple[int, TrackVerdict]]:
    people = _people(verdict)
    if len(people) < 2:
        return []
    first = sorted(people, key=lambda item: not _tips(verdict, item[1]))[:MOST_COLUMNS]
    return sorted(first, key=lambda item: item[0])


def _cell(found: Stressed | StressedPerson, outcome: str) -> StressCell:
    why = "; ".join(spelt_out(reason for reason in found.reasons if reason != NEAR))
    return StressCell(found.outcome, "" if found.p_fake is None else score(found.p_fake), why, found.outcome != outcome)
