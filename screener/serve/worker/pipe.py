"""The server's side of a worker process and the pipe to it. Knows processes and messages, not their meaning."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from screener.serve.worker.messages import framed, receive_message
from screener.video.sandbox.child import START


class Pipe:
    """One process. Messages to a dead process are dropped silently; the missing reply reveals its death."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def opened(cls, worker: str, start: Mapping[str, Any]) -> Self:
        """Start a process. worker: the module of this package whose `main` it runs. start: its first message."""
        package = Path(__file__).resolve().parents[2]
        process = await asyncio.create_subprocess_exec(
            # -P: import nothing from the current folder.
            sys.executable, "-P", "-c", START.replace("{worker}", worker), os.fspath(package),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        pipe = cls(process)
        pipe.say(start=start)
        return pipe

    @property
    def pid(self) -> int | None:
        """Process ID, None if it has ended."""
        return self._process.pid if self._process.returncode is None else None

    @property
    def exit_status(self) -> int | None:
        """Exit status, once the process has ended; negative for a signal."""
        return self._process.returncode

    def say(self, **message: Any) -> None:
        """Send a message to the process."""
        assert self._process.stdin is not None
        with suppress(OSError, RuntimeError):
            self._process.stdin.write(framed(message))

    async def heard(self) -> dict[str, Any] | None:
        """The next message; None if the process has ended, or was killed because of an invalid message."""
        assert self._process.stdout is not None
        try:
            said = await receive_message(self._process.stdout)
        except ValueError:
            said = None
        if said is None:
            await self.close()
        return said

    async def ended(self) -> None:
        """Wait until the process ends by itself."""
        await self._process.wait()

    def kill(self) -> None:
        """Kill the process."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Kill the process and wait for its end."""
        self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
