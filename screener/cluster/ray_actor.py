"""What runs on the nodes of a Ray cluster: one set of models that judges the shards it is told.

Imports nothing heavy before it knows its cores.
Errors of the run come back as words, never as exceptions, whose classes another process may not know.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screener.cluster.ray_contact import Scorers

BATCHES_AWAY = 2
"""So many batches of one actor are on their way to scoring workers and back: one is scored while the faces of the next are sent."""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def set_threads(cores: int) -> None:
    """Ray sets one thread for every actor. The libraries read it once, when they are loaded."""
    os.environ.update(dict.fromkeys(THREADS, str(cores)))


class Seat:
    """An actor. Made in the process that it runs in."""

    def __init__(self, out: str, driver: str, cores: int, scratch: str | None, scorers: Scorers | None = None) -> None:
        """scorers: who scores the faces that are found here; None for this process itself."""
        set_threads(cores)
        self._out, self._driver, self._cores, self._scratch, self._scorers = out, driver, cores, scratch, scorers
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

        run = self._run
        if self._scorers is None:
            return Worker(run.store, run.plan, run.ledger, self._cores, self._scratch)
        from screener.scoring import RemoteEngine

        line = self._scorers.line()
        engine = RemoteEngine(self._scorers.ran_on, line.send, BATCHES_AWAY * run.plan.scan_settings.batch_size)
        worker = Worker(run.store, run.plan, run.ledger, self._cores, self._scratch, engine=engine)
        line.on_lost = worker.begin_time_anew
        return worker

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
