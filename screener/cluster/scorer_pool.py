"""The scoring workers of one driver: their places on the cluster, whether they live, and their end. Knows Ray's actors, not crops.

Ray starts a worker again that died; one that is alive to Ray and gives no sign of life is ended here, so that Ray does.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from screener.cluster.opening import Run
from screener.cluster.ray_contact import LOST, Scorers
from screener.cluster.ray_scorer import ScoringSeat
from screener.errors import OutputError, SettingsError
from screener.report.wording import counted
from screener.settings import ClusterSettings

RUNS_ON = {"auto": ("GPU", "cuda"), "cuda": ("GPU", "cuda"), "cpu": ("CPU", "cpu")}
"""Device of the settings -> what a worker asks Ray for, and the device that its engine must run on."""

PLACE_SECONDS = 60.0
"""So long what the cluster has may be in others' use."""

NONE_SECONDS = 600.0
"""Without any scoring worker for so long, the run ends."""

FAILED_STARTS = 8
LOOK_SECONDS = 0.5

_LOG = logging.getLogger(__name__)


def place_of(device: str) -> tuple[str, str]:
    """What a worker asks Ray for, and the device that its engine must run on. Raises SettingsError for a device that Ray does not know."""
    if device not in RUNS_ON:
        raise SettingsError(f"--gpu-scorers: Ray hands out no device {device}; leave --device out, or take --device cpu")
    return RUNS_ON[device]


@dataclass
class _Scorer:
    """handle: Ray's. death: comes when it has died. sign: the answer that it owes. heard: when it last gave one."""

    handle: Any
    death: Any
    sign: Any
    heard: float
    worker: str = ""
    loaded: bool = False


class ScorerPool:
    """Workers from when they are placed until `close`."""

    def __init__(self, ray: Any, run: Run, settings: ClusterSettings, scratch: str | None) -> None:
        """Places them. Raises SettingsError where the cluster has no room for them."""
        self._ray, self._run, self._scratch = ray, run, scratch
        self._count, self._cores = settings.gpu_scorers, settings.actor_cpus
        self._resource, self._device = place_of(run.plan.scan_settings.device)
        self._lost = (*(getattr(ray.exceptions, name) for name in LOST),)
        self._pause = min(run.ledger.lease_seconds / 4, 15.0)
        self._told, self._said = 0.0, list[str]()
        self._scorers: list[_Scorer] = []
        self._group = self._placed()
        self._begun = time.monotonic()
        self._scorers = [self._started(number) for number in range(self._count)]
        self._last_alive = self._begun

    @property
    def cores(self) -> int:
        """Of the cluster, that are not there for other workers."""
        return self._count * self._cores if self._resource == "CPU" else 0

    @property
    def alive(self) -> int:
        """How many are ready to score."""
        return sum(scorer.loaded for scorer in self._scorers)

    def ready(self, on_look: Callable[[], None] = lambda: None) -> Scorers:
        """Wait until all have loaded their network. Raises OutputError where one cannot, or where they would compute differently."""
        answers: list[dict[str, Any]] = []
        deaths = 0
        for scorer in self._scorers:
            answer = None
            while answer is None:
                try:
                    answer = self._awaited(scorer, on_look)
                except self._lost as error:
                    deaths += 1
                    if deaths >= FAILED_STARTS:
                        raise OutputError(f"no scoring worker can be started on the cluster: {error}") from error
            if "failed" in answer:
                raise OutputError(f"a scoring worker cannot work: {answer['failed']}")
            answers.append(answer["ran_on"])
        others = [answer for answer in answers if answer != answers[0]]
        if others:
            raise OutputError(f"scoring workers would compute differently, {answers[0]} and {others[0]}: name --engine and --dtype")
        self._last_alive = time.monotonic()
        return Scorers([scorer.handle for scorer in self._scorers], answers[0])

    def look(self) -> None:
        """Take in who is alive, end who hangs, and tell the ledger. Raises OutputError where none was alive for long."""
        now = time.monotonic()
        for scorer in self._scorers:
            self._look_at(scorer, now)
        if self.alive:
            self._last_alive = now
        elif now - self._last_alive > NONE_SECONDS:
            raise OutputError(f"no scoring worker has been alive for {NONE_SECONDS:.0f} s; the same command goes on with the run")
        loaded = [scorer.worker for scorer in self._scorers if scorer.loaded]
        if now - self._told > self._pause or loaded != self._said:
            self._told, self._said = now, loaded
            self._run.ledger.tell_scorers(self._count, loaded)

    def clear(self) -> None:
        """The run is finished: remove what lies on their machines."""
        with contextlib.suppress(Exception):
            self._ray.get([scorer.handle.clear.remote() for scorer in self._scorers if scorer.loaded], timeout=10)

    def close(self) -> None:
        """End them, and give their places back."""
        from ray.util.placement_group import remove_placement_group

        for scorer in self._scorers:
            with contextlib.suppress(Exception):
                self._ray.kill(scorer.handle)
        with contextlib.suppress(Exception):
            remove_placement_group(self._group)
        with contextlib.suppress(OutputError):
            self._run.ledger.forget_scorers()

    def _placed(self) -> Any:
        """Places that are kept for them, also while one that died is started again."""
        from ray.util.placement_group import placement_group, remove_placement_group

        each = self._cores if self._resource == "CPU" else 1
        there = [int(node["Resources"].get(self._resource, 0)) // each for node in self._ray.nodes() if node["Alive"]]
        wanted = self._count + (self._resource == "CPU")  # somebody has to decode
        if sum(there) < wanted:
            raise SettingsError(f"--gpu-scorers {self._count}: {self._no_room(each)}")
        group = placement_group([{self._resource: each}] * self._count, strategy="SPREAD")
        if not group.wait(PLACE_SECONDS):
            remove_placement_group(group)
            raise SettingsError(
                f"--gpu-scorers {self._count}: others have used the {self._resource}s for {PLACE_SECONDS:.0f} s; ask for fewer"
            )
        return group

    def _no_room(self, each: int) -> str:
        has = f"the cluster has {counted(int(self._ray.cluster_resources().get(self._resource, 0)), self._resource)}"
        if self._resource == "CPU":
            return f"{has}, and each takes {each}, as does a worker that decodes; ask for fewer"
        return f"{has}, and each takes one; ask for fewer, or begin another run with --device cpu, whose scorers take CPUs"

    def _started(self, number: int) -> _Scorer:
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        amount: dict[str, Any] = {"num_cpus": self._cores} if self._resource == "CPU" else {"num_gpus": 1, "num_cpus": 0}
        options = self._ray.remote(ScoringSeat).options(
            **amount, max_restarts=-1, max_task_retries=0, scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, number)
        )  # fmt: skip
        handle = options.remote(self._run.out, self._cores if self._resource == "CPU" else 1, self._scratch, self._device)
        return _Scorer(handle, handle.lasting.remote(), handle.beat.remote(), self._begun)

    def _awaited(self, scorer: _Scorer, on_look: Callable[[], None]) -> dict[str, Any]:
        answer = scorer.handle.ready.remote()
        while not self._ray.wait([answer], timeout=LOOK_SECONDS)[0]:
            self.look()
            on_look()
            if time.monotonic() - self._begun > NONE_SECONDS:
                raise OutputError(f"a scoring worker has not loaded its network for {NONE_SECONDS:.0f} s")
        found: dict[str, Any] = self._ray.get(answer)
        return found

    def _look_at(self, scorer: _Scorer, now: float) -> None:
        if self._ray.wait([scorer.death], timeout=0)[0]:
            self._mourn(scorer)
        if scorer.sign is None:
            if not scorer.loaded or now - scorer.heard > self._pause / 2:
                scorer.sign = scorer.handle.beat.remote()
        elif self._ray.wait([scorer.sign], timeout=0)[0]:
            self._take_in(scorer, now)
        elif scorer.worker and now - scorer.heard > self._run.ledger.lease_seconds:
            _LOG.warning("scoring worker %s: not heard of any more", scorer.worker)
            self._ray.kill(scorer.handle, no_restart=False)
            scorer.worker, scorer.loaded = "", False

    def _mourn(self, scorer: _Scorer) -> None:
        try:
            self._ray.get(scorer.death)
        except self._lost as error:
            _LOG.warning("scoring worker %s died, and is started again: %s", scorer.worker, str(error).partition("\n")[0])
        scorer.worker, scorer.loaded, scorer.death = "", False, scorer.handle.lasting.remote()

    def _take_in(self, scorer: _Scorer, now: float) -> None:
        sign, scorer.sign = scorer.sign, None
        with contextlib.suppress(*self._lost):
            told = self._ray.get(sign)
            scorer.worker, scorer.loaded, scorer.heard = told["worker"], told["loaded"], now
