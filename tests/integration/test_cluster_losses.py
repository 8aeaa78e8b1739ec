"""A run on a real Ray cluster of three nodes loses actors, nodes and its driver, and every input has exactly one row."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cluster_runs import plan_of, reasons, run_of
from ray_nodes import Nodes, ray_nodes

from screener.cluster.ledger import Lease
from screener.cluster.opening import Run
from screener.cluster.stores import open_store

# Ray reads its settings when it is imported, so it is only looked for here.
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("ray", "obstore", "pyarrow")), reason="the extra `cluster` is not installed"
)

NODES = 3
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_nodes(NODES) as running:
        yield running


def begun(folder: Path, names: list[str], **cluster: Any) -> Run:
    store = open_store(str(folder), make=True)
    cluster = {"lease_seconds": 3.0, **cluster}  # less, and workers on a busy machine would not be heard of
    return run_of(store, plan_of(store, names, **cluster), str(folder))


def names(count: int) -> list[str]:
    return [f"{number}.mp4" for number in range(count)]


def finished(driver: subprocess.Popen[str]) -> None:
    out, err = driver.communicate(timeout=PATIENCE_SECONDS)
    assert driver.returncode == 0, err
    assert out == "done\n"


def actor_pids(run: Run) -> list[int]:
    """Of the workers that hold shards now, as their names say."""
    survey = run.ledger.survey()
    held = [shard for shard in survey.leaves() if shard not in survey.done and survey.of(shard).open]
    holders = [run.ledger.holder(Lease(shard, survey.of(shard).attempts))["worker"] for shard in held]
    return [int(worker.rsplit("-", 2)[1]) for worker in holders]


def until_begun(run: Run, driver: subprocess.Popen[str], rows: int = 1) -> list[int]:
    """Wait until so many shards are done and somebody judges; who does."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends and driver.poll() is None:
        pids = actor_pids(run)
        if pids and len(run.ledger.survey().done) >= rows:
            return pids
        time.sleep(0.05)
    raise AssertionError(f"nothing is judged: {driver.communicate()[1] if driver.poll() is not None else 'the driver runs'}")


def test_the_driver_a_node_and_actors_are_lost_and_every_input_has_one_row(nodes: Nodes, tmp_path: Path) -> None:
    run = begun(tmp_path, [*names(120), "poison.mp4"], shard_videos=2)
    driver = nodes.start_driver(str(tmp_path))
    until_begun(run, driver)
    driver.kill()
    driver.communicate()
    before = len(run.ledger.survey().done)
    assert 0 < before < 50
    again = nodes.start_driver(str(tmp_path))
    until_begun(run, again, before + 1)
    nodes.kill(0)
    pids = until_begun(run, again, before + 2)
    kill(pids[0], signal.SIGKILL)
    kill(pids[-1], signal.SIGSTOP)  # alive to Ray, and not heard of
    finished(again)
    nodes.add()
    found = reasons(run)
    assert len(found) == 121
    assert found.pop("poison.mp4") == ("decoder_crash",)
    assert set(found.values()) == {()}
    assert [entry["source"] for entry in run.ledger.quarantined()] == ["memory:///in/poison.mp4"]


@pytest.mark.long
def test_neither_a_lost_driver_nor_a_lost_node_is_held_against_an_input(nodes: Nodes, tmp_path: Path) -> None:
    run = begun(tmp_path, names(120))
    driver = nodes.start_driver(str(tmp_path))
    until_begun(run, driver)
    driver.kill()
    driver.communicate()
    again = nodes.start_driver(str(tmp_path))
    until_begun(run, again, len(run.ledger.survey().done))
    nodes.kill(0)
    finished(again)
    nodes.add()
    assert len(reasons(run)) == 120
    ends = [item.key for item in run.store.listed("ends/")]
    assert ends
    assert [key for key in ends if not key.endswith(".released")] == []


@pytest.mark.long
def test_a_disk_that_is_full_ends_the_run_and_the_next_one_goes_on(nodes: Nodes, tmp_path: Path) -> None:
    run = begun(tmp_path, [*names(40), "full.mp4"])
    driver = nodes.start_driver(str(tmp_path))
    _, err = driver.communicate(timeout=PATIENCE_SECONDS)
    assert driver.returncode != 0
    assert "OutputError: the disk is full" in err
    survey = run.ledger.survey()
    assert survey.done
    assert all(survey.of(shard).deaths == 0 for shard in survey.leaves())


def kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it was faster
        os.kill(pid, number)


@pytest.mark.long
def test_fifty_kills_at_random_moments(nodes: Nodes, tmp_path: Path) -> None:
    """Of actors, nodes and drivers, drawn by a seed; three inputs kill whoever judges them besides."""
    rng = random.Random(18)
    poison = {f"poison{number}.mp4" for number in range(3)}
    run = begun(tmp_path, [*names(6000), *poison], shard_videos=16, max_attempts=12)
    driver = nodes.start_driver(str(tmp_path))
    killed: dict[str, int] = {"actor": 0, "node": 0, "driver": 0}
    while sum(killed.values()) < 50:
        pids = until_begun(run, driver, 0)
        time.sleep(rng.uniform(0.0, 2.0))
        target = rng.choice(["actor", "actor", "node", "driver"])
        if target == "actor":
            kill(rng.choice(pids), signal.SIGKILL)
        elif target == "node":
            nodes.kill(rng.randrange(NODES))
            nodes.add()
        else:
            driver.kill()
            driver.communicate()
            driver = nodes.start_driver(str(tmp_path))
        killed[target] += 1
    driver.communicate(timeout=1200)
    found = reasons(run)
    assert len(found) == 6003
    assert {name for name, why in found.items() if why} == poison
    assert min(killed.values()) > 5, killed
