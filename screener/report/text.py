"""The report for a terminal: a line per input, lines for people and remarks indented under it, and a summary at the end.

Knows words and, if told so, ANSI colours; the words alone carry the whole meaning. Does not know the stream it is written to.
"""

from __future__ import annotations

import textwrap

from screener.records import TrackVerdict, Verdict
from screener.report.summary import Summary
from screener.report.wording import (
    COVERAGE_WORDS,
    by_suspicion,
    clock,
    counted,
    detail,
    is_sparse,
    numbered,
    score,
    spans,
    spelt_out,
    visible,
)

_ANSI = {"fake": "\x1b[1;31m", "genuine": "\x1b[32m", "undecided": "\x1b[33m"}
_ANSI_END = "\x1b[0m"
_INDENT = "    "
_WIDTH = 79
"""Columns that the narrowest usual terminal shows of a paragraph."""


class TextWriter:
    """`clip.mp4: FAKE  p 0.93 [0.86-0.97]  person 2 of 3 at 0:02.1-0:07.4  complete`, one line per input as clamscan does."""

    def __init__(self, inputs: int | None = None, colour: bool = False) -> None:
        self._colour = colour
        self._limits = ""

    def begin(self) -> str:
        """Nothing: the first line is the first input's."""
        return ""

    def one(self, verdict: Verdict) -> str:
        """A line for the input, and lines for its people and what to know of it."""
        said = [_score_and_interval(verdict), _finding(verdict), _frames_taken(verdict), COVERAGE_WORDS[verdict.coverage]]
        head = self._parts(verdict.outcome, *said)
        lines = [f"{visible(verdict.source)}: {head}", *(_INDENT + line for line in [*self._people(verdict), *_remarks(verdict)])]
        self._limits = str(verdict.checkpoint.get("limits", ""))
        return "\n".join(lines) + "\n"

    def end(self, summary: Summary) -> str:
        """The counts, and what the weights cannot do."""
        unreadable = f", of which {summary.unreadable} could not be read" if summary.unreadable else ""
        rows = [
            ("inputs", f"{summary.inputs}"),
            ("fake", f"{summary.fake}"),
            ("genuine", f"{summary.genuine}"),
            ("undecided", f"{summary.undecided}{unreadable}"),
            ("partly judged", f"{summary.partial}"),
            ("frames judged", f"{summary.frames_judged}"),
            *(
                [("left out", f"{counted(summary.left_out, 'file')} named and beginning like neither video nor picture")]
                if summary.left_out
                else []
            ),
            ("time", clock(summary.elapsed_seconds)),
        ]
        limits = f"\n{textwrap.fill(visible(self._limits), _WIDTH)}\n" if self._limits else ""
        return "\nSummary\n" + "".join(f"  {name:<14}{value}\n" for name, value in rows) + limits

    def _parts(self, outcome: str, *parts: str) -> str:
        label = f"{_ANSI[outcome]}{outcome.upper()}{_ANSI_END}" if self._colour else outcome.upper()
        return "  ".join([label, *filter(None, parts)])

    def _people(self, verdict: Verdict) -> list[str]:
        # The first line has already said everything of one person with one suspicious stretch at most.
        told = 1 if verdict.outcome == "fake" else 0
        if len(verdict.people) < 2 and not any(len(person.segments) > told for person in verdict.people):
            return []
        judged = [(number, person) for number, person in numbered(verdict) if person.frames_judged]
        lines = [
            f"person {number}: " + self._parts(person.outcome, _score_and_interval(person), *_about(person, verdict.video.is_still))
            for number, person in judged
        ]
        passers_by = [person for person in verdict.people if not person.frames_judged]
        if passers_by:
            why = "; ".join(spelt_out(tuple(dict.fromkeys(reason for person in passers_by for reason in person.reasons))))
            lines.append(f"{counted(len(passers_by), 'person', 'people')} seen but not judged: {why}")
        return lines


def _score_and_interval(judged: Verdict | TrackVerdict) -> str:
    if judged.p_fake is None:
        return ""
    text = f"p {score(judged.p_fake)}"
    return text if judged.interval is None else f"{text} [{score(judged.interval[0])}-{score(judged.interval[1])}]"


def _times(person: TrackVerdict) -> list[str]:
    return [f"{clock(start)}-{clock(end)}" for start, end in spans(person)]


def _finding(verdict: Verdict) -> str:
    """What the line of an input says besides its score."""
    people = len(verdict.people)
    if verdict.outcome == "undecided":
        return "; ".join(spelt_out(verdict.reasons))
    if verdict.outcome == "genuine":
        return f"{counted(people, 'person', 'people')}, {counted(verdict.video.frames_judged, 'frame')}"
    fakes = [(number, person) for number, person in numbered(verdict) if person.outcome == "fake"]
    if not fakes:
        return ""
    number, person = min(fakes, key=lambda item: by_suspicion(item[1]))
    others = f" and {len(fakes) - 1} more" if len(fakes) > 1 else ""
    when = "" if verdict.video.is_still else f" at {_times(person)[0]}"
    return f"person {number} of {people}{when}{others}"


def _frames_taken(verdict: Verdict) -> str:
    """How many frames it took, where that was not settled beforehand; the line of a genuine input says it anyway."""
    return counted(verdict.video.frames_sampled, "frame") if is_sparse(verdict) and verdict.outcome != "genuine" else ""


def _about(person: TrackVerdict, is_still: bool) -> list[str]:
    frames = counted(person.frames_judged, "frame")
    seen = frames if is_still else f"seen {clock(person.first_seconds)}-{clock(person.last_seconds)}, {frames}"
    suspicious = f"suspicious {', '.join(_times(person))}" if person.segments else ""
    return [suspicious, "; ".join(spelt_out(person.reasons)), seen]


def _remarks(verdict: Verdict) -> list[str]:
    """What is left to say: reasons that the first line did not give, warnings, and the reader's own words."""
    reasons = [] if verdict.outcome == "undecided" else [f"{COVERAGE_WORDS[verdict.coverage]}: {why}" for why in spelt_out(verdict.reasons)]
    warnings = [f"note: {why}" for why in spelt_out(verdict.warnings)]
    return [*reasons, *warnings, *filter(None, [detail(verdict)])]
