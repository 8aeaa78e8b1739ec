"""`scan --cluster --gpu-scorers N` with scorers on cores: the rows of a plain scan, whichever scorers and decoders die on the way."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cluster_runs import by_name
from command_line import run_command, run_here, start_command

from screener.errors import SettingsError

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("ray", "obstore", "pyarrow")), reason="the extra `cluster` is not installed"
)
PATIENCE_SECONDS = 120
SCORED = ("--device", "cpu", "--frames", "5", "--jsonl")


class Running:
    """A run under way, as its output store tells of it."""

    def __init__(self, out: Path, driver: subprocess.Popen[str]) -> None:
        self.out, self.driver = out, driver
        self._pool = ThreadPoolExecutor(1)
        self._printed = self._pool.submit(driver.communicate)  # read all the time, or it would wait for a reader

    def ended(self, seconds: float = PATIENCE_SECONDS) -> tuple[str, str]:
        """What it has written to standard output and standard error, once it has ended."""
        printed = self._printed.result(seconds)
        self._pool.shutdown()
        return printed

    def scorers(self) -> list[int]:
        """Processes that are ready to score."""
        found = [self._read(path).get("workers", []) for path in self.out.glob("scorers/driver-*")]
        return [int(name.rpartition("-")[2]) for names in found for name in names]

    def decoders(self) -> list[int]:
        """Processes that hold shards which are not done."""
        held = [path for path in self.out.glob("leases/*") if not (self.out / "done" / f"{path.name.partition('.')[0]}.json").exists()]
        return [int(self._read(path)["worker"].rsplit("-", 2)[1]) for path in held if not list(self.out.glob(f"ends/{path.name}.*"))]

    def until(self, holds: Any, what: str) -> Any:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not (found := holds()):
            assert self.driver.poll() is None, f"the run ended before there was {what}: {self.ended()[1]}"
            assert time.monotonic() < ends, f"there never was {what}"
            time.sleep(0.02)
        return found

    def _read(self, path: Path) -> dict[str, Any]:
        with suppress(OSError, ValueError):  # it is being written
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        return {"worker": "gone-0-0"}


def rows(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_rows_are_those_of_a_plain_scan_though_the_scorer_dies(inputs: Path, checkpoint: Path, tmp_path: Path) -> None:
    out, weights = tmp_path / "out", ("--checkpoint", checkpoint)
    driver = start_command(
        "scan", inputs, "-o", out, "--cluster", "local:2", "--gpu-scorers", "1", "--shard-videos", "5", "-v", *weights, *SCORED
    )
    running = Running(out, driver)
    (scorer,) = running.until(running.scorers, "a scorer")
    running.until(running.decoders, "a worker with inputs")
    os.kill(scorer, signal.SIGKILL)
    told = run_here("cluster", "status", out)
    assert "scorers   1 of 1 ready\n" in told.out
    printed, err = running.ended()
    assert driver.returncode == 3, err
    assert re.search(rf"scoring worker \S+-{scorer} died, and is started again", err), err
    found = rows(printed)
    assert len(found) == 10
    assert by_name(found) == by_name(rows(run_here("scan", inputs, *weights, *SCORED).out))
    assert list(out.glob("ends/*")) == []  # nothing was judged twice, and no input is blamed
    assert list(out.glob("scorers/*")) == []
    assert "scorers" not in run_here("cluster", "status", out).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--cluster", "plan", "-o", "out"), "--gpu-scorers: needs Ray"),
        (("--cluster", "local:2", "-o", "out", "--device", "mps"), "--gpu-scorers: Ray hands out no device mps"),
        ((), "--gpu-scorers: belongs to runs on many machines"),
    ],
)
def test_what_cannot_be_is_refused_before_ray_is_started(
    arguments: tuple[str, ...], told: str, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run_here("scan", media, "--gpu-scorers", "2", *arguments)
    assert (ended.status, list(tmp_path.iterdir())) == (2, [])
    assert told in ended.err


@pytest.mark.parametrize(("device", "each"), [("cpu", "3 cores"), ("auto", "one GPU"), ("cuda", "one GPU")])
def test_a_trial_says_what_would_score(device: str, each: str, media: Path, tmp_path: Path) -> None:
    asked = ("--cluster", "auto", "--gpu-scorers", "2", "--actor-cpus", "3", "--device", device, "--dry-run")
    ended = run_here("scan", media, "-o", tmp_path / "out", *asked)
    assert (ended.status, ended.out[-42:]) == (0, f"1 file left out; scored by 2 scorers, on {each} each\n"[-42:])
    assert not (tmp_path / "out").exists()


class Small:
    """What a cluster of two nodes says of itself."""

    exceptions = type("exceptions", (), dict.fromkeys(("RayActorError", "WorkerCrashedError"), Exception))

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 3.0, "GPU": 1.0}}, {"Alive": True, "Resources": {"CPU": 3.0}}, {"Alive": False}]

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 6.0, "GPU": 1.0}


@pytest.mark.parametrize(
    ("device", "count", "cores", "told"),
    [
        ("auto", 2, 1, "--gpu-scorers 2: the cluster has 1 GPU, and each takes one; ask for fewer, or begin another run with --device cpu"),
        ("cpu", 6, 1, "--gpu-scorers 6: the cluster has 6 CPUs, and each takes 1, as does a worker that decodes"),
        ("cpu", 2, 2, "--gpu-scorers 2: the cluster has 6 CPUs, and each takes 2"),  # three cores hold one of two
    ],
)
def test_more_scorers_than_the_cluster_can_hold_are_refused_at_once(
    device: str, count: int, cores: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cluster_runs import plan_of, run_of
    from obstore.store import MemoryStore

    from screener.cluster import scorer_pool
    from screener.cluster.stores import Store

    monkeypatch.setattr(scorer_pool, "LOST", ("RayActorError", "WorkerCrashedError"))
    store = Store(MemoryStore(), "memory:///out")
    plan = plan_of(store, ["1.mp4"], scan={"device": device}, gpu_scorers=count, actor_cpus=cores)
    with pytest.raises(SettingsError, match=re.escape(told)):
        scorer_pool.ScorerPool(Small(), run_of(store, plan), plan.cluster_settings, None)


def test_workers_larger_than_every_machine_are_refused_at_once() -> None:
    """Ray would wait for a larger machine without end, and the run with it."""
    from cluster_runs import plan_of, run_of
    from obstore.store import MemoryStore

    from screener.cluster.driving import Drive
    from screener.cluster.stores import Store

    store = Store(MemoryStore(), "memory:///out")
    drive = Drive(run_of(store, plan_of(store, ["1.mp4"], actor_cpus=4)), None, lambda *told: None, lambda progress: None)
    drive.take_stock()
    with pytest.raises(SettingsError, match="--actor-cpus 4: the cluster's largest machine has 3 CPUs; ask for fewer"):
        drive.run(Small())


@pytest.mark.parametrize(("cores", "nodes"), [(3, Small().nodes()), (4, [{"Alive": False, "Resources": {"CPU": 8.0}}])])
def test_workers_that_a_machine_has_room_for_or_that_may_still_be_given_one_are_not_refused(
    cores: int, nodes: list[dict[str, Any]]
) -> None:
    from cluster_runs import plan_of, run_of
    from obstore.store import MemoryStore

    from screener.cluster.driving import Drive
    from screener.cluster.stores import Store

    cluster = Small()
    cluster.nodes = lambda: nodes  # type: ignore[method-assign]
    store = Store(MemoryStore(), "memory:///out")
    # Nothing is taken in, so that the run ends at once.
    Drive(run_of(store, plan_of(store, ["1.mp4"], actor_cpus=cores)), None, lambda *told: None, lambda progress: None).run(cluster)


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--gpu-scorers", "1"), "the cluster has 0 GPUs, and each takes one"),
        (("--gpu-scorers", "2", "--device", "cpu"), "the cluster has 2 CPUs, and each takes 1, as does a worker that decodes"),
    ],
)
def test_a_run_whose_command_asks_for_too_many_ends_with_2_and_is_finished_without(
    asked: tuple[str, ...], told: str, media: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = ("scan", media, "-o", tmp_path / "out", "--cluster", "local:2", "--checkpoint", checkpoint, *asked[2:])
    ended = run_command(*run, *asked[:2])
    assert ended.status == 2
    assert told in ended.err
    ended = run_command(*run, "--jsonl")
    assert len(rows(ended.out)) == 3, ended.err


@pytest.mark.long
def test_scorers_that_others_leave_no_room_for_or_whose_card_is_none_end_the_run(media: Path, tmp_path: Path) -> None:
    """On a cluster whose nodes say that they have cards."""
    from ray_nodes import ray_nodes

    with ray_nodes(0) as nodes:
        import ray  # which reads its settings now

        nodes.nodes.append(nodes.cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=80 << 20, include_dashboard=False))
        asked = ("scan", media, "--cluster", nodes.address, "--gpu-scorers", "1", "-o")
        ended = run_command(*asked, tmp_path / "none")
        assert ended.status == 2
        assert "a scoring worker cannot work: device cuda: not available to PyTorch" in ended.err
        ray.init(address=nodes.address, logging_level="ERROR")
        try:
            assert ray.util.placement_group([{"GPU": 1}]).wait(PATIENCE_SECONDS)  # somebody else's
            ended = run_command(*asked, tmp_path / "used")
        finally:
            ray.shutdown()
        assert ended.status == 2
        assert "--gpu-scorers 1: others have used the GPUs for 60 s; ask for fewer" in ended.err


@pytest.mark.long
def test_twenty_kills_of_scorers_and_decoders_at_random_moments(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Drawn by a seed; every fifth is a SIGSTOP, after which a process is alive to the system and nobody hears of it."""
    rng = random.Random(20)
    folder, out, config = tmp_path / "in", tmp_path / "out", tmp_path / "settings.toml"
    config.write_text("[screener.cluster]\nlease_seconds = 6\n")
    clips(folder, media, 300)
    asked = (*SCORED, "--checkpoint", checkpoint, "--config", config)
    driver = start_command(
        "scan",
        folder,
        "-o",
        out,
        "--cluster",
        "local:4",
        "--gpu-scorers",
        "2",
        "--shard-videos",
        "10",
        "--max-attempts",
        "40",
        "-v",
        *asked,
    )
    running = Running(out, driver)
    killed = {"scorer": 0, "decoder": 0}
    while sum(killed.values()) < 20:
        what = rng.choice(["scorer", "decoder"])
        pids = running.until(running.scorers if what == "scorer" else running.decoders, f"a {what}")
        time.sleep(rng.uniform(0.0, 2.0))
        with suppress(ProcessLookupError):
            os.kill(rng.choice(pids), signal.SIGSTOP if sum(killed.values()) % 5 == 4 else signal.SIGKILL)
            killed[what] += 1
    printed, err = running.ended(900)
    assert driver.returncode in (1, 3, 0), err
    found = rows(printed)
    assert len(found) == 300
    plain = by_name(rows(run_command("scan", folder, *asked).out))
    assert by_name(found) == plain
    assert min(killed.values()) > 5, killed


def clips(folder: Path, media: Path, count: int) -> Path:
    """So many files of the same video, each of another size, as those of one size lie in one shard: an atom at the end says nothing."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.mp4").write_bytes((media / "one.mp4").read_bytes() + (8 + number).to_bytes(4, "big") + b"free" + bytes(number))
    return folder


@pytest.mark.long
def test_a_lost_driver_and_the_lost_node_of_a_scorer_cost_no_row(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    from ray_nodes import ray_nodes

    folder, out, asked = clips(tmp_path / "in", media, 60), tmp_path / "out", (*SCORED, "--checkpoint", checkpoint)
    with ray_nodes(3) as nodes:
        command = ("scan", folder, "-o", out, "--cluster", nodes.address, "--gpu-scorers", "1", "--max-actors", "1", "--shard-videos", "5")
        first = Running(out, start_command(*command, *asked))
        first.until(lambda: list(out.glob("done/*")), "a shard")
        gone = first.scorers()
        first.driver.kill()
        first.ended()
        before = len(list(out.glob("done/*")))
        driver = start_command(*command, "-v", *asked)
        again = Running(out, driver)
        (scorer,) = again.until(lambda: set(again.scorers()) - set(gone), "a scorer of the second driver")
        again.until(lambda: len(list(out.glob("done/*"))) > before, "a shard of the second driver")
        raylet = int(Path(f"/proc/{scorer}/stat").read_text().rpartition(")")[2].split()[1])
        held = [node.all_processes["raylet"][0].process.pid for node in nodes.nodes]
        nodes.kill(held.index(raylet))
        printed, err = again.ended(300)
    assert driver.returncode in (0, 1, 3), err
    assert f"-{scorer} died, and is started again" in err
    found = rows(printed)
    assert len(found) == 60
    assert by_name(found) == by_name(rows(run_command("scan", folder, *asked).out))


@pytest.mark.long
def test_a_deadline_ends_the_worker_that_decodes_and_not_the_scorer(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "settings.toml", tmp_path / "out"
    config.write_text("[screener.cluster]\ndeadline_seconds = 0.01\n")
    asked = ("--shard-videos", "2", "--max-attempts", "2", "--config", config, "--checkpoint", checkpoint, "-v", *SCORED)
    ended = run_command("scan", clips(tmp_path / "in", media, 2), "-o", out, "--cluster", "local:2", "--gpu-scorers", "1", *asked)
    assert [row["reasons"] for row in rows(ended.out)] == [["decoder_crash"]] * 2, ended.err
    assert len(list(out.glob("ends/*.died"))) == 5  # both together, and then each twice
    assert "scoring worker" not in ended.err
