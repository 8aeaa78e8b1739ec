"""A fixed number of files with numbered frames, with the truth harness in `scripts/`, which can run for longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from command_line import REPOSITORY, environment

HARNESS = REPOSITORY / "scripts" / "measure_coverage.py"


def measured(script: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "--jobs", "1", *options]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600, check=False)


def test_every_frame_of_a_complete_answer_was_seen() -> None:
    ended = measured(HARNESS, "--only", "plain", "--files", "12")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (total,) = (line.split()[1:] for line in ended.stdout.splitlines() if line.startswith("all "))
    files, complete, *rest = (0 if each == "." else int(each) for each in total)
    assert files == complete + sum(rest) == 12
    assert complete >= 8


def test_a_verdict_that_forgets_its_reasons_is_found_out(tmp_path: Path) -> None:
    """The harness itself: files that were cut short, and an answer that is always complete."""
    gullible = tmp_path / "gullible.py"
    gullible.write_text(
        f"import sys\nsys.path.insert(0, {str(HARNESS.parent)!r})\n"
        "import screener.verdict.judging\nscreener.verdict.judging.coverage_of = lambda facts: 'complete'\n"
        "import measure_coverage\n"
        "if __name__ == '__main__':\n    sys.exit(measure_coverage.main())\n",
        encoding="utf-8",
    )
    kept = tmp_path / "kept"
    ended = measured(gullible, "--only", "cut short", "--files", "6", "--keep", str(kept))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "false complete: seed 1, number " in ended.stdout
    assert any(kept.iterdir())


def test_a_kind_that_does_not_exist_is_refused() -> None:
    ended = measured(HARNESS, "--only", "edit lists")
    assert ended.returncode == 2
    assert "no kind is called so" in ended.stderr
