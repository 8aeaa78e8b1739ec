"""`scan --cluster local:2` on this machine: the rows of a plain scan; the same command again goes on; stopped, it says so."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from cluster_runs import by_name
from command_line import run_command, run_here, start_command

needs_ray = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("ray", "obstore", "pyarrow")), reason="the extra `cluster` is not installed"
)
FEW = ("--frames", "5", "--jsonl")


@needs_ray
def test_rows_are_those_of_a_plain_scan(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = ("scan", inputs, "-o", tmp_path / "out", "--cluster", "local:2", "--shard-videos", "3", "--checkpoint", checkpoint, *FEW)
    ended = run_command(*run)
    assert ended.status == 3, ended.err
    plain = run_here("scan", inputs, "--checkpoint", checkpoint, *FEW)
    expected = by_name(json.loads(line) for line in plain.out.splitlines())
    assert by_name(json.loads(line) for line in ended.out.splitlines()) == expected
    assert len(expected) == 10
    again = run_here(*run)  # needs no Ray: everything is there
    assert by_name(json.loads(line) for line in again.out.splitlines()) == expected
    assert "10 of 10 inputs were judged before" in again.err


@needs_ray
@pytest.mark.long
def test_a_run_that_is_stopped_gives_its_shards_back_and_goes_on(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = ("scan", inputs, "-o", tmp_path / "out", "--cluster", "local:2", "--shard-videos", "2", "--checkpoint", checkpoint, *FEW)
    stopped = start_command(*run)
    assert stopped.stdout is not None
    assert stopped.stdout.readline()
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=120)
    assert stopped.returncode == 130, err
    early = re.search(r"interrupted after (\d+) of 10 inputs; the same command judges the rest", err)
    assert early is not None, err
    status = run_here("cluster", "status", tmp_path / "out").out
    assert "0 workers heard of lately" in status
    ended = run_command(*run)
    assert ended.status == 3, ended.err
    assert int(re.search(r"(\d+) of 10 inputs were judged before", ended.err)[1]) >= int(early[1])  # type: ignore[index]
    assert len(by_name(json.loads(line) for line in ended.out.splitlines())) == 10
    status = run_here("cluster", "status", tmp_path / "out")
    assert status.out.startswith("inputs    10 of 10 judged\n")


def test_what_a_stopped_worker_had_judged_goes_on_on_another_machine(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
    out, first, second = tmp_path / "out", tmp_path / "first", tmp_path / "second"
    assert run_here("scan", inputs, "-o", out, "--cluster", "plan", "--checkpoint", checkpoint, *FEW).status == 0
    worker = start_command("cluster", "work", out, "--scratch", first)
    ends = time.monotonic() + 120
    while time.monotonic() < ends and not done_lines(first):
        time.sleep(0.01)
    worker.send_signal(signal.SIGTERM)
    _, err = worker.communicate(timeout=120)
    assert worker.returncode == 143, err
    before = done_lines(first)
    assert 0 < len(before) < 10
    assert run_here("cluster", "work", out, "--scratch", second).status == 0
    from screener.cluster.opening import opened
    from screener.cluster.results import finished_shards, verdicts

    run = opened(str(out))
    timings = {verdict.source: verdict.timing_seconds for _, verdict in verdicts(run.store, run.ledger, finished_shards(run.ledger)[0])}
    assert len(timings) == 10
    assert {name: timings[name] for name in before} == before  # so they were not judged again
    assert list(second.glob("*")) == []
    assert list(run.store.listed("saved/")) == []


def done_lines(scratch: Path) -> dict[str, dict[str, float]]:
    """Name -> timings of what the journals of a worker hold."""
    lines = [
        json.loads(line) for path in scratch.glob("*/*.journal") for line in path.read_text().splitlines(keepends=True) if "\n" in line
    ]
    return {line["verdict"]["source"]: line["verdict"]["timing_seconds"] for line in lines if line.get("event") == "done"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--cluster", "local:1"), "name the place of the run with -o"),
        (("--cluster", "local:1", "-o", "out", "--report", "pages"), "--report: is not written by runs on many machines"),
        (("--cluster", "local:1", "-o", "out", "--workers", "banana"), "--workers: belongs to scans on this machine"),
        (("--shard-videos", "3"), "--shard-videos: belongs to runs on many machines"),
        (("--dry-run",), "--dry-run: belongs to runs on many machines"),
        (("--max-attempts", "0"), "--max-attempts: belongs to runs on many machines"),
        (("--cluster", "local:1", "-o", "out", "--engine", "net.onnx"), "a file of this machine is not there on others"),
        (("--cluster", "ray://host:1", "-o", "out"), "run the command on a node of the cluster"),
        (("--cluster", "host:6379", "-o", "out"), "there is no token for it"),
    ],
)
def test_what_cannot_be_is_refused_with_advice(
    arguments: tuple[str, ...], told: str, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    ended = run_here("scan", media, *arguments)
    assert ended.status == 2
    assert told in ended.err


@pytest.mark.parametrize("missing", ["obstore", "ray"])
def test_without_its_packages_it_says_how_to_install_them(
    missing: str, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing == "ray":
        pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
    monkeypatch.setitem(sys.modules, missing, None)
    ended = run_here("scan", media, "--cluster", "local:1", "-o", tmp_path / "out")
    assert ended.status == 2
    assert "pip install 'screener-video[cluster]'" in ended.err
