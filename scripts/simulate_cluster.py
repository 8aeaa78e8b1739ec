"""A model of a run on many machines, from measured times: how many machines so many uploads need, and what losing some of them costs.

    python scripts/simulate_cluster.py                       the table of docs/scale.md
    python scripts/simulate_cluster.py --against OUT         a finished run beside the model of it

Seeded, so that the same arguments give the same numbers. The model hands out shards as the driver does (`cluster.driving`); a lost machine
costs what its workers judged since they last saved, and the time until that is noticed.
"""

from __future__ import annotations

import argparse
import heapq
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

DAY_SECONDS = 86_400.0
UPLOADS_A_DAY = 10_000_000
MEASURED_SECONDS = (1.6, 0.5)
"""Mean and standard deviation of what one short clip takes one core, as measured on the machine of docs/measurements.md."""


@dataclass(frozen=True)
class World:
    """nodes, cores: of each node; a worker takes one. seconds: what single inputs take a core, to draw from. shard: inputs in one.

    start_seconds: until a worker has loaded its models. request_seconds: one request to the store. requests_a_shard: lease, part,
    entry, manifest and beats. store_limit: requests a second that the store takes. driver_seconds: of the driver for one row.
    lost_an_hour: share of nodes lost in an hour. replaced_seconds: until another is there. noticed_seconds: until its shards are free.
    save_seconds: how often workers save. slow: share of nodes that take slow_by times as long. seed: of everything that is drawn.
    """

    nodes: int
    cores: int = 16
    inputs: int = UPLOADS_A_DAY
    seconds: NDArray[np.float64] = field(default_factory=lambda: clip_seconds())
    shard: int = 256
    start_seconds: float = 12.0
    request_seconds: float = 0.05
    requests_a_shard: float = 6.0
    store_limit: float = 3500.0
    driver_seconds: float = 0.002
    lost_an_hour: float = 0.0
    replaced_seconds: float = 180.0
    noticed_seconds: float = 40.0
    save_seconds: float = 30.0
    slow: float = 0.0
    slow_by: float = 2.0
    seed: int = 18


@dataclass(frozen=True)
class Outcome:
    """seconds: of the whole run. core_hours: that were paid for. lost_hours: of these, judged and judged again. requests: to the store."""

    seconds: float
    core_hours: float
    lost_hours: float
    losses: int
    requests: float

    @property
    def use(self) -> float:
        """Share of the time paid for in which something was judged that counts."""
        return 1.0 - self.lost_hours / self.core_hours


def clip_seconds(count: int = 10_000) -> NDArray[np.float64]:
    """Times of short clips: log-normal, as measured ones are, with the measured mean and deviation."""
    mean, deviation = MEASURED_SECONDS
    spread = np.log1p((deviation / mean) ** 2)
    return np.random.default_rng(18).lognormal(np.log(mean) - spread / 2, np.sqrt(spread), count)


def simulated(world: World, work: list[float] | None = None) -> Outcome:
    """One run. work: seconds of each shard, in order, instead of drawn ones."""
    return _Simulation(world, work).run()


class _Simulation:
    """Events in order of time: a worker is free, a node is lost, a node is there again, a lost shard is noticed."""

    def __init__(self, world: World, work: list[float] | None) -> None:
        self._world, self._rng = world, np.random.default_rng(world.seed)
        self._waiting = deque(work if work is not None else self._drawn())
        self._events: list[tuple[float, int, str, int, float]] = []
        self._number = 0
        self._slow = self._rng.random(world.nodes) < world.slow
        self._busy: dict[int, tuple[float, float]] = {}  # worker -> (begun, seconds of work in hand)
        self._alive = [0] * world.nodes  # how often each node was lost; what was begun before that never ends
        self._idle: set[int] = set()
        self._noticing = 0
        self._driver_free = self._wasted = self._requests = 0.0
        self._losses, self._ends = 0, 0.0

    def _drawn(self) -> list[float]:
        world = self._world
        shards = -(-world.inputs // world.shard)
        # Sums of so many single times are as good as normal; single draws of ten million would only take longer.
        deviation = world.seconds.std() * np.sqrt(world.shard)
        return list(np.maximum(self._rng.normal(world.seconds.mean() * world.shard, deviation, shards), 0.0))

    def run(self) -> Outcome:
        world = self._world
        for worker in range(world.nodes * world.cores):
            self._at(world.start_seconds, "free", worker)
        if world.lost_an_hour:
            for node in range(world.nodes):
                self._at(self._until_lost(), "node_lost", node)
        while self._waiting or self._busy or self._noticing:
            now, _, what, who, detail = heapq.heappop(self._events)
            getattr(self, f"_{what}")(now, who, detail)
        paid = world.nodes * world.cores * self._ends / 3600
        return Outcome(self._ends, paid, self._wasted / 3600, self._losses, self._requests)

    def _at(self, when: float, what: str, who: int, detail: float = 0.0) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, what, who, detail))

    def _until_lost(self) -> float:
        return float(self._rng.exponential(3600 / self._world.lost_an_hour))

    def _free(self, now: float, worker: int, life: float) -> None:
        """A worker asks for a shard. Its last one has to be entered first; the next one was waiting for it all the while."""
        node = worker // self._world.cores
        if life != self._alive[node]:
            return
        if worker in self._busy:
            del self._busy[worker]
            # The driver takes in one shard after the other.
            self._driver_free = max(self._driver_free, now) + self._world.driver_seconds * self._world.shard
            self._ends = max(self._ends, now, self._driver_free)
        if not self._waiting:
            self._idle.add(worker)
            return
        work = self._waiting.popleft()
        self._requests += self._world.requests_a_shard
        busy = max(1, len(self._busy))
        crowded = max(self._world.request_seconds, busy / self._world.store_limit)  # as many ask at once at the worst
        took = work * (self._world.slow_by if self._slow[node] else 1.0) + crowded * self._world.requests_a_shard
        self._busy[worker] = (now, work)
        self._at(now + took, "free", worker, self._alive[node])

    def _lost_work(self, worker: int, now: float) -> None:
        begun, work = self._busy.pop(worker)
        rate = 1 / self._world.slow_by if self._slow[worker // self._world.cores] else 1.0
        judged = min(work, (now - begun) * rate)
        saved = judged - judged % self._world.save_seconds
        self._wasted += judged - saved
        self._noticing += 1
        self._at(now + self._world.noticed_seconds, "noticed", worker, work - saved)

    def _noticed(self, now: float, worker: int, work: float) -> None:
        self._noticing -= 1
        self._waiting.appendleft(work)
        if self._idle:
            other = self._idle.pop()
            self._at(now, "free", other, self._alive[other // self._world.cores])

    def _node_lost(self, now: float, node: int, _: float) -> None:
        workers = range(node * self._world.cores, (node + 1) * self._world.cores)
        self._losses += 1
        self._alive[node] += 1
        for worker in workers:
            self._idle.discard(worker)
            if worker in self._busy:
                self._lost_work(worker, now)
        for worker in workers:
            self._at(now + self._world.replaced_seconds + self._world.start_seconds, "free", worker, self._alive[node])
        self._at(now + self._until_lost(), "node_lost", node)


def against(out: str) -> None:
    """A finished run beside the model of it: the same shards, as many workers, times as they were measured in it."""
    from screener.cluster.manifest import from_parquet
    from screener.cluster.opening import opened
    from screener.cluster.results import finished_shards

    run = opened(out)
    done, missing = finished_shards(run.ledger)
    assert not missing
    outcomes = dict(run.ledger.outcomes(done))
    work = [sum(row["seconds"] or 0.0 for row in from_parquet(run.store.read(outcomes[shard]["part"]), ["seconds"])) for shard in done]
    workers = len({outcome["worker"] for outcome in outcomes.values()})
    began = min(item.modified for item in run.store.listed("leases/"))
    ended = max(item.modified for item in run.store.listed("done/"))
    world = World(
        workers, cores=1, inputs=run.plan.inputs, start_seconds=0.0, request_seconds=0.002, shard=run.plan.cluster["shard_videos"]
    )
    model = simulated(world, work)
    print(f"{run.plan.inputs} inputs in {len(done)} shards, {workers} workers: {ended - began:.1f} s, the model {model.seconds:.1f} s, "
          f"{model.seconds / (ended - began) - 1:+.1%}")  # fmt: skip


def table() -> None:
    """Ten million short clips, on more and more nodes, and with what goes wrong on real ones."""
    print("| nodes of 16 cores | | hours | core hours | judged again | losses | requests a second |")
    print("|---|---|---|---|---|---|---|")
    rough = {"lost_an_hour": 0.05, "slow": 0.05}
    troubles = {"nothing goes wrong": {}, "losses and slow nodes": rough, "the same, without a driver": {**rough, "driver_seconds": 0.0}}
    for nodes in (1, 10, 12, 15, 20, 100, 1000):
        for words, trouble in troubles.items():
            inputs = UPLOADS_A_DAY if nodes >= 10 else UPLOADS_A_DAY // 100
            found = simulated(replace(World(nodes, inputs=inputs), **trouble))  # type: ignore[arg-type]
            scale = UPLOADS_A_DAY / inputs
            hours, losses = found.seconds * scale / 3600, found.losses * scale
            again, pace = found.lost_hours / found.core_hours, found.requests / found.seconds
            print(f"| {nodes} | {words} | {hours:.1f} | {found.core_hours * scale:,.0f} | {again:.2%} | {losses:.0f} | {pace:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="OUT")
    asked = parser.parse_args()
    against(asked.against) if asked.against else table()


if __name__ == "__main__":
    main()
