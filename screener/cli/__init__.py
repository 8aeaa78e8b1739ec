"""Arguments in, text and an exit status out: parse, call the library, print, exit. The only package that prints or exits.

One module per command, listed in `commands`. `app` is the Typer application that they register with, `exits` maps errors to exit statuses.
Only the module of the command that is called is imported, and heavy libraries inside its function, so that each starts quickly.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NoReturn

from screener.cli.app import app, stops
from screener.cli.commands import COMMANDS
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
        called = [argument for argument in sys.argv[1:] if not argument.startswith("-")][:1]
        # A shell that completes a line runs the program without arguments, and asks by a variable of the environment.
        completes = any(name.endswith("_COMPLETE") for name in os.environ)
        with_commands(COMMANDS if completes else called)(prog_name="screener")
    sys.exit(ExitStatus.GENUINE)


def with_commands(names: Iterable[str] = COMMANDS) -> Any:
    """The Typer application with these commands; of the others it knows only the names and first sentences."""
    app.registered_commands[:] = [known for known in app.registered_commands if known.callback is not _not_imported]
    for name in names:
        if name in COMMANDS:
            import_module(f"{__name__}.{COMMANDS[name][0]}")
    registered: list[Any] = [*app.registered_commands, *app.registered_groups]
    there = {known.name or known.callback.__name__ for known in registered}
    for name, (_, sentence) in COMMANDS.items():
        if name not in there:
            app.command(name, help=sentence)(_not_imported)
    return app


def _not_imported() -> None:
    """Stands for the command of a module that is not imported."""
