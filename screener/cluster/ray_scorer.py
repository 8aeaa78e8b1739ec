"""Scoring workers on a Ray cluster: the actor that holds a network for others.

Imports nothing heavy before it knows its cores.
Errors of the run come back as words, never as exceptions, whose classes another process may not know. Any other error ends the process,
because a card that failed once does so for ever in it: Ray starts it again, and the batches that it had are sent again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from screener.cluster.ray_actor import set_threads

_LOG = logging.getLogger(__name__)


class ScoringSeat:
    """An actor. Made in the process that it runs in; it answers while it loads and computes."""

    def __init__(self, out: str, cores: int, scratch: str | None, device: str) -> None:
        """device: that the engine must run on."""
        set_threads(cores)
        self._out, self._cores, self._scratch, self._device = out, cores, scratch, device
        self._loading: Future[tuple[Any, dict[str, str]]] = ThreadPoolExecutor(1).submit(self._load)

    async def beat(self) -> dict[str, Any]:
        """A sign of life."""
        return {"worker": f"{socket.gethostname()}-{os.getpid()}", "loaded": self._loading.done()}

    async def lasting(self) -> None:
        """Never comes: whoever waits for it learns at once that this process has died."""
        await asyncio.Event().wait()

    async def ready(self) -> dict[str, Any]:
        """Comes when the network is loaded: what it runs on, or why it cannot."""
        from screener.errors import ScreenerError

        try:
            _, ran_on = await asyncio.wrap_future(self._loading)
        except ScreenerError as error:
            return {"failed": str(error)}
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {error}"}
        return {"ran_on": ran_on}

    async def score(self, crops_rgb: Any, locate: bool) -> dict[str, Any]:
        """The results of one batch; see `scorer_line.ScorerContact`."""
        from screener.errors import ScreenerError

        try:
            merging, ran_on = await asyncio.wrap_future(self._loading)
            logits, maps = await asyncio.wrap_future(merging.submit(crops_rgb, locate))
        except ScreenerError as error:
            return {"failed": str(error)}
        except Exception:
            _LOG.exception("a batch of %d faces could not be scored", len(crops_rgb))
            os._exit(1)
        return {"logits": logits, "maps": maps, "ran_on": ran_on}

    async def clear(self) -> None:
        """The run is finished: remove what lies on this machine."""
        from screener.cluster.opening import opened
        from screener.cluster.scratch import clear

        clear(self._scratch, opened(self._out).plan.id)

    def _load(self) -> tuple[Any, dict[str, str]]:
        from dataclasses import replace

        from screener.checkpoint import load_checkpoint
        from screener.cluster.opening import opened
        from screener.cluster.plans import fetch_checkpoint
        from screener.cluster.scratch import scratch_folder
        from screener.scanning.engines import build_scorer
        from screener.scoring import Merging, keep_float32_whole

        run = opened(self._out)
        run.plan.require_same_versions()
        keep_float32_whole()
        checkpoint = load_checkpoint(fetch_checkpoint(run.store, run.plan, scratch_folder(self._scratch, run.plan.id)))
        scorer = build_scorer(checkpoint, replace(run.plan.scan_settings, device=self._device))
        return Merging(scorer, self._cores), scorer.ran_on()
