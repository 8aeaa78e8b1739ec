"""A ledger on a disk that may be full, and workers that do as a test says: for tests of what the server does about either."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from screener.serve.ledger import Database


class FillableDatabase(Database):
    """Refuses to write while `full`. refused: how many writes it has refused."""

    full = False
    refused = 0

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        if self.full:
            self.refused += 1
            raise sqlite3.OperationalError("database or disk is full")
        with super().write() as connection:
            yield connection


class Worker:
    """Stands in for the process of a worker. answer: its message about a job, or None to be busy until it is killed."""

    answer: Callable[[dict[str, Any]], dict[str, Any] | None] = staticmethod(lambda job: None)
    exit_status = -9

    def __init__(self) -> None:
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._dead = asyncio.Event()

    @classmethod
    async def opened(cls, *_: Any) -> Self:
        worker = cls()
        worker._said.put_nowait({"ready": "facts", "choices": {"fpr": [0.01, 0.05], "pooling": ["mean"]}})
        return worker

    @property
    def pid(self) -> int | None:
        return None if self._dead.is_set() else 1

    def say(self, **message: Any) -> None:
        if "judge" in message and (answer := type(self).answer(message["judge"])) is not None:
            self._said.put_nowait(answer)

    async def heard(self) -> dict[str, Any] | None:
        tasks = asyncio.create_task(self._said.get()), asyncio.create_task(self._dead.wait())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        said = tasks[0].result() if tasks[0].done() else None
        for task in tasks:
            task.cancel()
        return said

    async def ended(self) -> None:
        await self._dead.wait()

    def kill(self) -> None:
        self._dead.set()

    async def close(self) -> None:
        self._dead.set()


def verdict_on(job: dict[str, Any]) -> dict[str, Any]:
    """The message of a worker that found nothing to go by."""
    words = {"headline": "", "standfirst": "", "certainty": [], "coverage": "", "remarks": [], "not_proof": []}
    summary = {
        "sha256": None, "outcome": "undecided", "p_fake": None, "interval": None, "threshold": 0.6, "coverage": "none", "reasons": [],
        "warnings": [], "genuine_below": None, "people": 0, "duration_seconds": 0.0, "words": words, "crops": 0, "thumbnail": False,
    }  # fmt: skip
    return {"judged": job["id"], "document": "{}", "facts": "facts", "summary": summary}


async def until(condition: Callable[[], Any]) -> None:
    """Waits until something is so."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "not within a minute"
        await asyncio.sleep(0.005)
