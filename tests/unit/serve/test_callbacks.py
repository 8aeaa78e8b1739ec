"""Callbacks go on after a disk that was full and beside receivers that do not answer, and what was delivered is not sent again."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve import callbacks, repeating
from screener.serve.callbacks import AT_ONCE_TO_ONE, Callbacks
from screener.serve.ledger import Database, NewScan, Outbox, Scans
from screener.serve.ledger.outbox import Message
from screener.serve.metrics import Metrics

from .full_disk import FillableDatabase, until, verdict_on

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def finish(scans: Scans, callback_url: str) -> None:
    """Queues a scan and judges it."""
    scan = scans.accept(NewScan("path", "clip", "clip", callback_url=callback_url))
    scans.take()
    made = verdict_on({"id": scan.id})
    assert scans.finish(scan.id, made["document"], made["summary"], made["facts"], False) is not None


@pytest.mark.parametrize("statuses", [[200], [503, 200]], ids=["delivered", "failed"])
def test_callbacks_go_on_after_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statuses: list[int]) -> None:
    database, answers, posted = FillableDatabase(tmp_path / "ledger.sqlite3"), list(statuses), []
    scans, outbox = Scans(database), Outbox(database)

    def post(url: str, *_: object) -> int:
        posted.append(url)
        # The disk becomes full between the attempt and its record.
        database.full = len(posted) == 1
        return answers.pop(0) if answers else 200

    async def run() -> None:
        sender = Callbacks(outbox, scans, Metrics(), SECRET, allow_private=False)
        finish(scans, "http://receiver.example/first")
        sender.start()
        try:
            await until(lambda: database.refused > 1)
            assert len(posted) == 1, "what could not be recorded is not sent again meanwhile"
            database.full = False
            await until(lambda: outbox.next_due(0.0) is None)
            finish(scans, "http://receiver.example/second")
            sender.ring()
            await until(lambda: len(posted) > len(statuses) and outbox.next_due(0.0) is None)
        finally:
            await sender.close()

    monkeypatch.setattr(callbacks, "post", post)
    monkeypatch.setattr(callbacks, "PAUSES_SECONDS", (0.01,))
    monkeypatch.setattr(repeating, "AGAIN_SECONDS", 0.02)
    asyncio.run(run())
    database.close()
    assert posted == ["http://receiver.example/first"] * len(statuses) + ["http://receiver.example/second"]


def test_receivers_that_do_not_answer_delay_neither_others_nor_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, released = Database(tmp_path / "ledger.sqlite3"), threading.Event()
    scans, outbox = Scans(database), Outbox(database)
    begun: list[str] = []
    delivered: list[str] = []
    closed: list[float] = []

    def post(url: str, *_: object) -> int:
        begun.append(url)
        if "silent" in url:
            released.wait(30)
        delivered.append(url)
        return 200

    async def run() -> None:
        for number in range(3 * AT_ONCE_TO_ONE):
            finish(scans, f"https://silent.example/{number}")
            finish(scans, f"https://silent-{number}.example/")
        finish(scans, "https://receiver.example/")
        sender = Callbacks(outbox, scans, Metrics(), SECRET, allow_private=False)
        sender.start()
        try:
            await until(lambda: delivered == ["https://receiver.example/"])
            await until(lambda: len(begun) == 4 * AT_ONCE_TO_ONE + 1)
            finish(scans, "https://receiver.example/later")
            sender.ring()
            await until(lambda: len(delivered) == 2)
        finally:
            closed.append(time.monotonic())
            await sender.close()

    monkeypatch.setattr(callbacks, "post", post)
    try:
        asyncio.run(run())
        assert time.monotonic() - closed[0] < 10
    finally:
        released.set()
    assert len([url for url in begun if "silent.example" in url]) == AT_ONCE_TO_ONE and len(begun) == len(set(begun))
    database.close()


def test_many_messages_to_one_receiver_are_each_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "ledger.sqlite3")
    scans, outbox = Scans(database), Outbox(database)
    urls = [f"https://receiver.example/{number}" for number in range(10 * AT_ONCE_TO_ONE)]
    posted: list[str] = []
    read: list[str] = []
    due = outbox.due

    def reading(*given: Any) -> list[Message]:
        found = due(*given)
        read.extend(message.url for message in found)
        return found

    def post(url: str, *_: object) -> int:
        posted.append(url)
        return 200

    async def run() -> None:
        for url in urls:
            finish(scans, url)
        sender = Callbacks(outbox, scans, Metrics(), SECRET, allow_private=False)
        sender.start()
        try:
            await until(lambda: outbox.next_due(0.0) is None)
        finally:
            await sender.close()

    monkeypatch.setattr(callbacks, "post", post)
    monkeypatch.setattr(outbox, "due", reading)
    asyncio.run(run())
    database.close()
    assert sorted(posted) == sorted(urls)
    assert sorted(read) == sorted(urls), "thousands of messages would keep the server busy with reading them again and again"


def test_receivers_with_many_messages_leave_room_for_one_that_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database, answer = Database(tmp_path / "ledger.sqlite3"), threading.Semaphore(0)
    scans, outbox = Scans(database), Outbox(database)
    posted: list[str] = []

    def post(url: str, *_: object) -> int:
        posted.append(url)
        answer.acquire(timeout=30)
        return 200

    async def run() -> None:
        for number in range(12):
            finish(scans, f"https://busy-{number % 2}.example/{number}")
        sender = Callbacks(outbox, scans, Metrics(), SECRET, allow_private=False)
        sender.start()
        try:
            await until(lambda: len(posted) == callbacks.AT_ONCE)
            finish(scans, "https://later.example/")
            sender.ring()
            await until(lambda: "later.example" in sender._waiting)
            answer.release(2)
            await until(lambda: "https://later.example/" in posted)
            assert len(posted) <= callbacks.AT_ONCE + 2
        finally:
            answer.release(100)
            await sender.close()

    monkeypatch.setattr(callbacks, "AT_ONCE", 4)
    monkeypatch.setattr(callbacks, "AT_ONCE_TO_ONE", 2)
    monkeypatch.setattr(callbacks, "post", post)
    asyncio.run(run())
    database.close()
