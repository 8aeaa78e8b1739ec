"""kill -9 during a batch, and the same command again: the same result as an uninterrupted run, and nothing judged twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import run_here
from face_media import landscape, portrait, write_clip, write_picture
from prepared_command import start_prepared

PICTURES = 8
MOMENT = r"\d{4}-\d\d-\d\d(?:<span>)? \d\d:\d\d UTC"
TIMES = re.compile(
    r'"timing_seconds": \{[^}]*\}|"elapsed_seconds": [\d.]+|"scanned_at": "[^"]*"|\n  time +\S+|<dt>Time: .*?</dd>|' + MOMENT, re.DOTALL
)
"""Whatever a report says of when it was made and how long it took."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with and without a face, a clip, a file that is cut short, one that is none, and a copy."""
    folder = tmp_path_factory.mktemp("batch")
    for number in range(PICTURES):
        write_picture(folder / f"{chr(97 + number)}-picture.png", portrait(number) if number % 3 else landscape(128 + number))
    whole = write_clip(folder / "m-clip.mp4", options={"movflags": "faststart"}).read_bytes()
    (folder / "n-cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    (folder / "o-text.mp4").write_text("no video\n" * 30, encoding="utf-8")
    (folder / "p-copy.mp4").write_bytes(whole)
    return folder


def command(inputs: Path, checkpoint: Path, folder: Path, *options: str | Path) -> list[str | Path]:
    return ["scan", inputs, "-o", folder / "rows", "--report", folder / "pages", "--frames", "4", "--checkpoint", checkpoint, *options]


def kill_after(arguments: list[str | Path], lines: int) -> bool:
    """Kill the command, and it alone, once it has said so much; False when it was done before."""
    process = start_prepared(*arguments)
    assert process.stderr is not None
    for _ in range(lines):
        if not process.stderr.readline():
            break
    process.send_signal(signal.SIGKILL)
    killed = process.wait() == -signal.SIGKILL
    process.communicate()
    for _ in range(100):
        if not _group_lives(process.pid):
            return killed
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("a decoding process outlives the command")


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def written(folder: Path) -> dict[str, str]:
    """Every file but the journal, without the times."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".journal":
            found[path.relative_to(folder).as_posix()] = TIMES.sub("", path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(("form", "kills"), [("--jsonl", (0, 2, 7)), ("--json", (7,)), ("--csv", (2,)), (None, (5,))])
def test_a_batch_that_is_killed_again_and_again_ends_like_a_quiet_one(
    inputs: Path, checkpoint: Path, tmp_path: Path, form: str | None, kills: tuple[int, ...]
) -> None:
    """kills: after how many lines of progress each."""
    quiet, disturbed = tmp_path / "quiet", tmp_path / "disturbed"
    quiet.mkdir()
    disturbed.mkdir()
    forms = [form] if form else []
    status = run_here(*command(inputs, checkpoint, quiet, *forms)).status
    arguments = command(inputs, checkpoint, disturbed, *forms, "--resume")
    for lines in kills:
        assert kill_after(arguments, lines)
        assert not (disturbed / "rows").exists()
    again = run_here(*arguments)
    assert again.status == status, again
    assert written(disturbed) == written(quiet)
    assert "inputs were judged before and taken from" in again.err
    lines_of = [json.loads(line) for line in (disturbed / "rows.journal").read_text().splitlines()]
    done = [(line["key"], line["verdict"]["source"]) for line in lines_of if line.get("event") == "done"]
    assert len(done) == len(set(done)) == PICTURES + 4


def test_two_runs_on_one_journal_are_refused(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    arguments = command(inputs, checkpoint, tmp_path, "--jsonl", "--resume")
    first = start_prepared(*arguments)
    assert first.stderr is not None
    assert first.stderr.readline().startswith("[1/")
    # It cannot have come to its end: what it says next would have to be read first, or the other is not refused, which is seen.
    os.kill(first.pid, signal.SIGSTOP)
    try:
        refused = run_here(*arguments)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
    assert "another run is keeping this journal" in refused.err
    _, rest = first.communicate(timeout=300)
    assert first.returncode in (1, 3), rest


def test_an_interrupted_run_goes_on(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    arguments = command(inputs, checkpoint, tmp_path, "--jsonl", "--resume")
    process = start_prepared(*arguments)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("[1/")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    finished = len((tmp_path / "rows").read_text().splitlines())
    assert finished >= 1
    again = run_here(*arguments)
    assert again.status in (1, 3)
    assert len((tmp_path / "rows").read_text().splitlines()) == PICTURES + 4
    assert f"screener: {finished} of {PICTURES + 4} inputs were judged before" in again.err


def test_a_journal_beside_nothing_is_refused(inputs: Path) -> None:
    ended = run_here("scan", inputs, "--resume")
    assert ended.status == 2
    assert "--journal" in ended.err
    ended = run_here("scan", inputs, "-o", inputs / "x", "--journal", inputs / "x")
    assert ended.status == 2
    assert not (inputs / "x").exists()


def test_a_report_folder_that_cannot_hold_more_ends_the_run(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    """A limit on the size of every file stands for a full disk; the journal is written, the pages are not."""
    arguments = [str(item) for item in command(inputs, checkpoint, tmp_path, "--jsonl")]
    script = f"ulimit -f 8; exec {sys.executable} -m screener " + " ".join(f"'{item}'" for item in arguments)
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == 2, ended.stderr
    assert "cannot be written: File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(path.read_text().rstrip().endswith("</html>") for path in (tmp_path / "pages").iterdir())
    assert not (tmp_path / "rows").exists()
