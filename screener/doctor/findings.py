"""Runs checks independently of each other and shows the findings. Does not know what is checked."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from screener.errors import ScreenerError

WIDTH = 110
"""Columns of the table."""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    ok: False makes the whole examination fail. detail: what was found. advice: what to do if something is wrong or missing.
    optional: something that screener can do without; such a finding is always ok, and its detail says what is missing.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""
    optional: bool = False


class Fault(Exception):
    """A check found something wrong. advice: what to do about it, if different from the check's own advice."""

    def __init__(self, detail: str, advice: str = "") -> None:
        super().__init__(detail)
        self.advice = advice


class Examination:
    """Runs checks and keeps their findings, in order."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def check(self, name: str, examine: Callable[[], str], advice: str, *, optional: bool = False, needs: Sequence[str] = ()) -> None:
        """Run one check. examine: returns the detail if all is well; anything it raises becomes a finding with the advice.

        needs: names of earlier checks without which this one would only repeat their failure.
        """
        failed = [finding.name for finding in self.findings if finding.name in needs and not finding.ok]
        if failed:
            self.findings.append(Finding(name, False, f"not tried, for it needs: {', '.join(failed)}"))
            return
        with self.guarded(name, advice, optional):
            self.findings.append(Finding(name, True, examine(), optional=optional))

    @contextmanager
    def guarded(self, name: str, advice: str, optional: bool = False) -> Iterator[None]:
        """Turn anything raised inside into a finding."""
        try:
            yield
        except Exception as error:
            own_advice = error.advice if isinstance(error, Fault) else ""
            self.findings.append(Finding(name, optional, _message(error), own_advice or advice, optional))


def render(findings: Sequence[Finding]) -> str:
    """A table of the findings, advice under those that need it, and a summary line."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = [line for finding in findings for line in _lines(finding, width)]
    return "\n".join([*lines, "", _summary(findings)]) + "\n"


def _lines(finding: Finding, name_width: int) -> list[str]:
    mark = "! FAIL" if not finding.ok else "- note" if finding.optional and finding.advice else "+ ok  "
    head = f"{mark}  {finding.name:<{name_width}}  "
    margin = " " * len(head)
    lines = _wrapped(finding.detail, head, margin)
    return lines + (_wrapped(finding.advice, margin + "-> ", margin + "   ") if finding.advice else [])


def _wrapped(text: str, first: str, following: str) -> list[str]:
    # Messages of other libraries may contain anything; escaped, they cannot manipulate the terminal.
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in " ".join(text.split()))
    return textwrap.wrap(
        printable or "-", WIDTH, initial_indent=first, subsequent_indent=following, break_long_words=False, break_on_hyphens=False
    )


def _summary(findings: Sequence[Finding]) -> str:
    wrong = [finding.name for finding in findings if not finding.ok]
    if wrong:
        return (
            f"{len(wrong)} of {len(findings)} checks failed ({', '.join(wrong)}): trust no result from this machine until they are mended."
        )
    return f"All {len(findings)} checks passed: screener works on this machine."


def _message(error: Exception) -> str:
    if isinstance(error, (Fault, ScreenerError)):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
