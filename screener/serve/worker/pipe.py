"""The server's side of a process of its own and the pipe to it. Knows processes and messages, and nothing of their meaning."""

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
    """One process. What is said to one that has died is lost without a word: the missing answer tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def opened(cls, worker: str, start: Mapping[str, Any]) -> Self:
        """A new process. worker: the module of this package whose `main` it runs. start: what it is told first."""
        package = Path(__file__).resolve().parents[2]
        process = await asyncio.create_subprocess_exec(
            # -P: nothing is imported from the folder that the user happens to be in.
            sys.executable, "-P", "-c", START.replace("{worker}", worker), os.fspath(package),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        pipe = cls(process)
        pipe.say(start=start)
        return pipe

    @property
    def pid(self) -> int | None:
        """Of the process, if it runs."""
        return self._process.pid if self._process.returncode is None else None

    @property
    def exit_status(self) -> int | None:
        """Of the process, once it has ended; negative for a signal."""
        return self._process.returncode

    def say(self, **message: Any) -> None:
        """To the process."""
        assert self._process.stdin is not None
        with suppress(OSError, RuntimeError):
            self._process.stdin.write(framed(message))

    async def heard(self) -> dict[str, Any] | None:
        """The next thing that it says; None when it has ended, or says what makes no sense, and was ended for it."""
        assert self._process.stdout is not None
        try:
            said = await receive_message(self._process.stdout)
        except ValueError:
            said = None
        if said is None:
            await self.close()
        return said

    async def ended(self) -> None:
        """Until the process ends by itself."""
        await self._process.wait()

    def kill(self) -> None:
        """End it now."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End it, and wait for that."""
        self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
