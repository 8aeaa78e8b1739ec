"""The report as a CSV table (RFC 4180): a fixed header and one row per input.

Names are kept whole, line breaks included, within quotes. Does not know the stream it is written to.
"""

from __future__ import annotations

from screener.records import Verdict
from screener.report.summary import Summary

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
"""The header. Reasons and warnings are several words in one cell, separated by spaces; what is not known is an empty cell."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet may run a cell that starts with one of these, the full-width forms included.

Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
"""


class CsvWriter:
    """Text that a spreadsheet could take for a formula gets an apostrophe in front; numbers are never touched."""

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        pass

    def begin(self) -> str:
        """The names of the columns."""
        return ",".join(COLUMNS) + "\n"

    def one(self, verdict: Verdict) -> str:
        """One row."""
        return ",".join(_cell(value) for value in _row(verdict)) + "\n"

    def end(self, summary: Summary) -> str:
        """Nothing: a table has no summary."""
        return ""


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
    """Quoted by hand: `csv.writer` leaves a lone carriage return bare before Python 3.13, which splits the row for most readers."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    # Lone surrogates, which stand for bytes that are not UTF-8, have no form in a text file: they are spelt out.
    text = value.encode("utf-8", "backslashreplace").decode("utf-8")
    if text.startswith(_FORMULA_STARTS):
        text = "'" + text
    if any(c in text for c in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
