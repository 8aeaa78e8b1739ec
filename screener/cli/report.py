"""The report command: verifies existing reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from screener.cli.app import CheckpointOption, InOrder, app
from screener.cli.exits import exits
from screener.errors import ExitStatus

report_app = typer.Typer(cls=InOrder, help="Verify existing reports.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(report_app, name="report")

_WORDS = {True: "holds", False: "DIFFERS", None: "unknown"}


@report_app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON or JSON lines of a scan, or the web page of one input.")],
    checkpoint: CheckpointOption = None,
    signature: Annotated[Path | None, typer.Option("--signature", help="Signature of FILE (FILE.sig if it exists).")] = None,
    signer: Annotated[
        Path | None, typer.Option("--signer", help="Expected signer: a public SSH key, or an allowed signers file (man ssh-keygen).")
    ] = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Judge the inputs again with the same settings, and compare.")] = False,
) -> None:
    """Check a report against the hashes of its inputs and the weights, and check its signature.

    Exit status: 0 everything matches, 3 something differs or cannot be checked, 2 could not run, 130 interrupted,
    143 terminated.
    """
    with exits():
        from screener.report import visible
        from screener.scanning.receipt import verified

        every = True
        for finding in verified(file, checkpoint, rerun, signature, signer):
            sys.stdout.write(f"{_WORDS[finding.holds]:<8} {finding.what:<11}{visible(finding.source)}: {visible(finding.words)}\n")
            every &= finding.holds is True or finding.what == "versions"
        sys.exit(ExitStatus.GENUINE if every else ExitStatus.INCOMPLETE)
