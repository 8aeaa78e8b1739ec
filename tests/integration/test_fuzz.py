"""A fixed number of damaged files, with the fuzzer in `scripts/`, which can run endlessly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from command_line import REPOSITORY, environment

FUZZER = REPOSITORY / "scripts" / "fuzz.py"


def fuzz(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FUZZER), *options]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600, check=False)


def test_no_mutant_crashes_hangs_or_passes_for_whole() -> None:
    ended = fuzz("--seed", "1", "--mutants", "230")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (total,) = (line.split()[1:] for line in ended.stdout.splitlines() if line.startswith("all "))
    mutants, complete, partial, none, crash, hang, false_complete = map(int, total)
    assert mutants == 230 == complete + partial + none
    assert (crash, hang, false_complete) == (0, 0, 0)
    assert partial > 100 and none > 10


def test_a_reader_that_believes_everything_is_found_out(tmp_path: Path) -> None:
    """The fuzzer itself: a reader that forgets its reasons must make it fail."""
    gullible = tmp_path / "gullible.py"
    gullible.write_text(
        f"import runpy, sys\nsys.path.insert(0, {str(FUZZER.parent)!r})\n"
        "import screener.verdict.judging\nscreener.verdict.judging.coverage_of = lambda facts: 'complete'\n"
        f"sys.argv[0] = {str(FUZZER)!r}\nrunpy.run_path({str(FUZZER)!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(gullible), "--mutants", "46"]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "false complete: seed 1, number" in ended.stdout


def test_only_some_kinds_are_damaged_and_as_many_mutants_as_asked_for() -> None:
    ended = fuzz("--only", "moving.gif", "--mutants", "2")
    rows = {line.rsplit(maxsplit=7)[0]: line.split()[-7] for line in ended.stdout.splitlines() if line.strip()}
    assert rows["moving.gif"] == rows["all"] == "2"
    wrong = fuzz("--only", "h265")
    assert wrong.returncode == 2
    assert "no file is called so" in wrong.stderr
