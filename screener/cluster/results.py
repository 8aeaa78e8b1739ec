"""What a run has come to: its verdicts as they are entered, how far it is, and one table of it all at the end.

Reads the output store; judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from screener.cluster.ledger import Lease, Ledger, Survey
from screener.cluster.manifest import from_parquet, to_parquet
from screener.cluster.parts import schema, verdicts_of
from screener.cluster.plans import Plan
from screener.cluster.stores import Store
from screener.errors import SettingsError
from screener.records import Verdict

TABLE_ROWS = 100_000
"""About so many rows in each table that `compact` writes."""

RECENT_SECONDS = 900.0
"""The rate is that of this long before now."""


@dataclass(frozen=True)
class Tally:
    """How far a run is. judged: rows that are entered. in_hand: rows that workers have and have not entered yet. counts: by outcome.

    shards, shards_done: with halves counted instead of what they were halved from. workers: that were heard of lately. a_second: rows, None
    where nothing is entered yet. seconds_left: None where that cannot be told. scorers: scoring workers that are ready, as their driver
    said lately. scorers_wanted: how many there should be; 0 where workers score by themselves, or no driver was heard of.
    """

    inputs: int
    judged: int
    in_hand: int
    shards: int
    shards_done: int
    workers: int
    counts: dict[str, int]
    quarantined: int
    a_second: float | None
    seconds_left: float | None
    scorers: int = 0
    scorers_wanted: int = 0

    @property
    def finished(self) -> bool:
        """Whether every input has its row."""
        return self.shards_done == self.shards


def tally(store: Store, plan: Plan, ledger: Ledger) -> Tally:
    """Look at the ledger once. Raises StoreLost."""
    survey = ledger.survey()
    leaves = list(survey.leaves())
    finished = [shard for shard in leaves if shard in survey.done]
    counts: Counter[str] = Counter()
    rows = {}
    for shard, outcome in ledger.outcomes(finished):
        rows[shard] = int(outcome.get("rows", 0))
        counts.update({name: int(outcome["counts"][name]) for name in ("fake", "genuine", "undecided", "unreadable", "partial")})
        counts["quarantined"] += bool(outcome.get("quarantined"))
    held = _held(survey, leaves, ledger)
    pace = _pace(store, rows, survey.now)
    judged, in_hand = sum(rows.values()), ledger.rows_in_hand(held)
    left = plan.inputs - judged - in_hand
    poison = counts.pop("quarantined", 0)
    time_left = left / pace if pace and held else None
    scorers, wanted = ledger.scorers(survey.now)
    return Tally(
        plan.inputs, judged, in_hand, len(leaves), len(finished), len(held), dict(counts), poison, pace, time_left, len(scorers), wanted
    )  # fmt: skip


def _held(survey: Survey, leaves: Iterable[str], ledger: Ledger) -> list[Lease]:
    standings = [(shard, survey.of(shard)) for shard in leaves if shard not in survey.done]
    return [Lease(shard, found.attempts) for shard, found in standings if found.open and not ledger.is_stale(found)]


def _pace(store: Store, rows: dict[str, int], now: float) -> float | None:
    """Rows a second, over the recent past, by when shards were finished; None if none was."""
    times = {item.key.partition("/")[2].removesuffix(".json"): item.modified for item in store.listed("done/")}
    begun = min((item.modified for item in store.listed("leases/")), default=now)
    since = max(begun, now - RECENT_SECONDS)
    recent = sum(count for shard, count in rows.items() if times.get(shard, 0.0) >= since)
    return recent / max(now - since, 1.0) if recent else None


def verdicts(store: Store, ledger: Ledger, shards: Iterable[str]) -> Iterator[tuple[int, Verdict]]:
    """(index of the input, verdict) of every row of finished shards; one part in memory at a time. Raises StoreLost."""
    for _, outcome in ledger.outcomes(shards):
        if "part" in outcome:
            yield from verdicts_of(store.read(outcome["part"]))


def finished_shards(ledger: Ledger) -> tuple[list[str], int]:
    """The shards whose rows are entered, and how many are not. Raises StoreLost."""
    survey = ledger.survey()
    leaves = list(survey.leaves())
    done = [shard for shard in leaves if shard in survey.done]
    return done, len(leaves) - len(done)


def compact(store: Store, ledger: Ledger, partial: bool) -> tuple[list[str], int]:
    """Write all rows as few large tables, `table-....parquet`. Returns their names and the number of rows. Raises StoreLost.

    partial: also while shards are missing; otherwise that is a SettingsError. The tables of an earlier call are replaced.
    """
    done, missing = finished_shards(ledger)
    if missing and not partial:
        raise SettingsError(
            f"{store.address}: {missing} shards are not judged yet; finish the run, or ask for what is there with --partial"
        )
    for item in list(store.listed()):
        if item.key.startswith("table-"):
            store.remove(item.key)
    names: list[str] = []
    total = 0
    for rows in _bundled(store, ledger, done):
        names.append(f"table-{len(names):05d}.parquet")
        store.write(names[-1], to_parquet(rows, schema()))
        total += len(rows)
    return names, total


def _bundled(store: Store, ledger: Ledger, done: list[str]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for _, outcome in ledger.outcomes(done):
        rows += from_parquet(store.read(outcome["part"]))
        if len(rows) >= TABLE_ROWS:
            yield sorted(rows, key=lambda row: int(row["index"]))
            rows = []
    if rows:
        yield sorted(rows, key=lambda row: int(row["index"]))
