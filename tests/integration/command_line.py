"""Runs the real command: in a separate process, or in this one to avoid importing PyTorch again."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from screener.cli import main
from screener.runtime.stop_signals import SIGNALS

REPOSITORY = Path(__file__).resolve().parents[2]

JUDGED_FRAMES = 5
"""Of a clip: few, but enough for a verdict."""

NEVER_DECIDES = 0.10
"""The false-positive rate at which the tests' checkpoint calls every person undecided."""

AS_MANY = ("--engine", "torch")
"""Scores one input as several are scored, and as a server does: by PyTorch, which one input alone does not wait for."""

PASSES_ALL, FAILS_ALL = 0.999, 0.001
"""Thresholds that no face of these tests reaches, and that all do."""


@dataclass(frozen=True)
class Ended:
    """status: exit status. out, err: what was written to standard output and standard error."""

    status: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """This process's, with the package to be found from any folder, and one thread: on busy cores two mostly wait for each other."""
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


def start_command(
    *arguments: str | Path, cwd: Path | None = None, kind: type[subprocess.Popen[str]] = subprocess.Popen
) -> subprocess.Popen[str]:
    """`python -m screener ARGUMENTS` at the head of a process group of its own, with interrupts as a terminal's shell would leave them.

    kind: what starts the process.
    """
    return kind(
        [sys.executable, "-m", "screener", *map(os.fspath, arguments)],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def run_command(*arguments: str | Path, cwd: Path | None = None) -> Ended:
    """The command in a process of its own, to its end."""
    process = start_command(*arguments, cwd=cwd)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def run_here(*arguments: str | Path) -> Ended:
    """The command in this process, through the entry point that `screener` calls."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["screener", *map(os.fspath, arguments)]),
        mock.patch.dict(os.environ, {"COLUMNS": "200"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        try:
            main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Ended(int(end.value.code or 0), out.getvalue(), err.getvalue())
