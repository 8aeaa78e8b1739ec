"""Runs on many machines for tests: a worker that judges nothing, a store that fails now and then, and what must hold of every result."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import builders

from screener.cluster.beating import beating
from screener.cluster.inputs import Row
from screener.cluster.ledger import Lease, Ledger
from screener.cluster.manifest import read_shard
from screener.cluster.opening import Run
from screener.cluster.parts import Part
from screener.cluster.plans import Plan, Wanted, make_plan
from screener.cluster.ray_actor import Seat
from screener.cluster.results import finished_shards, verdicts
from screener.cluster.stores import Store
from screener.errors import OutputError
from screener.records import Verdict
from screener.settings import ClusterSettings, ScanSettings

PACE_SECONDS = 0.02
POISON = "poison"
"""An input of this name kills whoever judges it; one called `full` finds no room on the disk."""


def rows_named(names: Iterable[str]) -> list[Row]:
    """Objects that nobody downloads."""
    return [Row(index, f"memory:///in/{name}", "object", "memory:///in", name, size=index) for index, name in enumerate(names)]


def plan_of(store: Store, names: Iterable[str], scan: dict[str, Any] | None = None, **cluster: Any) -> Plan:
    """A plan in a store, of inputs that nobody downloads."""
    settings = ClusterSettings(**{"shard_videos": 4, "lease_seconds": 1.0, **cluster})
    return make_plan(store, Wanted(["memory:///in"], ScanSettings(**(scan or {})), settings, None), rows_named(names), [])


def run_of(store: Store, plan: Plan, out: str = "memory:///out", driver: str = "") -> Run:
    return Run(out, store, plan, Ledger(store, plan.shards, plan.cluster_settings.lease_seconds, 0.0, driver))


class StandIn:
    """Enters rows in the time that is asked of it, and dies of what is called poison."""

    def __init__(self, run: Run, pace_seconds: float = PACE_SECONDS) -> None:
        self._run, self._pace = run, pace_seconds
        self.judged: list[str] = []

    def rows(self, shard: str) -> list[Row]:
        return read_shard(self._run.store, self._run.plan.id, shard)

    def judge(self, lease: Lease, rows: list[Row], give_up: bool = False) -> dict[str, Any]:
        part, ledger = Part(), self._run.ledger
        with beating(ledger, lease, None):
            for row in rows:
                part.add(row.index, self._crash(lease, row) if give_up else self._answer(row))
            data, facts = part.whole()
            mine = ledger.finish(lease, data, {**facts, "quarantined": give_up})
        return {"came": "done" if mine else "late", **facts}

    def _crash(self, lease: Lease, row: Row) -> Verdict:
        self._run.ledger.quarantine(lease, {"source": row.name, "sha256": None})
        return builders.verdict(
            source=row.name, outcome="undecided", coverage="none", p_fake=None, interval=None, reasons=("decoder_crash",)
        )

    def _answer(self, row: Row) -> Verdict:
        self.judged.append(row.key)
        if POISON in row.key:
            self.die()
        if "full" in row.key:
            raise OutputError("the disk is full")
        time.sleep(self._pace)
        return builders.verdict(source=row.name)

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class StandInSeat(Seat):
    """An actor with the stand-in; it loads no models, so that many may die in a short test."""

    def make_worker(self) -> Any:
        return StandIn(self._run)


class Failing:
    """Every tenth call of a store fails; every other of those after it was carried out, so that only the answer is lost."""

    def __init__(self, every: int = 10) -> None:
        self.calls = self.failed = 0
        self._every, self._lock = every, threading.Lock()

    def turn(self) -> str:
        """ "" for a call that succeeds, "before" or "after" for one that fails."""
        with self._lock:
            self.calls += 1
            if self.calls % self._every:
                return ""
            self.failed += 1
            return "before" if self.failed % 2 else "after"


def reasons(run: Run) -> dict[str, tuple[str, ...]]:
    """Name of each input -> reasons in its row, after making sure that each has one row and no shard is left."""
    done, missing = finished_shards(run.ledger)
    assert missing == 0
    found = list(verdicts(run.store, run.ledger, done))
    twice = [index for index, count in Counter(index for index, _ in found).items() if count > 1]
    assert twice == []
    assert sorted(index for index, _ in found) == list(range(run.plan.inputs))
    return {verdict.source.rpartition("/")[2]: verdict.reasons for _, verdict in found}


def field_by_field(verdict: Verdict | dict[str, Any]) -> dict[str, Any]:
    """The public JSON without what tells only when, and how long it took."""
    plain = verdict.to_dict() if isinstance(verdict, Verdict) else dict(verdict)
    del plain["timing_seconds"], plain["scanned_at"]
    plain["video"] = {name: value for name, value in plain["video"].items() if not name.endswith("decode_seconds")}
    return plain


def by_name(verdicts_: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Rows by the last part of their name, which alone differs between a folder and a bucket."""
    return {Path(row["source"]).name: field_by_field(row) for row in verdicts_}
