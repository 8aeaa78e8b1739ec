"""Where the log of a run goes: nowhere, standard error, or a file. Knows Python's logging, not what other packages log."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from screener.errors import OutputError

VerboseOption = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Log to standard error; -vv for details.")]
LogFileOption = Annotated[Path | None, typer.Option("--log-file", help="Append the detailed log to this file.")]

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _OneLine(logging.Formatter):
    """Escapes messages, which may contain any file name, so that only tracebacks span several lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class _LogFile(logging.FileHandler):
    """Says once, in a line, that the log cannot be written any more. The run goes on: its results do not depend on the log."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:
        if not self._told:
            self._told = True
            sys.stderr.write(f"screener: {self.baseFilename}: the log cannot be written any more: {sys.exc_info()[1]}\n")


def log_to(verbose: int, log_file: Path | None, warnings: bool = False) -> None:
    """Start logging. warnings: log warnings and errors to standard error in any case.

    Raises OutputError if the file cannot be written.
    """
    logger = logging.getLogger("screener")
    handlers: list[logging.Handler] = []
    if verbose or warnings:
        handlers.append(logging.StreamHandler())
        handlers[-1].setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
    if log_file is not None:
        try:
            handlers.append(_LogFile(log_file, encoding="utf-8", errors="backslashreplace"))
        except OSError as error:
            raise OutputError(f"{log_file}: cannot be written: {error.strerror}; check the folder and its permissions") from error
    for handler in handlers:
        handler.setFormatter(_OneLine(_FORM))
        logger.addHandler(handler)
    if handlers:
        logger.setLevel(logging.DEBUG)
