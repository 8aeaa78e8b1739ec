"""`Writer`, the interface of every streaming report. Knows no format."""

from __future__ import annotations

from typing import Protocol

from screener.records import Verdict
from screener.report.summary import Summary


class Writer(Protocol):
    """A report that is written input by input. Each call returns the next piece of text, to be written immediately.

    `begin` is called once before the first verdict, `one` for each, and `end` once after the last, also if the run was interrupted. The
    pieces together are a valid document of the format.
    """

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None:
        """inputs: number of inputs of the run, None if unknown. colour: whether the text may contain ANSI colours.

        columns: width of the terminal, None if the output is not one.
        """

    def begin(self) -> str:
        """The text before the first verdict."""
        ...

    def one(self, verdict: Verdict) -> str:
        """The text of one input."""
        ...

    def end(self, summary: Summary) -> str:
        """The text after the last verdict."""
        ...
