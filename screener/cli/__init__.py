"""Arguments in, text and an exit status out: parse, call the library, print, exit. The only package that prints or exits.

One module per command, with the command's name. `app` is the Typer application that they register with, `exits` maps errors to exit
statuses. Heavy libraries are imported inside the commands, so that `--help` is fast.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

# Importing a command registers it.
from screener.cli import (  # noqa: F401
    audit,
    bench,
    calibrate,
    cluster,
    compare,
    config,
    evaluate,
    export,
    extract,
    inspect,
    live,
    report,
    scan,
    serve,
    train,
)
from screener.cli.app import app, stops
from screener.cli.exits import exits
from screener.cli.standard_streams import flushed, mend
from screener.errors import ExitStatus

STOPPED = (ExitStatus.INTERRUPTED, ExitStatus.TERMINATED)


def run() -> NoReturn:
    """Entry point of the `screener` command: `main`, then exit without cleanup.

    Unloading the numerical libraries takes about a second, which nobody should have to wait for after Ctrl-C.
    """
    status: int = ExitStatus.GENUINE
    mend()
    try:
        main()
    except SystemExit as end:
        stops.ignore()  # a second Ctrl-C during the libraries' cleanup would only print errors
        status = end.code if isinstance(end.code, int) else ExitStatus.COULD_NOT_RUN if end.code else ExitStatus.GENUINE
    atexit._run_exitfuncs()
    if not flushed() and status not in STOPPED:
        status = ExitStatus.COULD_NOT_RUN
    os._exit(status)


def main() -> NoReturn:
    """Run the command. Always raises SystemExit."""
    stops.listen()
    with exits():
        app(prog_name="screener")
    sys.exit(ExitStatus.GENUINE)
