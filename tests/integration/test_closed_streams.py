"""Commands started without standard input, output or error, as by services: the usual result, or an error if it cannot be delivered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import FAILS_ALL, PASSES_ALL, environment

API = """
import sys, screener
settings = screener.ScanSettings(threshold=float(sys.argv[3]), frames=5, device="cpu", dtype="float32")
verdict = screener.scan(sys.argv[1], settings, sys.argv[2])
open(sys.argv[4], "w").write(f"{verdict.outcome} {verdict.coverage} {' '.join(verdict.reasons)}")
"""

LIVE_API = """
import sys, screener
settings = screener.LiveSettings(threshold=float(sys.argv[3]), device="cpu", dtype="float32", min_seconds=0.1)
with screener.live(sys.argv[1], settings, sys.argv[2]) as watch:
    for update in watch:
        pass
open(sys.argv[4], "w").write(f"{watch.verdict.coverage} {watch.verdict.video.frames_judged > 0}")
"""


def run(arguments: Sequence[str | Path], closed: Sequence[int]) -> subprocess.CompletedProcess[str]:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    return subprocess.run(
        [sys.executable, *map(os.fspath, arguments)], env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, preexec_fn=close, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("closed", "status"), [((0,), 1), ((1,), 0), ((2,), 1), ((0, 2), 0), ((0, 1, 2), 1)], ids=str)
def test_a_scan_into_a_file_answers_as_ever(media: Path, checkpoint: Path, tmp_path: Path, closed: tuple[int, ...], status: int) -> None:
    rows, threshold = tmp_path / "rows.jsonl", FAILS_ALL if status else PASSES_ALL
    options = ["--jsonl", "-o", rows, "--resume", "--report", tmp_path / "pages", "--frames", "5", "--threshold", str(threshold)]
    ended = run(["-m", "screener", "scan", media / "one.mp4", media / "face.png", *options, "--checkpoint", checkpoint], closed)
    assert ended.returncode == status, ended
    found = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    assert [(row["outcome"], row["coverage"], row["reasons"]) for row in found] == [("fake" if status else "genuine", "complete", [])] * 2


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2)], ids=str)
def test_a_result_that_cannot_be_delivered_is_never_taken_for_one(media: Path, checkpoint: Path, closed: tuple[int, ...]) -> None:
    options = ["--frames", "5", "--threshold", str(PASSES_ALL), "--checkpoint", checkpoint]
    ended = run(["-m", "screener", "scan", media / "one.mp4", *options], closed)
    assert ended.returncode == (2 if 1 in closed else 0), ended
    assert 1 in closed or "GENUINE" in ended.stdout
    assert 2 in closed or 1 not in closed or "standard output: cannot be written" in ended.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["version"], ["weights", "show"], ["--no-such-option"]], ids=str)
def test_no_command_without_its_output_says_fake_or_genuine(arguments: list[str]) -> None:
    assert run(["-m", "screener", *arguments], (1,)).returncode == 2


def test_a_full_disk_behind_standard_output_is_no_success() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        for arguments in (["version"], ["--help"]):
            ended = subprocess.run([sys.executable, "-m", "screener", *arguments], env=environment(), stdout=full, check=False)
            assert ended.returncode == 2


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize(("script", "expected"), [(API, "genuine complete "), (LIVE_API, "complete True")], ids=["scan", "live"])
def test_the_python_interface_answers_as_ever(
    media: Path, checkpoint: Path, tmp_path: Path, closed: tuple[int, ...], script: str, expected: str
) -> None:
    answer = tmp_path / "answer"
    run(["-c", script, media / "one.mp4", checkpoint, str(PASSES_ALL), answer], closed)
    assert answer.read_text(encoding="utf-8") == expected


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("options", [(), ("--log-file", "/dev/full", "-q")])
def test_messages_that_cannot_be_delivered_change_no_answer(options: tuple[str, ...], media: Path, checkpoint: Path) -> None:
    arguments = ["-m", "screener", "scan", media / "one.mp4", "--checkpoint", checkpoint, "--threshold", str(PASSES_ALL), "--device", "cpu"]
    with open("/dev/full", "w") as full:
        command = [sys.executable, *map(os.fspath, arguments), *options]
        target = subprocess.PIPE if options else full
        ended = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=target, text=True, timeout=300, check=False)
    assert (ended.returncode, ended.stdout.split()[0]) == (0, "GENUINE")
    if options:
        assert ended.stderr.startswith("screener: /dev/full: the log cannot be written any more: ") and ended.stderr.count("\n") == 1
