"""Callbacks go on after a disk that was full, and what was delivered is not sent again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve import callbacks, repeating
from screener.serve.callbacks import Callbacks
from screener.serve.ledger import NewScan, Outbox, Scans
from screener.serve.metrics import Metrics

from .full_disk import FillableDatabase, until, verdict_on

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("statuses", [[200], [503, 200]], ids=["delivered", "failed"])
def test_callbacks_go_on_after_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statuses: list[int]) -> None:
    database, answers, posted = FillableDatabase(tmp_path / "ledger.sqlite3"), list(statuses), []
    scans, outbox = Scans(database), Outbox(database)

    def post(url: str, *_: object) -> int:
        posted.append(url)
        # The disk becomes full between the attempt and its record.
        database.full = len(posted) == 1
        return answers.pop(0) if answers else 200

    def finish(name: str) -> None:
        scan = scans.accept(NewScan("path", name, name, callback_url=f"http://receiver.example/{name}"))
        scans.take()
        made = verdict_on({"id": scan.id})
        assert scans.finish(scan.id, made["document"], made["summary"], made["facts"], False) is not None

    async def run() -> None:
        sender = Callbacks(outbox, scans, Metrics(), SECRET, allow_private=False)
        finish("first")
        sender.start()
        try:
            await until(lambda: database.refused > 1)
            assert len(posted) == 1, "what could not be recorded is not sent again meanwhile"
            database.full = False
            await until(lambda: outbox.next_due() is None)
            finish("second")
            sender.ring()
            await until(lambda: len(posted) > len(statuses) and outbox.next_due() is None)
        finally:
            await sender.close()

    monkeypatch.setattr(callbacks, "post", post)
    monkeypatch.setattr(callbacks, "PAUSES_SECONDS", (0.01,))
    monkeypatch.setattr(repeating, "AGAIN_SECONDS", 0.02)
    asyncio.run(run())
    database.close()
    assert posted == ["http://receiver.example/first"] * len(statuses) + ["http://receiver.example/second"]
