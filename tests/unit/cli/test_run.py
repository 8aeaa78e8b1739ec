"""How the `screener` command exits."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SIGNALLED = """
import atexit, os, sys
from screener.cli import run
number = int(sys.argv.pop())
atexit.register(lambda: os.kill(os.getpid(), number))
atexit.register(lambda: print("tidied", file=sys.stderr))
sys.argv.append("version")
run()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_libraries_tidy_up_changes_nothing(number: int) -> None:
    ended = subprocess.run([sys.executable, "-c", SIGNALLED, str(int(number))], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "tidied\n")
