"""Ctrl-C, SIGTERM and a terminal that is closed during a run: the exit status shows it, and everything finished is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import start_command
from face_media import portrait, write_clip
from jsonschema import Draft202012Validator

from screener.report import load_schema

GONE_WITHIN_SECONDS = 30.0
"""Generous: an idle machine needs about one."""


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes minutes when every frame of it is judged."""
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", lambda number: portrait(number % 16), frames=1500)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Send a signal to all processes of the command, as a terminal does, and see every one of them end."""
    os.killpg(process.pid, number)
    try:
        out, err = process.communicate(timeout=GONE_WITHIN_SECONDS)
        for _ in range(100):
            if not group_lives(process.pid):
                break
            time.sleep(0.1)
        assert not group_lives(process.pid), "a decoding process is left behind"
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    return out, err


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def assert_finished(row: dict[str, Any]) -> None:
    Draft202012Validator(load_schema()).validate(row)
    assert (row["source"].endswith("face.png"), row["coverage"]) == (True, "complete")


def test_interrupt_keeps_the_finished_rows_in_a_whole_document(media: Path, endless: Path, checkpoint: Path, tmp_path: Path) -> None:
    result, pages = tmp_path / "result.json", tmp_path / "pages"
    options = ["--json", "-o", result, "--report", pages, "--all-frames", "--checkpoint", checkpoint]
    process = start_command("scan", media / "face.png", endless, *options)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("[1/2] ")
    assert not result.exists()
    time.sleep(1.0)  # into the middle of the long clip
    assert process.poll() is None
    _, err = stop(process, signal.SIGINT)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.endswith("screener: interrupted after 1 of 2 inputs; the result lacks the rest; with --resume a run can go on\n")
    document = json.loads(result.read_text(encoding="utf-8"))
    assert_finished(document["inputs"][0])
    assert (len(document["inputs"]), document["summary"]["inputs"]) == (1, 1)
    assert sorted(path.name[:4] for path in pages.iterdir()) == ["face", "inde"]
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_right_after_a_row_keeps_that_row(media: Path, endless: Path, checkpoint: Path, number: signal.Signals) -> None:
    process = start_command("scan", media / "face.png", endless, "--jsonl", "--all-frames", "--checkpoint", checkpoint)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("[1/2] ")
    out, err = stop(process, number)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert "screener: terminated after 1 of 2 inputs" in err
    (line,) = out.splitlines()
    assert_finished(json.loads(line))
