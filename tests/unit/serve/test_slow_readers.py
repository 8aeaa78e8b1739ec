"""A client that takes no more events is let go of: its events are not kept, and it is not called a fault of the server."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve import gate
from screener.serve.app import build
from screener.serve.hub import MOST_WAITING, Hub
from screener.serve.ledger import Database
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.service import Given, Service
from screener.serve.state_folder import StateFolder
from screener.settings import ScanSettings

TOKEN = "t" * 20


def test_a_client_that_stops_reading_is_no_longer_listened_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gate, "SEND_SECONDS", 0.2)
    caplog.set_level(logging.INFO)

    async def run(state: StateFolder) -> None:
        options = ServeOptions(state=state.path, token=TOKEN)
        service = Service(options, state, Database(state.ledger), Given(ScanSettings.from_mapping, {}, {}, {}), Metrics(), Hub())
        app = build(options, lambda: service, service.metrics)
        app._app.state.service = service  # type: ignore[attr-defined]
        sent = 0

        async def send(message: dict[str, Any]) -> None:
            nonlocal sent
            sent += 1
            if sent > 2:
                await asyncio.Event().wait()

        async def tell() -> None:
            for number in range(10_000):
                service.hub.tell("verdict", {"id": str(number)})
                await asyncio.sleep(0.001)

        headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/api/v1/events", "raw_path": b"/api/v1/events", "query_string": b"", "root_path": "", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        telling = asyncio.create_task(tell())
        try:
            async with asyncio.timeout(30):
                await app(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]
            assert sent == 3 and not service.hub.has_listeners
        finally:
            telling.cancel()
            await service.close()

    with StateFolder(tmp_path / "state") as state:
        asyncio.run(run(state))
    assert "a client did not take" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_a_listener_that_is_too_far_behind_keeps_no_more() -> None:
    async def run() -> None:
        listener = Hub().listen()
        for number in range(2 * MOST_WAITING):
            listener.tell("verdict", {"id": str(number)})
        assert len([event async for event in listener.events(5)]) == MOST_WAITING + 1

    asyncio.run(run())
