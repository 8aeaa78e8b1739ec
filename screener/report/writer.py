"""What every streaming report has in common: the contract `Writer`. Knows no format."""

from __future__ import annotations

from typing import Protocol

from screener.records import Verdict
from screener.report.summary import Summary


class Writer(Protocol):
    """A report that grows input by input. Each call returns the next piece of text, to be written at once; joined they are the report.

    `begin` is called once before the first verdict, `one` for each, and `end` once after the last, also when a run was cut short: what
    has been returned by then is a sound document of its format.
    """

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        """inputs: how many the run was asked for, None when that is not known. colour: whether the text may hold ANSI colours.

        columns: of the terminal that shows it, None where it goes elsewhere.
        """

    def begin(self) -> str:
        """What comes before the first verdict."""
        ...

    def one(self, verdict: Verdict) -> str:
        """The text of one input."""
        ...

    def end(self, summary: Summary) -> str:
        """What comes after the last verdict."""
        ...
