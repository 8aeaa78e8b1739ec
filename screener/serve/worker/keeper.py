"""The server's side of one worker: starts it, sends it scans, receives results, and restarts it when it dies.

Does not know the ledger, nor what is done with a verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from screener.errors import ScreenerError
from screener.serve.worker.pipe import Pipe

CANCEL_SECONDS = 5.0
"""Seconds for a worker to stop a cancelled scan before it is killed."""

PAUSES_SECONDS = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds before a worker that died during its start is restarted: after the first death, the second, and so on."""


class WorkerDiedError(Exception):
    """The worker ended during a scan."""


class CannotStartError(ScreenerError):
    """No worker can be started with these settings, weights or device."""


class Keeper:
    """One worker. state: `loading`, `ready` or `restarting`. facts, choices: of its models (see `Judging`), once it was ready."""

    def __init__(self, start: dict[str, Any], on_state: Callable[[], None] = lambda: None) -> None:
        """start: first message to the worker. on_state: called whenever `state` changes."""
        self._start, self._on_state = start, on_state
        self._pipe: Pipe | None = None
        self._cancelling = ""
        self._failures = 0
        self.state = "loading"
        self.facts: str | None = None
        self.choices: dict[str, list[Any]] | None = None

    @property
    def pid(self) -> int | None:
        """Process ID of the running worker, or None."""
        return None if self._pipe is None else self._pipe.pid

    async def ready(self) -> None:
        """Wait for a ready worker; one that dies while loading is restarted after a pause. Raises CannotStartError."""
        while self.pid is None or self.state != "ready":
            await asyncio.sleep(PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS) - 1)])
            await self.close()
            self._pipe = await Pipe.opened("serve.worker.judge", self._start)
            answer = await self._pipe.heard()
            if answer is not None and "failed" in answer:
                raise CannotStartError(str(answer["failed"]))
            if answer is None:
                self._failures += 1
                self._became("restarting")
                continue
            self._failures, self.facts, self.choices = 0, str(answer["ready"]), answer["choices"]
            self._became("ready")

    async def judge(self, job: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """`{"judged": ...}` or `{"cancelled": ...}`. Raises WorkerDiedError."""
        pipe = self._pipe
        assert pipe is not None
        pipe.say(judge=job)
        while (answer := await pipe.heard()) is not None:
            if "progress" not in answer:
                return answer
            on_progress(answer)
        self._became("restarting")
        raise WorkerDiedError(f"exit status {pipe.exit_status}")

    def cancel(self, scan_id: str) -> None:
        """Cancel the current scan; a worker that does not stop in time is killed."""
        if self._pipe is not None:
            self._cancelling = scan_id
            self._pipe.say(cancel=scan_id)
            asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._end_if_at_work, self._pipe, scan_id)

    def let_go(self) -> None:
        """The cancelled scan has stopped."""
        self._cancelling = ""

    async def ended(self) -> None:
        """Wait until the idle process ends."""
        if self._pipe is not None:
            await self._pipe.ended()
            self._became("restarting")

    async def close(self) -> None:
        """Stop the worker, even during a scan."""
        if self._pipe is not None:
            await self._pipe.close()

    def _end_if_at_work(self, pipe: Pipe, scan_id: str) -> None:
        if self._cancelling == scan_id:
            pipe.kill()

    def _became(self, state: str) -> None:
        self.state = state
        self._on_state()
