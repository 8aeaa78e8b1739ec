"""A worker without a launcher: looks for shards that nobody judges, until none is left. Any number of them, on any machines.

Knows the ledger and the worker. Prints nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from screener.cluster.ledger import Ledger, Survey, next_step
from screener.cluster.plans import Plan
from screener.cluster.worker import Worker

CLASHES = 3
"""So many shards in a row that others were faster to take, and it is time to look again."""

OnShard = Callable[[str, dict[str, Any]], None]


class LoneWorker:
    """One worker and its way through the shards."""

    def __init__(self, plan: Plan, ledger: Ledger, worker: Worker) -> None:
        self._plan, self._ledger, self._worker = plan, ledger, worker
        self._attempts = plan.cluster_settings.max_attempts

    def run(self, on_shard: OnShard, most: int | None = None, wait: bool = True) -> int:
        """Judge shards until all are done, or `most` were judged. Returns how many were.

        on_shard: called with each that was judged and what came of it. wait: for shards that others hold, in case those die. Raises
        StoreLost and OutputError.
        """
        count = 0
        while most is None or count < most:
            survey = self._ledger.survey()
            unfinished = [shard for shard in survey.leaves() if shard not in survey.done]
            if not unfinished:
                break
            taken = self._some(survey, _rotated(unfinished, self._ledger.worker), on_shard, None if most is None else most - count)
            count += taken
            if not taken and not wait:
                break
            if not taken:
                time.sleep(self._ledger.lease_seconds / 4)
        return count

    def _some(self, survey: Survey, shards: list[str], on_shard: OnShard, most: int | None) -> int:
        """Judge what is free of these, until too many turn out not to be. Returns how many were judged or halved."""
        count = clashes = 0
        for shard in shards:
            if clashes >= CLASHES or count == most:
                break
            standing = survey.of(shard)
            if self._ledger.is_stale(standing):
                self._ledger.end_stale(shard, standing)
            if standing.open:
                continue
            done = self._step(shard, survey, on_shard)
            clashes = 0 if done else clashes + 1
            count += done
        return count

    def _step(self, shard: str, survey: Survey, on_shard: OnShard) -> bool:
        """Do what is due for a shard; False if another worker did it first."""
        standing, rows = survey.of(shard), self._worker.rows(shard)
        step = next_step(standing, len(rows), self._attempts)
        if step == "halve":
            self._ledger.halve(shard)
            survey.done.add(shard)
            return True
        lease = self._ledger.claim(shard, standing)
        if lease is None:
            return False
        on_shard(shard, self._worker.judge(lease, rows, give_up=step == "give up"))
        return True


def _rotated(shards: list[str], worker: str) -> list[str]:
    """The same shards, begun at a place that is each worker's own, so that few want the same."""
    start = int.from_bytes(hashlib.blake2b(worker.encode(), digest_size=8).digest(), "big") % len(shards)
    return shards[start:] + shards[:start]
