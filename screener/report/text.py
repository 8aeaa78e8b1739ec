"""The report for a terminal: a line per input, its people and remarks indented below it, and a summary at the end.

Knows words, the columns of a terminal and, if asked to, ANSI colours; nothing is said by colour alone. Does not know the stream it is
written to.
"""

from __future__ import annotations

import textwrap

from screener.records import TrackVerdict, Verdict
from screener.report.provenance import manifest_line
from screener.report.stress import stress_lines
from screener.report.summary import Summary
from screener.report.wording import (
    by_suspicion,
    clock,
    counted,
    coverage_in_words,
    detail,
    is_sparse,
    is_unreadable,
    label,
    measured_limits,
    numbered,
    score,
    score_beside,
    spans,
    spelt_out,
    visible,
)

_ANSI = {"fake": "\x1b[1;31m", "genuine": "\x1b[32m", "undecided": "\x1b[33m"}
_ANSI_END = "\x1b[0m"
_LABEL_WIDTH = 12
_INDENT = " " * _LABEL_WIDTH
_WIDTH = 79
"""Width of paragraphs if no terminal is known."""

_NARROWEST = 40
_LEAD = "A score is a lead to follow, never proof; `screener weights show` says what these weights were measured to miss."
_MEASURED_LEAD = "A score is a lead to follow, never proof."


class TextWriter:
    """`FAKE        clip.mp4  p 0.93 [0.86-0.97]  person 2 of 3 at 0:02.1-0:07.4  whole file read`.

    One line per input, wrapped with a hanging indent on a narrower terminal.
    """

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        """inputs, colour: see `Writer`. columns: width of the terminal, None if there is none."""
        self._colour = colour
        self._columns = None if columns is None else max(columns, _NARROWEST)
        self._single = inputs == 1
        self._legend = ""
        self._lead = ""

    def begin(self) -> str:
        """Nothing: the first line is the first input's."""
        return ""

    def one(self, verdict: Verdict) -> str:
        """A line for the input, then its people and remarks."""
        unread = is_unreadable(verdict)
        said = [
            visible(verdict.source),
            _score_and_interval(verdict, verdict),
            _finding(verdict),
            _frames_taken(verdict),
            "" if unread else coverage_in_words(verdict),
        ]
        lines = self._wrapped(f"{label(verdict).upper():<{_LABEL_WIDTH}}", said)
        for line in [*self._people(verdict), *_remarks(verdict)]:
            lines += self._wrapped(_INDENT, line)
        if not unread:
            self._lead = self._lead or _lead(verdict)
            self._legend = _legend(verdict) if any(person.p_fake is not None for person in verdict.people) else self._legend
        lines[0] = self._coloured(verdict.outcome, lines[0])
        return "\n".join(lines) + "\n"

    def end(self, summary: Summary) -> str:
        """The counts if there were several inputs, what the scores mean, and the weights' limits."""
        words = [text for text in (self._legend, self._lead) if text]
        paragraphs = ["\n".join(textwrap.fill(text, self._width(), break_long_words=False) for text in words)]
        if not (self._single and summary.inputs):
            rows = [
                textwrap.fill(value, self._width(), initial_indent=f"  {name:<14}", subsequent_indent=" " * 16)
                for name, value in _counts(summary)
            ]
            paragraphs.insert(0, "\n".join(["Summary", *rows]))
        return "".join(f"\n{paragraph}\n" for paragraph in paragraphs if paragraph)

    def _width(self) -> int:
        """Width of paragraphs."""
        return _WIDTH if self._columns is None else self._columns - 1

    def _wrapped(self, start: str, parts: list[str]) -> list[str]:
        """`start` and the parts, separated by two spaces and wrapped to the terminal with a hanging indent, between parts if possible."""
        lines, parts = [start], [part for part in parts if part]
        for number, part in enumerate(parts):
            gap = "" if lines[-1] in (start, _INDENT) else "  "
            if self._columns is None or len(lines[-1]) + len(gap) + len(part) < self._columns:
                lines[-1] += gap + part
                continue
            room = self._columns - 1 - _LABEL_WIDTH
            # Names are never broken, so that they can be copied.
            pieces = [part] if number == 0 and start.strip() else textwrap.wrap(part, room, break_long_words=False, break_on_hyphens=False)
            if gap:
                lines.append(_INDENT)
            lines[-1] += pieces[0]
            lines += [_INDENT + piece for piece in pieces[1:]]
        return lines

    def _coloured(self, outcome: str, line: str) -> str:
        if not self._colour:
            return line
        word = line[:_LABEL_WIDTH].rstrip()
        return f"{_ANSI[outcome]}{word}{_ANSI_END}{line[len(word) :]}"

    def _people(self, verdict: Verdict) -> list[list[str]]:
        # The first line says everything about a single person with at most one suspicious interval.
        told = 1 if verdict.outcome == "fake" else 0
        if len(verdict.people) < 2 and not any(len(person.segments) > told for person in verdict.people):
            return []
        judged = [(number, person) for number, person in numbered(verdict) if person.frames_judged]
        lines = [
            [f"person {number}: {person.outcome.upper()}", _score_and_interval(person, verdict), *_about(person, verdict.video.is_still)]
            for number, person in judged
        ]
        passers_by = [person for person in verdict.people if not person.frames_judged]
        if passers_by:
            why = "; ".join(spelt_out(tuple(dict.fromkeys(reason for person in passers_by for reason in person.reasons))))
            lines.append([f"{counted(len(passers_by), 'person', 'people')} seen but not judged: {why}"])
        return lines


def _borders(verdict: Verdict) -> tuple[float, ...]:
    """The scores at which the outcome of a person changes."""
    return tuple(border for border in (verdict.operating_point.get("genuine_below"), verdict.threshold) if border is not None)


def _legend(verdict: Verdict) -> str:
    """What the scores of a run mean, and its thresholds; the same for all inputs."""
    below = verdict.operating_point.get("genuine_below", verdict.threshold)
    rate = verdict.operating_point.get("fpr")
    at = "" if rate is None else f", set for {100 * rate:.3g}% false positives"
    places = f"fake from {_number(verdict.threshold)}, genuine below {_number(below)}, undecided between"
    return f"p: probability that the person is fake, and its 90 % interval. {places}{at}."


def _lead(verdict: Verdict) -> str:
    """How far to trust a score: the measured accuracy of these weights, if known."""
    measured = measured_limits(verdict)
    return f"{measured} {_MEASURED_LEAD}" if measured else _LEAD if verdict.checkpoint.get("limits") else ""


def _number(border: float) -> str:
    """To four places as in the JSON, without trailing zeros."""
    return f"{border:.4f}".rstrip("0")


def _counts(summary: Summary) -> list[tuple[str, str]]:
    unreadable = f", of which {summary.unreadable} could not be read" if summary.unreadable else ""
    left_out = f"{counted(summary.left_out, 'file')}, neither video nor picture by name and first bytes"
    return [
        ("inputs", f"{summary.inputs}"),
        ("fake", f"{summary.fake}"),
        ("genuine", f"{summary.genuine}"),
        ("undecided", f"{summary.undecided}{unreadable}"),
        ("partly judged", f"{summary.partial}"),
        ("frames judged", f"{summary.frames_judged}"),
        *([("left out", left_out)] if summary.left_out else []),
        ("time", clock(summary.elapsed_seconds)),
    ]


def _score_and_interval(judged: Verdict | TrackVerdict, verdict: Verdict) -> str:
    if judged.p_fake is None:
        return ""
    text = f"p {score_beside(judged.p_fake, _borders(verdict))}"
    return text if judged.interval is None else f"{text} [{score(judged.interval[0])}-{score(judged.interval[1])}]"


def _times(person: TrackVerdict) -> list[str]:
    return [f"{clock(start)}-{clock(end)}" for start, end in spans(person)]


def _finding(verdict: Verdict) -> str:
    """The rest of an input's line after its score."""
    people = len(verdict.people)
    if verdict.outcome == "undecided":
        # The label already says that a file is missing.
        return "" if label(verdict) == "not found" else "; ".join(spelt_out(verdict.reasons))
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
    """The number of judged frames, if it was not fixed in advance; a genuine input's line always has it."""
    return counted(verdict.video.frames_sampled, "frame") if is_sparse(verdict) and verdict.outcome != "genuine" else ""


def _about(person: TrackVerdict, is_still: bool) -> list[str]:
    frames = counted(person.frames_judged, "frame")
    seen = frames if is_still else f"seen {clock(person.first_seconds)}-{clock(person.last_seconds)}, {frames}"
    suspicious = f"suspicious {', '.join(_times(person))}" if person.segments else ""
    return [suspicious, "; ".join(spelt_out(person.reasons)), seen]


def _remarks(verdict: Verdict) -> list[list[str]]:
    """Reasons that the first line did not give, warnings, and the reader's message."""
    covered = coverage_in_words(verdict)
    reasons = [] if verdict.outcome == "undecided" else [f"{covered}: {why}" for why in spelt_out(verdict.reasons)]
    warnings = [f"note: {why}" for why in spelt_out(verdict.warnings)]
    said = filter(None, [detail(verdict), manifest_line(verdict.provenance)])
    return [[line] for line in [*reasons, *warnings, *said, *stress_lines(verdict)]]
