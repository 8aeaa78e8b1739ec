"""Counted time and memory: of this process, and of children while they run and afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

from screener.bench.spent import cpu_seconds, peak_bytes, spending

BUSY = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint('busy done', flush=True)\nsys.stdin.read()"


def test_own_work_is_counted() -> None:
    with spending() as spent:
        start = cpu_seconds()
        while cpu_seconds() < start + 0.05:
            pass
    assert spent.cpu_seconds >= 0.05
    assert spent.wall_seconds >= 0.04


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells about children while they live")
def test_a_living_child_is_counted_and_counted_once_when_it_has_ended() -> None:
    with spending() as spent, subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()
        while_alive = cpu_seconds()
        child.communicate()
        assert cpu_seconds() >= while_alive - 0.02
    assert 0.25 <= spent.cpu_seconds < 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells about children while they live")
def test_memory_of_children_is_added() -> None:
    alone = peak_bytes()
    code = "import sys; kept = bytearray(b'x') * (60 << 20); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()
        assert peak_bytes() > alone + (55 << 20)
        child.communicate()
