"""How the actors that decode reach those that score: Ray's handles and references as `scorer_line` knows them."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

LOST = ("RayActorError", "WorkerCrashedError", "OutOfMemoryError", "NodeDiedError", "ObjectLostError", "OwnerDiedError")
"""Ray's errors that say that a worker died, or that its answer was lost with its node."""


@dataclass(frozen=True)
class Scorers:
    """What a decoding actor is told of the scoring ones. handles: Ray's. ran_on: as `Scorer.ran_on` gives it."""

    handles: list[Any]
    ran_on: dict[str, str]

    def line(self) -> Any:
        """The way to them, in the process that sends."""
        import ray

        from screener.cluster.scorer_line import ScorerLine

        lost = tuple(getattr(ray.exceptions, name) for name in LOST)
        return ScorerLine([_Contact(handle) for handle in self.handles], self.ran_on, lost)


class _Contact:
    """See `ScorerContact`."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def score(self, crops_rgb: Any, locate: bool) -> Future[dict[str, Any]]:
        return self._future(self._handle.score.remote(crops_rgb, locate))

    def ready(self) -> Future[dict[str, Any]]:
        return self._future(self._handle.ready.remote())

    def _future(self, reference: Any) -> Future[dict[str, Any]]:
        answer: Future[dict[str, Any]] = reference.future()
        return answer
