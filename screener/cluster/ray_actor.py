"""What runs on the nodes of a Ray cluster: one set of models that judges the shards it is told.

Imports nothing heavy before it knows its cores.
Errors of the run come back as words, never as exceptions, whose classes another process may not know.
"""

from __future__ import annotations

import os
from typing import Any

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Seat:
    """An actor. Made in the process that it runs in."""

    def __init__(self, out: str, driver: str, cores: int, scratch: str | None) -> None:
        # Ray sets one thread for every actor. These libraries read it once, when they are loaded.
        os.environ.update(dict.fromkeys(THREADS, str(cores)))
        self._out, self._driver, self._cores, self._scratch = out, driver, cores, scratch
        self._worker: Any = None
        self._run: Any = None

    def ready(self) -> dict[str, Any]:
        """Load the models: who this is, or why it cannot work."""
        from screener.errors import ScreenerError

        try:
            from screener.cluster.opening import opened

            self._run = opened(self._out, writes=True, driver=self._driver)
            self._worker = self.make_worker()
        except ScreenerError as error:
            return {"failed": str(error)}
        import ray

        return {"worker": self._run.ledger.worker, "node": ray.get_runtime_context().get_node_id()}

    def make_worker(self) -> Any:
        """The worker that judges. Raises what it raises."""
        from screener.cluster.worker import Worker

        return Worker(self._run.store, self._run.plan, self._run.ledger, self._cores, self._scratch)

    def take(self, shard: str, attempts: int, deaths: int, give_up: bool) -> dict[str, Any]:
        """Take a shard after so many attempts, and judge it. `came`: "done", "late", "taken" where another was faster; or `failed`."""
        from screener.cluster.ledger import Standing
        from screener.errors import ScreenerError

        try:
            lease = self._run.ledger.claim(shard, Standing(attempts=attempts, deaths=deaths))
            if lease is None:
                return {"came": "taken"}
            came: dict[str, Any] = self._worker.judge(lease, self._worker.rows(shard), give_up)
            return came
        except ScreenerError as error:
            return {"failed": str(error)}

    def clear(self) -> None:
        """The run is finished: remove what lies on this machine."""
        from screener.cluster.scratch import clear

        clear(self._scratch, self._run.plan.id)
