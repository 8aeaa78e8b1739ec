"""Where the log of a run goes: nowhere, standard error, a file. Knows Python's logging; what is logged is for the rooms that log."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from screener.errors import OutputError

VerboseOption = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Log to standard error what is done; -vv in detail.")]
LogFileOption = Annotated[Path | None, typer.Option("--log-file", help="Add the log, in detail, to this file.")]

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _OneLine(logging.Formatter):
    """Messages name files, and a file may be called anything: nothing but a traceback breaks a line or hides."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        text = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def log_to(verbose: int, log_file: Path | None, warnings: bool = False) -> None:
    """Have screener's log written from now on. warnings: those, and what is worse, go to standard error in any case.

    Raises OutputError where the file cannot be written.
    """
    logger = logging.getLogger("screener")
    handlers: list[logging.Handler] = []
    if verbose or warnings:
        handlers.append(logging.StreamHandler())
        handlers[-1].setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG))
    if log_file is not None:
        try:
            handlers.append(logging.FileHandler(log_file, encoding="utf-8", errors="backslashreplace"))
        except OSError as error:
            raise OutputError(f"{log_file}: cannot be written: {error.strerror}; check the folder and its permissions") from error
    for handler in handlers:
        handler.setFormatter(_OneLine(_FORM))
        logger.addHandler(handler)
    if handlers:
        logger.setLevel(logging.DEBUG)
