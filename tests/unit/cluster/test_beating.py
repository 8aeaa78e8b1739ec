"""A worker that hangs ends itself, even where it hangs in a library that lets nothing else run; one that works is left alone."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
pytest.importorskip("pyarrow", reason="the extra `cluster` is not installed")

WORKER = """
import ctypes, time
from obstore.store import MemoryStore
from screener.cluster.beating import beating
from screener.cluster.ledger import Lease, Ledger
from screener.cluster.stores import Store

ledger = Ledger(Store(MemoryStore(), "memory:///out"), 1, 60.0)
with beating(ledger, Lease("000000", 1), deadline={deadline}) as watch:
    for number in range(3):
        watch.start(f"{{number}}.mp4")
        {work}
        watch.done(None)
print("done", watch.rows)
"""


def ended(deadline: float, work: str) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(WORKER).format(deadline=deadline, work=work)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_a_worker_that_hangs_ends_and_says_where() -> None:
    # `PyDLL` keeps the interpreter's lock, as a library does that hangs inside of it.
    hung = ended(1.0, "ctypes.PyDLL(None).sleep(50)")
    assert hung.returncode == 1
    assert "Timeout (0:00:01)!" in hung.stderr
    assert hung.stdout == ""


def test_an_input_that_waits_for_others_has_its_time_once_more_and_no_time_begins_between_two() -> None:
    first = "* (number == 0)"
    waits = f"time.sleep(0.55 {first}); watch.again(); time.sleep(0.55 {first}); watch.done(None); watch.rows -= 1"
    assert ended(1.0, f"{waits}; watch.again(); time.sleep(1.1 {first})").stdout == "done 3\n"


def test_every_input_has_the_whole_time() -> None:
    assert ended(1.0, "time.sleep(0.4)").stdout == "done 3\n"
