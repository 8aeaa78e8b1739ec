"""The server's side of one worker: started, told what to judge, heard, started again when it dies.

Knows processes and messages. Does not know the ledger, nor what is done with a verdict.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from screener.errors import ScreenerError
from screener.serve.worker.messages import framed, receive_message
from screener.video.sandbox.child import START

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
        self._process: asyncio.subprocess.Process | None = None
        self._cancelling = ""
        self._failures = 0
        self.state = "loading"
        self.facts: str | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def ready(self) -> None:
        """Have a worker that waits for work; one that dies while it loads is started again, after a pause. Raises CannotStartError."""
        while self.pid is None or self.state != "ready":
            await asyncio.sleep(PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS) - 1)])
            process = await self._spawned()
            answer = await self._heard(process)
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
        process = self._process
        assert process is not None
        self._say(judge=job)
        while (answer := await self._heard(process)) is not None:
            if "progress" not in answer:
                return answer
            on_progress(answer)
        self.restarts += 1
        self._became("restarting")
        raise WorkerDiedError(f"exit status {process.returncode}")

    def cancel(self, scan_id: str) -> None:
        """Call off the scan that is being judged; a worker that does not let go of it is ended."""
        self._say(cancel=scan_id)
        process = self._process
        asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._end_if_at_work, process, scan_id)
        self._cancelling = scan_id

    async def close(self) -> None:
        """End the worker, whatever it is at."""
        if self._process is not None:
            await _ended(self._process)

    async def ended(self) -> None:
        """Until the process ends, while it has nothing to do."""
        process = self._process
        if process is not None:
            await process.wait()
            self._became("restarting")

    def let_go(self) -> None:
        """The scan that was called off is over."""
        self._cancelling = ""

    def _end_if_at_work(self, process: asyncio.subprocess.Process | None, scan_id: str) -> None:
        if process is not None and process.returncode is None and self._cancelling == scan_id:
            process.kill()

    def _became(self, state: str) -> None:
        self.state = state
        self._on_state()

    def _say(self, **message: Any) -> None:
        """What is said to a worker that has died is lost without a word: the missing answer tells."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, RuntimeError):
                self._process.stdin.write(framed(message))

    async def _spawned(self) -> asyncio.subprocess.Process:
        package = Path(__file__).resolve().parents[2]
        if self._process is not None:
            await _ended(self._process)
        self._process = await asyncio.create_subprocess_exec(
            # -P: nothing is imported from the folder that the user happens to be in.
            sys.executable, "-P", "-c", START.replace("{worker}", "serve.worker.process"), os.fspath(package),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._say(start=self._start)
        return self._process

    async def _heard(self, process: asyncio.subprocess.Process) -> dict[str, Any] | None:
        """The next answer; None when the worker has ended, or says what makes no sense, and was ended for it."""
        assert process.stdout is not None
        try:
            answer = await receive_message(process.stdout)
        except ValueError:
            answer = None
        if answer is None:
            await _ended(process)
        return answer


async def _ended(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()
