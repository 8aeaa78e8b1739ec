"""The server's side of one worker: started, told what to judge, heard, started again when it dies.

Does not know the ledger, nor what is done with a verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from screener.errors import ScreenerError
from screener.serve.worker.pipe import Pipe

CANCEL_SECONDS = 5.0
"""For a worker to let go of a scan that was called off, before it is ended."""

PAUSES_SECONDS = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Before a worker that has died without becoming ready is started again, for the first time, the second, and so on."""


class WorkerDiedError(Exception):
    """The worker ended in the middle of a scan."""


class CannotStartError(ScreenerError):
    """No worker can be started with these settings, weights or device."""


class Keeper:
    """One worker. state: `loading`, `ready` or `restarting`. facts: what its verdicts rest on, once it was ready."""

    def __init__(self, start: dict[str, Any], on_state: Callable[[], None] = lambda: None) -> None:
        """start: what it is told first. on_state: called whenever `state` has changed."""
        self._start, self._on_state = start, on_state
        self._pipe: Pipe | None = None
        self._cancelling = ""
        self._failures = 0
        self.state = "loading"
        self.facts: str | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        return None if self._pipe is None else self._pipe.pid

    async def ready(self) -> None:
        """Have a worker that waits for work; one that dies while it loads is started again, after a pause. Raises CannotStartError."""
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
            self._failures, self.facts = 0, str(answer["ready"])
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
        """Call off the scan that is being judged; a worker that does not let go of it is ended."""
        if self._pipe is not None:
            self._cancelling = scan_id
            self._pipe.say(cancel=scan_id)
            asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._end_if_at_work, self._pipe, scan_id)

    def let_go(self) -> None:
        """The scan that was called off is over."""
        self._cancelling = ""

    async def ended(self) -> None:
        """Until the process ends, while it has nothing to do."""
        if self._pipe is not None:
            await self._pipe.ended()
            self._became("restarting")

    async def close(self) -> None:
        """End the worker, whatever it is at."""
        if self._pipe is not None:
            await self._pipe.close()

    def _end_if_at_work(self, pipe: Pipe, scan_id: str) -> None:
        if self._cancelling == scan_id:
            pipe.kill()

    def _became(self, state: str) -> None:
        self.state = state
        self._on_state()
