"""Robustness as text for a terminal and as a section of a page.

Knows figures and words. Does not know streams or files.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader

from screener.evaluation.figures import Figure
from screener.evaluation.plots import NEEDS_MATPLOTLIB, can_draw
from screener.evaluation.robustness import AS_IT_IS, Condition, Robustness
from screener.evaluation.robustness_plots import robustness_charts
from screener.evaluation.wording import between, number, percent, signed
from screener.perturbation.kinds import PERTURBATIONS
from screener.report.html import page_environment
from screener.report.wording import capitalised, counted

HEADINGS = ("", "AUC", "95 %", "change", "95 %", "fakes caught", "reals flagged", "coverage")

NOTE = (
    "AUC: over what could be judged, with its change against the same items as they are. Fakes caught and reals flagged: shares of all, "
    "with the outcome fake. * where the interval of the change leaves out zero."
)


def robustness_text(robustness: Robustness) -> str:
    """The table of all conditions, ending in a line break."""
    clean = robustness.clean
    title = f"{capitalised(robustness.subject)} against reals: {counted(clean.fakes, 'fake')} and {counted(clean.reals, 'real')}"
    groups = [[_cells(AS_IT_IS, clean)]]
    groups += [[_cells(_name(kind, condition), condition) for condition in robustness.of(kind)] for kind in robustness.kinds]
    rows = [row for group in groups for row in group]
    widths = [max(len(row[column]) for row in [HEADINGS, *rows]) for column in range(len(HEADINGS))]
    lines = [title, "", _line(HEADINGS, widths)]
    for group in groups:
        lines += [_line(row, widths) for row in group]
        lines.append("")
    return "\n".join([*lines, NOTE]) + "\n"


def robustness_section(robustness: Robustness) -> str:
    """Table and curves as a `<section>` for the page of an evaluation; everything in it is escaped."""
    tables = [(capitalised(PERTURBATIONS[kind].words), [robustness.clean, *robustness.of(kind)]) for kind in robustness.kinds]
    template = _environment().get_template("robustness.html.j2")
    charts = robustness_charts(robustness)
    return template.render(found=robustness, tables=tables, charts=charts, missing="" if can_draw() else NEEDS_MATPLOTLIB, note=NOTE)


def _name(kind: str, condition: Condition) -> str:
    return f"{PERTURBATIONS[kind].words} {condition.strength}: {condition.parameter}"


def _cells(name: str, condition: Condition) -> tuple[str, ...]:
    return (
        name,
        number(condition.auc.value),
        between(condition.auc.interval, places=2),
        changed(condition.change),
        _range(condition.change),
        shared(condition.caught),
        shared(condition.flagged),
        shared(condition.coverage),
    )


def changed(change: Figure) -> str:
    """A difference with its sign, and a star if its interval excludes zero; empty if undefined."""
    clear = change.interval is not None and not change.interval[0] <= 0 <= change.interval[1]
    return "" if change.value is None else signed(change.value) + ("*" if clear else " ")


def shared(figure: Figure) -> str:
    """A share in per cent; `-` if undefined."""
    return "-" if figure.value is None else percent(figure.value)


def _range(change: Figure) -> str:
    return "" if change.interval is None else f"{change.interval[0]:+.2f} to {change.interval[1]:+.2f}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join([cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]).rstrip()


@cache
def _environment() -> Environment:
    environment = page_environment(PackageLoader("screener.evaluation", "templates"))
    environment.filters |= {"number": number, "between": between, "changed": changed, "shared": shared, "capitalised": capitalised}
    return environment
