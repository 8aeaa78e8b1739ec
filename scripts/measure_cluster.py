"""What judging on many machines costs over judging on one: CPU time, throughput, scorers, memory of the driver, going on, a lost node.

    python scripts/measure_cluster.py CLIPS [cpu] [throughput] [scorers] [resume] [memory] [loss]

CLIPS: a folder of videos. CPU time is that of every process that a command starts, Ray's own included, read from /proc (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TICK = os.sysconf("SC_CLK_TCK")
MARK = "SCREENER_MEASURED"
MANY, FEW = 1_000_000, 10_000


@dataclass(frozen=True)
class Spent:
    """cpu: seconds of all its processes. own_mb: the most memory of the command itself."""

    seconds: float
    cpu: float
    own_mb: float
    rows: int


def run(*arguments: str | Path, threads: int | None = None) -> Spent:
    """A command to its end. Raises RuntimeError if it could not run."""
    mark = secrets.token_hex(8)
    environment = {**os.environ, MARK: mark, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, counting(mark) as counted:
        process = subprocess.Popen(
            [sys.executable, "-m", "screener", *map(str, arguments)], stdout=out, stderr=subprocess.PIPE, env=environment
        )
        _, err = process.communicate()
        seconds = time.monotonic() - began
        out.seek(0)
        rows = sum(1 for _ in out)
    if process.returncode not in (0, 1, 3):
        raise RuntimeError(err.decode())
    return Spent(seconds, sum(counted.cpu.values()), counted.peaks.get(process.pid, 0.0), rows)


class Counted:
    """CPU seconds and the most memory of each process with the mark, as last seen."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._known: dict[int, bool] = {}
        self.cpu: dict[tuple[int, str], float] = {}
        self.peaks: dict[int, float] = {}

    def look(self) -> None:
        for name in os.listdir("/proc"):
            if name.isdigit():
                self._look_at(int(name))

    def _look_at(self, pid: int) -> None:
        try:
            if not self._known.get(pid):
                self._known[pid] = self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if self._known[pid]:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self.cpu[pid, fields[19]] = (int(fields[11]) + int(fields[12])) / TICK
                peak = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
                self.peaks[pid] = max(self.peaks.get(pid, 0.0), int(peak[0].split()[1]) / 1024) if peak else self.peaks.get(pid, 0.0)
        except OSError:
            pass  # it has ended


@contextmanager
def counting(mark: str) -> Iterator[Counted]:
    counted, over = Counted(mark), threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            counted.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counted
    finally:
        over.set()
        thread.join()


def cpu(clips: Path, folder: Path) -> None:
    """One actor against a plain scan, on one core each."""
    plain = run("scan", clips, "--jsonl", "-q", threads=1)
    actor = run("scan", clips, "-o", folder / "one", "--cluster", "local:1", "--jsonl", "-q", threads=1)
    text = folder / "text.mp4"
    text.write_text("no video")
    nothing = run("scan", text, "-o", folder / "none", "--cluster", "local:1", "--jsonl", "-q", threads=1)
    assert plain.rows == actor.rows
    print(f"plain scan        {plain.cpu:8.1f} s CPU  {plain.seconds:8.1f} s  {plain.rows} inputs")
    print(f"one actor         {actor.cpu:8.1f} s CPU  {actor.seconds:8.1f} s  ratio {actor.cpu / plain.cpu:.3f} (at most 1.10)")
    print(f"of that, for an input that is none: {nothing.cpu:.1f} s CPU, {nothing.seconds:.1f} s")


def throughput(clips: Path, folder: Path) -> None:
    """Two actors of one core against one of two."""
    two = run("scan", clips, "-o", folder / "two", "--cluster", "local:2", "--shard-videos", "8", "--jsonl", "-q")
    wide = run("scan", clips, "-o", folder / "wide", "--cluster", "local:2", "--actor-cpus", "2", "--shard-videos", "8", "--jsonl", "-q")
    print(f"two actors of one core   {two.rows / two.seconds:6.3f} inputs a second, {two.cpu:.1f} s CPU")
    ratio = wide.seconds / two.seconds
    print(
        f"one actor of two cores   {wide.rows / wide.seconds:6.3f} inputs a second, {wide.cpu:.1f} s CPU; ratio {ratio:.3f} (at least 1.15)"
    )


def scorers(clips: Path, folder: Path) -> None:
    """One actor that decodes and a scorer, on one core each, against one actor that does both, and against two of those."""
    ways = {
        "one actor, which scores": ("local:1",),
        "one actor and one scorer": ("local:2", "--gpu-scorers", "1"),
        "two actors, which score": ("local:2",),
    }
    found = {}
    for number, (name, asked) in enumerate(ways.items()):
        asked = ("-o", str(folder / str(number)), "--cluster", *asked, "--device", "cpu", "--shard-videos", "8", "--jsonl", "-q")
        spent = found[name] = run("scan", clips, *asked)
        print(f"{name:25} {spent.rows / spent.seconds:6.3f} inputs a second, {spent.cpu:6.1f} s CPU, {spent.rows} inputs")
    alone, apart = list(found.values())[:2]
    print(f"a scorer of its own: CPU time {apart.cpu / alone.cpu:.3f}, throughput {alone.seconds / apart.seconds:.3f} of one actor's")


def resume(clips: Path, folder: Path) -> None:
    """The same command where one input in a hundred is left."""
    out = folder / "most"
    whole = run("scan", clips, "-o", out, "--cluster", "local:1", "--shard-videos", "1", "--jsonl", "-q", threads=1)
    left = max(1, whole.rows // 100)
    for shard in sorted((out / "done").iterdir())[:left]:
        shard.unlink()
        for path in [*out.glob(f"leases/{shard.stem}.*"), *out.glob(f"part-{shard.stem}.*")]:
            path.unlink()
    again = run("scan", clips, "-o", out, "--cluster", "local:1", "--shard-videos", "1", "--jsonl", "-q", threads=1)
    plan = run("scan", clips, "-o", out, "--cluster", "plan", "-q", threads=1)
    print(f"whole run {whole.cpu:.1f} s CPU, {whole.rows} inputs")
    print(f"with {left} left {again.cpu:.1f} s CPU, ratio {again.cpu / whole.cpu:.3f} (at most 0.05)")
    print(f"of that, before Ray is asked for anything: {plan.cpu:.1f} s")


def memory(clips: Path, folder: Path) -> None:
    """Planning a run of a million inputs, and writing its rows, against one of ten thousand."""
    found = {}
    for count in (FEW, MANY):
        manifest, out = folder / f"{count}.csv", folder / f"out-{count}"
        with manifest.open("w") as file:
            file.write("key,size,etag\n")
            file.writelines(f"{number % 997}/{number:09d}.mp4,{number},{number:x}\n" for number in range(count))
        asked = ("scan", "s3://bucket/in", "-o", out, "--manifest", manifest, "--jsonl", "-q")
        planned = run(*asked, "--cluster", "plan")
        _pretend(out)
        written = run(*asked, "--cluster", "local:1")
        assert written.rows == count
        found[count] = (planned, written)
        print(f"{count:9d} inputs: planned with {planned.own_mb:.0f} MB in {planned.cpu:.0f} s CPU")
        print(f"{count:9d} inputs: rows written with {written.own_mb:.0f} MB in {written.cpu:.0f} s CPU")
        shutil.rmtree(out)
    for number, what in enumerate(("planning", "writing")):
        print(f"{what}: ratio {found[MANY][number].own_mb / found[FEW][number].own_mb:.3f} (at most 1.2)")


def _pretend(out: Path) -> None:
    """Enter rows for every shard, all alike."""
    from screener.cluster.ledger import Standing
    from screener.cluster.opening import opened
    from screener.cluster.parts import Part
    from screener.records import Verdict, VideoFacts

    run_ = opened(str(out))
    parts: dict[int, Any] = {}
    for number in range(run_.plan.shards):
        count = min(256, run_.plan.inputs - number * 256)
        if count not in parts:
            part = Part()
            for index in range(count):
                part.add(index, Verdict(
                    f"s3://bucket/in/{index}.mp4", "0" * 64, "genuine", 0.2, (0.1, 0.3), 0.6, {"fpr": 0.05}, "complete", (), (),
                    VideoFacts(), (), (), {"name": "none", "sha256": "0" * 64}, run_.plan.settings, run_.plan.versions,
                ))  # fmt: skip
            parts[count] = part.whole()
        lease = run_.ledger.claim(f"{number:06d}", Standing())
        assert lease is not None
        run_.ledger.finish(lease, *parts[count])


def loss(clips: Path, folder: Path) -> None:
    """How long after a node was lost its shard is in other hands, with Ray's own settings and a lease of a minute."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import ray_nodes
    from cluster_runs import plan_of, run_of

    from screener.cluster.stores import open_store

    ray_nodes.QUICK.clear()
    with ray_nodes.ray_nodes(3) as nodes:
        store = open_store(str(folder / "loss"), make=True)
        run_ = run_of(store, plan_of(store, [f"{number}.mp4" for number in range(9000)], shard_videos=3000, lease_seconds=60.0), "")
        driver = nodes.start_driver(str(folder / "loss"))
        while len(list(store.listed("beats/"))) < 3:
            time.sleep(0.2)
        nodes.kill(0)
        began = time.monotonic()
        while not list(store.listed("ends/")):
            time.sleep(0.05)
        seen = time.monotonic() - began
        (ended,) = list(store.listed("ends/"))[:1]
        key = ended.key.partition("/")[2].rpartition(".")[0]
        shard, _, attempt = key.rpartition(".")
        again = {f"{shard}.{int(attempt) + 1}", f"{shard}a.1"}
        while not {item.key.partition("/")[2] for item in store.listed("leases/")} & again:
            time.sleep(0.05)
        print(
            f"a lost node: noticed after {seen:.1f} s, its shard ({ended.key}) taken up after {time.monotonic() - began:.1f} s (at most 60)"
        )
        print(f"what is judged again: at most what was judged since the last half lease, {run_.ledger.lease_seconds / 2:.0f} s")
        driver.kill()


PARTS: dict[str, Callable[[Path, Path], None]] = {
    "cpu": cpu,
    "throughput": throughput,
    "scorers": scorers,
    "resume": resume,
    "memory": memory,
    "loss": loss,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if left out")
    given = parser.parse_args()
    if not given.clips.is_dir():
        parser.error(f"{given.clips}: expected a folder of videos")
    if unknown := sorted({*given.parts} - PARTS.keys()):
        parser.error(f"{', '.join(unknown)}: expected {', '.join(PARTS)}")
    print(json.dumps({"cores": os.cpu_count(), "load": [round(number, 1) for number in os.getloadavg()]}))
    for name in given.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="measure-cluster-") as folder:
            PARTS[name](given.clips.resolve(), Path(folder))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
