"""The report as JSON lines: one object per input, written as soon as it is judged, and nothing else, so that files can be appended to."""

from __future__ import annotations

from screener.records import Verdict
from screener.report.summary import Summary


class JsonLinesWriter:
    """Each line is the public JSON of one input. There is no summary, so that all lines have the same form."""

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        pass

    def begin(self) -> str:
        """Nothing: lines can be appended to a file."""
        return ""

    def one(self, verdict: Verdict) -> str:
        """One line of JSON."""
        return verdict.to_json() + "\n"

    def end(self, summary: Summary) -> str:
        """Nothing: every line has the same form."""
        return ""
