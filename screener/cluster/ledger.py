"""Who judges which shard, who died of it, and what came of it, as objects that are created once and never changed.

    leases/000012.1              somebody took the shard, for the first time
    beats/000012.1               how far they are; written again and again by whoever holds that lease, and by nobody else
    ends/000012.1.died           they were not heard of any more; or .released: they gave it back
    part-000012.1.parquet        the rows; counts for nothing until it is named by
    saved/000012.1               rows of theirs so far, for whoever has to go on; written again and again, as beats are
    done/000012.json             what came of the shard: its part, or its halves. The one object that decides
    splits/000012                it may have been halved; look into done/000012.json
    quarantine/000012.json       its only input killed too many workers
    scorers/driver-1f2e          which scoring workers a driver has; written again and again by it

Only one `done` of a shard can be created, so no input has two rows, whoever comes back late. Knows stores, not videos.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from screener.cluster.manifest import halves_of, shard_name
from screener.cluster.stores import Missing, Store, StoreLost

READERS = 16

Step = Literal["wait", "judge", "halve", "give up"]


@dataclass
class Standing:
    """What is known of one shard. beaten: last sign of life of its latest lease, by the store's clock. ended: attempts that have ended.

    deaths: of the ended attempts, those that are held against the shard. silent_seconds: for so long at least its holder was not heard of.
    """

    attempts: int = 0
    beaten: float = 0.0
    ended: set[int] = field(default_factory=set)
    deaths: int = 0
    silent_seconds: float = 0.0

    @property
    def open(self) -> bool:
        """Whether its latest lease has not ended."""
        return self.attempts > 0 and self.attempts not in self.ended


def next_step(standing: Standing, inputs: int, max_attempts: int) -> Step:
    """What is to be done with an unfinished shard whose lease, if there is one, was ended or is held by somebody alive."""
    if standing.open:
        return "wait"
    if standing.deaths and inputs > 1:
        return "halve"
    return "give up" if standing.deaths >= max_attempts else "judge"


@dataclass(frozen=True)
class Lease:
    """The right to judge a shard. attempt: from 1. deaths: of earlier attempts."""

    shard: str
    attempt: int
    deaths: int = 0

    @property
    def key(self) -> str:
        """Name of the attempt."""
        return f"{self.shard}.{self.attempt}"


class Survey:
    """All shards at one moment, from listings alone. now: by the store's clock. done: names of finished and halved shards."""

    def __init__(self, shards: int, now: float) -> None:
        self.now, self._shards = now, shards
        self.done: set[str] = set()
        self.split: set[str] = set()
        self._standings: dict[str, Standing] = {}

    def of(self, shard: str) -> Standing:
        """What is known of a shard."""
        return self._standings.get(shard, Standing())

    def note(self, shard: str) -> Standing:
        """The same, to be filled in."""
        return self._standings.setdefault(shard, Standing())

    def held(self) -> Iterator[tuple[str, Standing]]:
        """The unfinished shards whose latest lease has not ended."""
        return ((shard, standing) for shard, standing in self._standings.items() if standing.open and shard not in self.done)

    def leaves(self) -> Iterator[str]:
        """The shards, and instead of each that was halved its halves, in order."""
        waiting = [shard_name(number) for number in reversed(range(self._shards))]
        while waiting:
            shard = waiting.pop()
            if shard in self.split and shard in self.done:
                waiting.extend(reversed(halves_of(shard)))
            else:
                yield shard


@dataclass(frozen=True)
class _Heard:
    """A sign of life, by attempt and time of the store, and when we saw it first, on our monotonic clock."""

    attempt: int
    beaten: float
    at: float


class Ledger:
    """The ledger in one output store.

    ahead: the seconds that the store's clock is ahead of ours; None: the store is asked at the first survey. driver: its name, under Ray.
    """

    def __init__(self, store: Store, shards: int, lease_seconds: float, ahead: float | None = None, driver: str = "") -> None:
        self._store, self._shards, self.lease_seconds, self._ahead, self.driver = store, shards, lease_seconds, ahead, driver
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._parts: set[str] = set()
        self._epoch: float | None = None
        self._heard: dict[str, _Heard] | None = None

    def survey(self) -> Survey:
        """The state of all shards. Raises StoreLost."""
        found = Survey(self._shards, self._now())
        began = time.monotonic()
        # In this order, so that what ended after the leases were listed is not taken for running.
        for prefix in ("leases", "beats"):
            for item in self._store.listed(f"{prefix}/"):
                shard, attempt = _attempt(item.key)
                standing = found.note(shard)
                if attempt >= standing.attempts:  # a beat counts for more than its lease, even where the store's clock was set back
                    standing.attempts, standing.beaten = attempt, item.modified
        for item in self._store.listed("ends/"):
            key, _, how = item.key.rpartition(".")
            shard, attempt = _attempt(key)
            standing = found.note(shard)
            standing.ended.add(attempt)
            standing.deaths += how == "died"
        found.split.update(item.key.partition("/")[2] for item in self._store.listed("splits/"))
        found.done.update(item.key.partition("/")[2].removesuffix(".json") for item in self._store.listed("done/"))
        self._only_halved(found)
        self._listen(found, began)
        return found

    def is_stale(self, standing: Standing) -> bool:
        """Whether nobody has heard of the holder of its latest lease for too long."""
        return standing.open and standing.silent_seconds > self.lease_seconds

    def claim(self, shard: str, standing: Standing) -> Lease | None:
        """Take a shard that nobody holds; None if another was faster. Raises StoreLost."""
        lease = Lease(shard, standing.attempts + 1, standing.deaths)
        return lease if self._store.create(f"leases/{lease.key}", _json(self._holder())) else None

    def beat(self, lease: Lease, rows: int) -> None:
        """A sign of life. Raises StoreLost."""
        self._store.write(f"beats/{lease.key}", _json({"rows": rows, "worker": self.worker}))

    def save(self, lease: Lease, rows: bytes) -> None:
        """Keep what a worker has of a shard so far, for whoever takes it if this one is lost. Raises StoreLost."""
        self._store.write(f"saved/{lease.key}", rows)

    def saved(self, lease: Lease) -> bytes | None:
        """What earlier holders of a shard, or of what it is a half of, had kept last; None if nothing. Raises StoreLost."""
        whole = [lease.shard[:length] for length in range(len(lease.shard) - 1, len(lease.shard.rstrip("ab")) - 1, -1)]
        earlier = [f"{lease.shard}.{attempt}" for attempt in range(lease.attempt - 1, 0, -1)]
        for key in [*earlier, *(f"{shard}.{attempt}" for shard in whole for attempt in (2, 1))]:
            with suppress(Missing):
                return self._store.read(f"saved/{key}")
        return None

    def end(self, lease: Lease, died: bool, why: str) -> None:
        """Note that an attempt is over without rows. died: held against the shard. Raises StoreLost."""
        how = "died" if died else "released"
        self._store.create(f"ends/{lease.key}.{how}", _json({"why": why, "noted_by": self.worker}))

    def end_stale(self, shard: str, standing: Standing) -> None:
        """End the lease of a holder who is not heard of any more. Raises StoreLost.

        A worker that a driver started died with it, where the driver is not this one: that is not held against the shard.
        """
        lease = Lease(shard, standing.attempts)
        died = not self._driver_of(lease) or self._driver_of(lease) == self.driver
        self.end(lease, died, "not heard of any more")
        standing.ended.add(lease.attempt)
        standing.deaths += died

    def halve(self, shard: str) -> bool:
        """Replace a shard by its halves; False if its rows came after all. Raises StoreLost."""
        self._store.create(f"splits/{shard}", b"")
        if not self._store.create(f"done/{shard}.json", _json({"halves": halves_of(shard)})):
            return bool(self.outcome(shard).get("halves"))
        return True

    def finish(self, lease: Lease, part: bytes, facts: dict[str, Any]) -> bool:
        """Enter the rows of a shard; False if another worker's count, as after a lease that ran out. Raises StoreLost."""
        name = f"part-{lease.key}.parquet"
        self._store.write(name, part)  # nobody else writes to this name
        mine = self._store.create(f"done/{lease.shard}.json", _json({"part": name, **facts, **self._holder()}))
        for attempt in range(1, lease.attempt + 1):
            self._store.remove(f"saved/{lease.shard}.{attempt}")
        if not mine:
            self._store.remove(name)
        return mine

    def quarantine(self, lease: Lease, facts: dict[str, Any]) -> None:
        """Note an input that killed too many workers, before its row is entered. Raises StoreLost."""
        self._store.create(f"quarantine/{lease.shard}.json", _json({"deaths": lease.deaths, **facts}))

    def was_taken(self, lease: Lease) -> bool:
        """Whether this attempt has begun. Raises StoreLost."""
        try:
            self._store.head(f"leases/{lease.key}")
        except Missing:
            return False
        return True

    def outcome(self, shard: str) -> dict[str, Any]:
        """What came of a shard; empty if it is not finished. Raises StoreLost."""
        return self._document(f"done/{shard}.json")

    def outcomes(self, shards: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same of many, a few at a time. Raises StoreLost."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="ledger") as pool:
            names = list(shards)
            for start in range(0, len(names), 1000):
                some = names[start : start + 1000]
                yield from zip(some, pool.map(self.outcome, some), strict=True)

    def tell_scorers(self, wanted: int, workers: list[str]) -> None:
        """Note which scoring workers of this driver are ready; of how many that there should be. Raises StoreLost."""
        self._store.write(f"scorers/{self.driver}", _json({"wanted": wanted, "workers": workers}))

    def forget_scorers(self) -> None:
        """There are none any more."""
        self._store.remove(f"scorers/{self.driver}")

    def scorers(self, now: float) -> tuple[list[str], int]:
        """The scoring workers of every driver that was heard of lately, and how many there should be. Raises StoreLost."""
        recent = [item.key for item in list(self._store.listed("scorers/")) if now - item.modified <= self.lease_seconds]
        told = [self._document(key) for key in recent]
        return [name for one in told for name in one.get("workers", [])], sum(int(one.get("wanted", 0)) for one in told)

    def rows_in_hand(self, leases: Iterable[Lease]) -> int:
        """How many rows the holders of these leases have said to have. Raises StoreLost."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="ledger") as pool:
            return sum(int(told.get("rows", 0)) for told in pool.map(lambda lease: self._document(f"beats/{lease.key}"), leases))

    def quarantined(self) -> Iterator[dict[str, Any]]:
        """What was noted of each input that killed too many workers. Raises StoreLost."""
        for item in list(self._store.listed("quarantine/")):
            shard = item.key.partition("/")[2].removesuffix(".json")
            if self.outcome(shard).get("quarantined"):
                yield {"shard": shard, **self._document(item.key)}

    def holder(self, lease: Lease) -> dict[str, Any]:
        """What a worker said of itself when it took a shard."""
        return self._document(f"leases/{lease.key}")

    def _now(self) -> float:
        """The store's clock: asked once, and from then on counted by a clock of ours that nobody sets. Raises StoreLost."""
        if self._epoch is None:
            told = self._store.clock() if self._ahead is None else time.time() + self._ahead
            self._epoch = (time.time() if told is None else told) - time.monotonic()
        return self._epoch + time.monotonic()

    def _listen(self, found: Survey, began: float) -> None:
        """Fill in for how long each holder was silent. began: when the survey did.

        A clock may be set at any time, here or in the store (a folder has that of some machine), and whoever holds a lease would then
        seem silent for as long as it was set forward. So silence is counted on a clock that nobody sets, since a sign of life was first
        seen; and that asks nothing more of the store. Only how old the signs of the first survey are is told by the store's clock, so
        that a shard whose worker died long ago is free at once.
        """
        ended = time.monotonic()
        heard: dict[str, _Heard] = {}
        for shard, standing in found.held():
            known = None if self._heard is None else self._heard.get(shard)
            if self._heard is None:
                at = began - max(0.0, found.now - standing.beaten)
            elif known is not None and (known.attempt, known.beaten) == (standing.attempts, standing.beaten):
                at = known.at
            else:
                at = ended
            heard[shard] = _Heard(standing.attempts, standing.beaten, at)
            standing.silent_seconds = max(0.0, began - at)
        self._heard = heard

    def _only_halved(self, found: Survey) -> None:
        """A shard that was about to be halved may have got its rows after all."""
        for shard in [name for name in found.split if name in found.done]:
            if shard not in self._parts and not self.outcome(shard).get("halves"):
                self._parts.add(shard)
        found.split -= self._parts

    def _driver_of(self, lease: Lease) -> str:
        return str(self.holder(lease).get("driver", ""))

    def _holder(self) -> dict[str, str]:
        return {"worker": self.worker, "driver": self.driver, "nonce": secrets.token_hex(4)}

    def _document(self, key: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._store.read(key))
        except Missing:
            return {}
        except ValueError as error:
            raise StoreLost(f"{self._store.address}/{key}: is damaged: {error}") from error
        return found


def _attempt(key: str) -> tuple[str, int]:
    """`leases/000012ab.3` -> shard and attempt."""
    shard, _, attempt = key.partition("/")[2].rpartition(".")
    return shard, int(attempt)


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode()
