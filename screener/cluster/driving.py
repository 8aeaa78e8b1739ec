"""Hands out shards to actors on a Ray cluster, until every input has its row, whichever actors, nodes or earlier drivers die on the way.

The ledger is the truth; everything here can be made anew from it. Knows Ray's actors, not videos.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from screener.cluster.ledger import Lease, Standing, next_step
from screener.cluster.manifest import halves_of, read_shard
from screener.cluster.opening import Run
from screener.cluster.ray_actor import Seat
from screener.cluster.ray_contact import Scorers
from screener.cluster.scorer_pool import ScorerPool
from screener.errors import OutputError, SettingsError
from screener.report.wording import counted
from screener.settings import ClusterSettings

IN_FLIGHT = 2
"""Shards of one actor: the one that it judges, and one that waits, so that it need not."""

FAILED_STARTS = 8
"""After so many actors in a row that died before they were ready, none will be."""

LOOK_SECONDS = 0.5
NODE_SECONDS = 1.5

_LOG = logging.getLogger(__name__)

OnShard = Callable[[str, dict[str, Any], bool], None]
"""Called with each shard whose rows are entered, what the ledger holds of it, and whether an earlier run had entered it."""


class Unheard(Exception):
    """An actor gives no sign of life, though Ray does not say that it died."""


@dataclass(frozen=True)
class Progress:
    """For whoever watches. alive: actors that are ready. lost: those that died. in_hand: rows that actors have and have not entered yet.

    scorers: scoring workers that are ready. scorers_wanted: how many there should be; 0 where actors score by themselves.
    """

    alive: int
    lost: int
    in_hand: int
    scorers: int = 0
    scorers_wanted: int = 0


@dataclass
class _Actor:
    """handle: Ray's. starting: the answer of `ready`, until it came. shards: by the reference of their answer, in order."""

    handle: Any
    starting: Any
    worker: str = ""
    node: str = ""
    shards: dict[Any, str] = field(default_factory=dict)


class Drive:
    """One run under one driver: `take_stock` once, then `run` once if anything is left."""

    def __init__(
        self,
        run: Run,
        scratch: str | None,
        on_shard: OnShard,
        on_look: Callable[[Progress], None],
        seat: type[Seat] = Seat,
        settings: ClusterSettings | None = None,
    ) -> None:
        """on_look: called again and again. seat: the actor. settings: instead of those that the run was planned with."""
        self._run, self._scratch, self._on_shard, self._on_look, self._seat = run, scratch, on_shard, on_look, seat
        self._ledger, self._settings = run.ledger, settings or run.plan.cluster_settings
        self._ray: Any = None
        self._pool: ScorerPool | None = None
        self._scorers: Scorers | None = None
        self._actors: list[_Actor] = []
        self._ready: deque[str] = deque()
        self._elsewhere: set[str] = set()
        self._standings: dict[str, Standing] = {}
        self._failed_starts = self._lost = 0
        self._looked = time.monotonic()
        self._in_hand = 0

    def run(self, ray: Any) -> None:
        """Until no shard is left. ray: the module, connected. Raises StoreLost, OutputError and SettingsError; what was entered stays."""
        self._ray = ray
        self._check_room()
        try:
            if self._settings.gpu_scorers:
                self._pool = ScorerPool(ray, self._run, self._settings, self._scratch)
                self._scorers = self._pool.ready(self._tell)
            while self.unfinished:
                self._staff()
                self._hand_out()
                self._collect()
                self._look()
            self._clear()
        except BaseException:
            self._give_back()
            raise
        finally:
            if self._pool is not None:
                self._pool.close()

    @property
    def unfinished(self) -> bool:
        """Whether any shard is left."""
        return bool(self._ready or self._elsewhere or any(actor.shards for actor in self._actors))

    def take_stock(self) -> None:
        """Take in what earlier runs have entered, and what they have left. Raises StoreLost."""
        survey = self._ledger.survey()
        done = []
        for shard in survey.leaves():
            if shard in survey.done:
                done.append(shard)
            else:
                self._enlist(shard, survey.of(shard))
        for shard, outcome in self._ledger.outcomes(done):
            self._on_shard(shard, outcome, True)

    def _enlist(self, shard: str, standing: Standing) -> None:
        self._standings[shard] = standing
        if standing.open:
            self._elsewhere.add(shard)
        else:
            self._ready.append(shard)

    def _check_room(self) -> None:
        """Ray would wait without end for a machine that has enough cores. One without any machine yet may still be given one."""
        largest = max((int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]), default=0)
        if 0 < largest < self._settings.actor_cpus:
            told = f"--actor-cpus {self._settings.actor_cpus}: the cluster's largest machine has {counted(largest, 'CPU')}; ask for fewer"
            raise SettingsError(told)

    def _staff(self) -> None:
        """Start as many actors as there are cores and shards for."""
        cores = self._settings.actor_cpus
        free = int(self._ray.cluster_resources().get("CPU", 0)) - (0 if self._pool is None else self._pool.cores)
        most = self._settings.max_actors or max(1, free // cores)
        waiting = len(self._ready) + sum(len(actor.shards) for actor in self._actors)
        for _ in range(min(max(most, self._settings.min_actors), waiting) - len(self._actors)):
            options = self._ray.remote(self._seat).options(num_cpus=cores, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
            handle = options.remote(self._run.out, self._ledger.driver, cores, self._scratch, self._scorers)
            self._actors.append(_Actor(handle, handle.ready.remote()))

    def _hand_out(self) -> None:
        for depth in range(1, IN_FLIGHT + 1):
            for actor in self._actors:
                # A second one only where nobody else waits for a first.
                if actor.worker and len(actor.shards) < depth and (depth == 1 or len(self._ready) > len(self._actors)):
                    self._give(actor)

    def _give(self, actor: _Actor) -> None:
        while self._ready:
            shard = self._ready.popleft()
            standing = self._standings[shard]
            inputs = len(read_shard(self._run.store, self._run.plan.id, shard)) if standing.deaths else 1
            step = next_step(standing, inputs, self._settings.max_attempts)
            if step == "halve":
                self._ledger.halve(shard)
                self._settle(shard)
                continue
            answer = actor.handle.take.remote(shard, standing.attempts, standing.deaths, step == "give up")
            actor.shards[answer] = shard
            return

    def _collect(self) -> None:
        """Wait a moment for answers, and take them in."""
        owners = {actor.starting: actor for actor in self._actors if not actor.worker}
        owners |= {answer: actor for actor in self._actors for answer in actor.shards}
        if not owners:
            time.sleep(LOOK_SECONDS)
            return
        answered, _ = self._ray.wait(list(owners), num_returns=1, timeout=LOOK_SECONDS)
        for reference in answered:
            self._take_in(owners[reference], reference)

    def _take_in(self, actor: _Actor, reference: Any) -> None:
        try:
            answer = self._ray.get(reference)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.WorkerCrashedError) as error:
            self._bury(actor, error)
            return
        if "failed" in answer:
            raise OutputError(answer["failed"])
        if reference == actor.starting:
            actor.worker, actor.node, self._failed_starts = answer["worker"], answer["node"], 0
            return
        shard = actor.shards.pop(reference)
        if answer["came"] == "taken":
            self._elsewhere.add(shard)
        elif answer["came"] == "late":
            self._settle(shard)
        else:
            self._finished(shard, self._ledger.outcome(shard))

    def _finished(self, shard: str, outcome: dict[str, Any]) -> None:
        self._standings.pop(shard, None)
        self._on_shard(shard, outcome, False)

    def _settle(self, shard: str) -> bool:
        """Take in what came of a shard, if anything did: its rows, or its halves."""
        outcome = self._ledger.outcome(shard)
        if outcome.get("halves"):
            self._standings.pop(shard, None)
            for half in halves_of(shard):
                self._enlist(half, Standing())
        elif outcome:
            self._finished(shard, outcome)
        return bool(outcome)

    def _bury(self, actor: _Actor, error: Exception) -> None:
        """An actor died: its shards go back, the one that it judged with a death more unless its whole node was lost."""
        self._actors.remove(actor)
        self._lost += 1
        if not actor.worker:
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise OutputError(f"no worker can be started on the cluster: {_first_line(error)}")
        blamed = bool(actor.shards) and not self._lost_with_its_node(actor, error)
        _LOG.warning("worker %s died: %s", actor.worker or "that was starting", _first_line(error))
        for shard in actor.shards.values():
            self._take_back(shard, actor, blamed, _first_line(error))
        with contextlib.suppress(Exception):
            self._ray.kill(actor.handle)

    def _lost_with_its_node(self, actor: _Actor, error: Exception) -> bool:
        """Whether not the actor died but all of its node; Ray may know of the one a moment before the other."""
        if isinstance(error, Unheard):
            return False
        ends = time.monotonic() + NODE_SECONDS
        while not (lost := getattr(error, "preempted", False) or "node has died" in str(error)) and time.monotonic() < ends:
            if any(node["NodeID"] == actor.node and not node["Alive"] for node in self._ray.nodes()):
                return True
            time.sleep(0.2)
        return bool(lost)

    def _take_back(self, shard: str, actor: _Actor, blamed: bool, why: str) -> None:
        standing = self._standings[shard]
        lease = Lease(shard, standing.attempts + 1, standing.deaths)
        if self._settle(shard):
            return
        if not self._ledger.was_taken(lease):
            self._ready.appendleft(shard)
        elif self._ledger.holder(lease).get("worker") != actor.worker:
            self._elsewhere.add(shard)
        else:
            self._ledger.end(lease, died=blamed, why=why)
            ended = standing.ended | {lease.attempt}
            self._standings[shard] = Standing(lease.attempt, ended=ended, deaths=standing.deaths + blamed)
            self._ready.appendleft(shard)

    def _look(self) -> None:
        """Now and then: look after actors that Ray thinks alive and nobody has heard of, and shards that others hold."""
        if self._pool is not None:
            self._pool.look()
        pause = min(self._ledger.lease_seconds / 4, 15.0)
        if time.monotonic() - self._looked > pause:
            survey = self._ledger.survey()
            judged = [(actor, next(iter(actor.shards.values()))) for actor in self._actors if actor.shards]
            for actor, shard in judged:
                if shard not in survey.done and self._ledger.is_stale(survey.of(shard)):
                    self._bury(actor, Unheard("not heard of any more; it died for the run, whether Ray can end it or not"))
            for shard in list(self._elsewhere):
                self._look_for(shard, survey.of(shard))
            self._in_hand = self._ledger.rows_in_hand(Lease(shard, survey.of(shard).attempts) for _, shard in judged)
            self._looked = time.monotonic()
        self._tell()

    def _tell(self) -> None:
        scorers = (0, 0) if self._pool is None else (self._pool.alive, self._settings.gpu_scorers)
        self._on_look(Progress(sum(bool(actor.worker) for actor in self._actors), self._lost, self._in_hand, *scorers))

    def _look_for(self, shard: str, standing: Standing) -> None:
        if self._settle(shard):
            self._elsewhere.discard(shard)
            return
        if self._ledger.is_stale(standing):
            self._ledger.end_stale(shard, standing)
        if not standing.open:
            self._elsewhere.discard(shard)
            self._enlist(shard, standing)

    def _give_back(self) -> None:
        """The run ends before its time: stop the actors, and let the next run begin with their shards at once."""
        held = [(actor, shard) for actor in self._actors for shard in actor.shards.values()]
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor.handle)
        with contextlib.suppress(Exception):
            for actor, shard in held:
                lease = Lease(shard, self._standings[shard].attempts + 1)
                if self._ledger.holder(lease).get("worker") == actor.worker:
                    self._ledger.end(lease, died=False, why="the run was stopped")

    def _clear(self) -> None:
        with contextlib.suppress(Exception):
            self._ray.get([actor.handle.clear.remote() for actor in self._actors if actor.worker], timeout=10)
        if self._pool is not None:
            self._pool.clear()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "died" in line.lower() or "kill" in line.lower()), lines[0] if lines else type(error).__name__)[
        :300
    ]
