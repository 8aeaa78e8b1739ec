"""A run by the address of its output: store, plan and ledger together. Starts nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from screener.cluster.inputs import rows_of
from screener.cluster.ledger import Ledger
from screener.cluster.manifest import sharded
from screener.cluster.plans import Plan, Wanted, make_plan, read_plan, require_same
from screener.cluster.stores import Store, open_store
from screener.errors import SettingsError


@dataclass(frozen=True)
class Run:
    """Everything that a launcher, a worker or a reader needs. out: address of the output."""

    out: str
    store: Store
    plan: Plan
    ledger: Ledger


def planned(out: str, wanted: Wanted, manifest: Path | None, on_left_out: Callable[[str], None]) -> Run:
    """The run in `out`, planned now unless the same one was before. Raises SettingsError and StoreLost."""
    store = open_store(out, make=True)
    store.probe()
    plan = read_plan(store)
    if plan is not None:
        require_same(store, plan, wanted)
    else:
        left_out: list[str] = []

        def leave_out(name: str) -> None:
            left_out.append("")  # only their number is kept
            on_left_out(name)

        plan = make_plan(store, wanted, rows_of(wanted.sources, manifest, leave_out), left_out)
    driver = f"driver-{secrets.token_hex(6)}"
    return Run(out, store, plan, Ledger(store, plan.shards, plan.cluster_settings.lease_seconds, driver=driver))


def opened(out: str, writes: bool = False, driver: str = "") -> Run:
    """A run that was planned. writes: make sure that the store keeps conditions. driver: who starts this worker. Raises SettingsError."""
    store = open_store(out)
    if writes:
        store.probe()
    plan = read_plan(store)
    if plan is None:
        raise SettingsError(f"{store.address}: holds no run; begin one with screener scan SOURCE -o {out} --cluster ...")
    return Run(out, store, plan, Ledger(store, plan.shards, plan.cluster_settings.lease_seconds, driver=driver))


@dataclass(frozen=True)
class Forecast:
    """What a run would be: number of inputs, their bytes as far as they are known, shards, and what is left out."""

    inputs: int
    input_bytes: int
    shards: int
    left_out: int


def forecast(wanted: Wanted, manifest: Path | None) -> Forecast:
    """List the inputs and write nothing. Raises SettingsError and StoreLost."""
    left_out: list[str] = []
    inputs = size = shards = 0
    for shard in sharded(rows_of(wanted.sources, manifest, left_out.append), wanted.cluster.shard_videos):
        inputs, size, shards = inputs + len(shard), size + sum(row.size for row in shard), shards + 1
    return Forecast(inputs, size, shards, len(left_out))
