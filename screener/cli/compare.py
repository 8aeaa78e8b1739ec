"""The compare command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.cli.app import app
from screener.cli.configuration import scan_settings
from screener.cli.exits import exits
from screener.cli.overwriting import refuse_overwriting
from screener.errors import ExitStatus, SettingsError

if TYPE_CHECKING:
    from screener.comparison import Comparison

_EXITS = {"identical": ExitStatus.GENUINE, "same": ExitStatus.GENUINE, "replaced": ExitStatus.FAKE}


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="One file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other, such as the presumed original.")],
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write there instead of standard output.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="A web page with the faces side by side, as this file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Compare two files of one scene: what is the same, cut, or shown with another face.

    Exit status: 0 the same, 1 a face was replaced, 3 cut, different or undecided, 2 could not run, 130 interrupted,
    143 terminated.
    """
    with exits():
        refuse_overwriting({"-o": output, "--report": report}, [a, b])
        for option, path in (("-o", output), ("--report", report)):
            if path is not None and path.is_dir():
                raise SettingsError(f"{option} {path}: is a folder; name a file")
        from screener.comparison import compare as hold
        from screener.runtime.files import require_place

        for path in filter(None, (output, report)):
            require_place(path)
        counter = _Counter(quiet)
        found = hold(a, b, scan_settings(None, {}), counter)
        counter.clear()
        _write(found, json_, output, report, quiet)
        sys.exit(_EXITS.get(found.outcome, ExitStatus.INCOMPLETE))


def _write(found: Comparison, as_json: bool, output: Path | None, report: Path | None, quiet: bool) -> None:
    from screener.comparison.page import write_comparison_page
    from screener.comparison.wording import as_text
    from screener.report import Output, visible
    from screener.runtime.files import write_whole

    text = found.to_json(indent=2) + "\n" if as_json else as_text(found)
    if output is None:
        Output(sys.stdout, "standard output").write(text)
    else:
        write_whole(output, text)
    if report is not None:
        write_comparison_page(found, report)
        if not quiet:
            sys.stderr.write(f"screener: report: {visible(str(report))}\n")


class _Counter:
    """Prints the reading progress now and then, on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()

    def __call__(self, name: str, frames: int) -> None:
        if self._shown and frames % 50 == 0:
            from screener.report import visible

            sys.stderr.write(f"\r{visible(name)}: {frames} pictures\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Erase the progress line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
