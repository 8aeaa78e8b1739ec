"""The audit command: leaks between a data set's splits, and facts other than the face that separate real from fake."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.cli.app import app
from screener.cli.exits import exits
from screener.cli.labelled_data import read_labelled

if TYPE_CHECKING:
    from screener.datasets import LabelledItem
    from screener.datasets.audit import AuditReport, Confound
    from screener.datasets.audit.incidental_facts import OnProgress

MOST_EXAMPLES = 5
"""Most examples of each kind of leak in the table; `--json` lists all."""

WIDEST_VALUE = 28


@app.command()
def audit(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder or CSV manifest of labelled videos or pictures.")],
    layout: Annotated[str | None, typer.Option("--layout", help="Layout of DATA on disk; detected by default.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 2 if there is a leak or a fact predicts the label.")] = False,
    bound: Annotated[float | None, typer.Option("--bound", help="AUC from which a fact counts as predicting the label (0.65).")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Audit labelled data before training: leaks between splits, and facts other than the face that predict the label.

    Exit status: 0 audited, 2 could not run, or with --strict a leak or a fact that predicts the label was found.
    """
    with exits():
        from screener.datasets.audit import audit as audit_items
        from screener.datasets.audit import require_clean
        from screener.settings.audit import AuditSettings

        settings = AuditSettings() if bound is None else AuditSettings(auc_bound=bound)
        items, _ = read_labelled(data, layout)
        with _progress(quiet) as on_progress:
            report = audit_items(items, settings, on_progress)
        sys.stdout.write(json.dumps(report.to_dict(), indent=2) + "\n" if json_ else _table(report))
        sys.stdout.flush()
        require_clean(report, strict)


StrictOption = Annotated[bool, typer.Option("--strict", help="Stop if the audit finds a leak, or a fact that predicts the label.")]
AuditOption = Annotated[bool, typer.Option("--audit/--no-audit", help="Look for leaks first; see `screener audit`.")]


def warn_of_leaks(items: list[LabelledItem], strict: bool, quiet: bool) -> None:
    """Audit before training: print warnings on standard error, or with `strict` raise DatasetError."""
    from screener.datasets.audit import audit as audit_items
    from screener.datasets.audit import require_clean

    with _progress(quiet) as on_progress:
        report = audit_items(items, on_progress=on_progress)
    show_warnings(require_clean(report, strict))


def show_warnings(warnings: list[str]) -> None:
    """Print the warnings of an audit on standard error, one per line."""
    from screener.report.wording import visible

    sys.stderr.write("".join(f"WARNING: {visible(warning)}\n" for warning in warnings))
    sys.stderr.flush()


@contextmanager
def _progress(quiet: bool) -> Iterator[OnProgress | None]:
    """A bar on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _table(report: AuditReport) -> str:
    from screener.datasets.audit.confounds import EVERYWHERE
    from screener.report.wording import visible

    lines = _head(report)
    if report.leaks:
        lines += ["", "Leaks", *_leak_rows(report)]
    for scope in dict.fromkeys(confound.scope for confound in report.confounds):
        rows = [confound for confound in report.confounds if confound.scope == scope]
        lines += ["", *_confound_rows("all files" if scope == EVERYWHERE else scope, rows, report.settings.auc_bound)]
    if not report.judged_together:
        lines += ["", "The facts were tested one at a time; install scikit-learn to test them together as well."]
    lines += ["", *(f"WARNING: {warning}" for warning in report.warnings)]
    lines += [] if report.warnings else ["Nothing found that would invalidate training or testing."]
    return "".join(visible(line) + "\n" for line in lines)


def _head(report: AuditReport) -> list[str]:
    from screener.datasets.audit.audit_report import FAKE, REAL

    lines = [f"{report.counted(REAL):,} real and {report.counted(FAKE):,} fake files"]
    if not report.splits:
        return [*lines, "no splits are given: copies in different groups count as leaks, because a split would separate them"]
    for split in (*report.splits, ""):
        real, fake = report.files.get((split, REAL), 0), report.files.get((split, FAKE), 0)
        if real or fake:
            lines.append(f"  {split or 'no split':<12}{real:>9,} real {fake:>9,} fake")
    return lines


def _leak_rows(report: AuditReport) -> Iterator[str]:
    from screener.datasets.audit import KINDS
    from screener.datasets.audit.audit_report import counted, example

    counts = Counter(leak.kind for leak in report.leaks)
    for kind in (name for name in KINDS if name in counts):
        yield f"  {counted(counts[kind], *KINDS[kind].words)}"
        for leak in [leak for leak in report.leaks if leak.kind == kind][:MOST_EXAMPLES]:
            yield f"    {example(leak)}" + (f"  {leak.correlation:.2f}" if leak.correlation < 1 else "")
        if counts[kind] > MOST_EXAMPLES:
            yield f"    and {counts[kind] - MOST_EXAMPLES:,} more"


def _confound_rows(title: str, rows: list[Confound], bound: float) -> Iterator[str]:
    yield f"{title}: how well each fact separates fake from real (AUC; 0.50 is chance)"
    yield f"  {'':<18}{'AUC':>5}  {'95 %':<12}{'in reals':<{WIDEST_VALUE}}  in fakes"
    for row in rows:
        low, high = row.interval
        real, fake = (_fitted(value) for value in row.typical)
        mark = f"  <- {bound:.2f} or more" if row.stands_out(bound) else ""
        yield f"  {row.fact:<18}{row.auc:>5.2f}  {f'{low:.2f}-{high:.2f}':<12}{real:<{WIDEST_VALUE}}  {fake}{mark}".rstrip()


def _fitted(value: str) -> str:
    from screener.report.wording import shortened

    return shortened(value, WIDEST_VALUE)
