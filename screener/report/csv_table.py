"""The report as a CSV table (RFC 4180): a fixed header and one row per input, or one per person.

Names are kept unchanged, line breaks included, in quotes. Does not know the stream it is written to.
"""

from __future__ import annotations

from collections.abc import Iterable

from screener.records import TrackVerdict, Verdict
from screener.report.summary import Summary
from screener.report.wording import numbered

Cell = str | int | float | None

COLUMNS = (
    "source",
    "outcome",
    "p_fake",
    "interval_low",
    "interval_high",
    "threshold",
    "coverage",
    "reasons",
    "warnings",
    "people",
    "duration_seconds",
    "frames_decoded",
    "frames_judged",
    "decode_errors",
    "sha256",
)
"""The header. Reasons and warnings share a cell, separated by spaces; an unknown value is an empty cell."""

PEOPLE_COLUMNS = (
    "source",
    "person",
    "outcome",
    "p_fake",
    "interval_low",
    "interval_high",
    "threshold",
    "coverage",
    "reasons",
    "first_seconds",
    "last_seconds",
    "frames_seen",
    "frames_judged",
    "face_px_median",
    "suspicious",
)
"""The header of the table of people. person: from 1, as in every report. suspicious: intervals such as 2.1-7.4, in seconds.

An input without people has one row with an empty person, so that every input appears."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet may evaluate a cell that starts with one of these, including the full-width forms.

Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
"""


class CsvWriter:
    """One row per input. Text that a spreadsheet could evaluate as a formula is prefixed with an apostrophe; numbers are unchanged."""

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        pass

    def begin(self) -> str:
        """The names of the columns."""
        return row_of(COLUMNS)

    def one(self, verdict: Verdict) -> str:
        """One row."""
        return row_of(_row(verdict))

    def end(self, summary: Summary) -> str:
        """Nothing: a table has no summary."""
        return ""


class PeopleCsvWriter(CsvWriter):
    """One row per person."""

    def begin(self) -> str:
        """The names of the columns."""
        return row_of(PEOPLE_COLUMNS)

    def one(self, verdict: Verdict) -> str:
        """A row for each person, or a single row if there are no people."""
        rows = [_person_row(verdict, number, person) for number, person in numbered(verdict)]
        nobody: tuple[Cell, ...] = (*_of_input(verdict, None, verdict.outcome, None, None), " ".join(verdict.reasons), *(None,) * 6)
        return "".join(map(row_of, rows or [nobody]))


def row_of(cells: Iterable[Cell]) -> str:
    """A line of the table."""
    return ",".join(map(_cell, cells)) + "\n"


def _of_input(verdict: Verdict, number: int | None, outcome: str, p_fake: float | None, interval: list[float] | None) -> tuple[Cell, ...]:
    low, high = interval or (None, None)
    return verdict.source, number, outcome, p_fake, low, high, verdict.to_dict()["threshold"], verdict.coverage


def _person_row(verdict: Verdict, number: int, person: TrackVerdict) -> tuple[Cell, ...]:
    public = person.to_dict()
    stretches = " ".join(f"{s['start_seconds']}-{s['end_seconds']}" for s in public["segments"])
    times = (public["first_seconds"], public["last_seconds"], public["frames_seen"], public["frames_judged"], public["face_px_median"])
    head = _of_input(verdict, number, person.outcome, public["p_fake"], public["interval"])
    return (*head, " ".join(person.reasons), *times, stretches)


def _row(verdict: Verdict) -> tuple[Cell, ...]:
    """In the order of `COLUMNS`, with the numbers of the public JSON."""
    public = verdict.to_dict()
    low, high = public["interval"] or (None, None)
    video = public["video"]
    return (
        verdict.source,
        verdict.outcome,
        public["p_fake"],
        low,
        high,
        public["threshold"],
        verdict.coverage,
        " ".join(verdict.reasons),
        " ".join(verdict.warnings),
        len(verdict.people),
        video["duration_seconds"],
        video["frames_decoded"],
        video["frames_judged"],
        video["decode_errors"],
        verdict.sha256,
    )


def _cell(value: Cell) -> str:
    """Quoted here, because before Python 3.13 `csv.writer` does not quote a lone carriage return, which most readers take as a new row."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    # Lone surrogates, which represent bytes that are not UTF-8, cannot be encoded in a text file, so they are escaped.
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    if text.startswith(_FORMULA_STARTS):
        text = "'" + text
    # Some spreadsheets part a line at semicolons or tabs, after which a formula could begin.
    if any(c in text for c in ',;\t"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
