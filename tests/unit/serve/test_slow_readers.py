"""A client that takes no more of a stream is let go of: nothing is kept or made for it, and it is not called a fault of the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
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


def let_go(folder: Path, path: str, feed: Callable[[Service, int], None], check: Callable[[Service], None]) -> None:
    """Asks for a stream, takes three messages of it and no more. feed: called every millisecond. check: called after the answer."""

    async def run(state: StateFolder) -> None:
        options = ServeOptions(state=state.path, token=TOKEN, live=("camera.mp4",))
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
                feed(service, number)
                await asyncio.sleep(0.001)

        headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {TOKEN}".encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000),
        }  # fmt: skip
        telling = asyncio.create_task(tell())
        try:
            async with asyncio.timeout(30):
                await app(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]
            assert sent == 3
            check(service)
        finally:
            telling.cancel()
            await service.close()

    with StateFolder(folder / "state") as state:
        asyncio.run(run(state))


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(gate, "SEND_SECONDS", 0.2)
    caplog.set_level(logging.INFO)


def test_a_client_that_stops_reading_is_no_longer_listened_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def feed(service: Service, number: int) -> None:
        service.hub.tell("verdict", {"id": str(number)})

    def check(service: Service) -> None:
        assert not service.hub.has_listeners

    let_go(tmp_path, "/api/v1/events", feed, check)
    assert "a client did not take" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_no_pictures_are_made_for_a_viewer_that_stops_reading(tmp_path: Path) -> None:
    def feed(service: Service, number: int) -> None:
        source = service.live.find("0")
        assert source is not None
        source._picture = str(number).encode()
        source._turn()

    def check(service: Service) -> None:
        source = service.live.find("0")
        assert source is not None and source._viewers == 0

    let_go(tmp_path, "/api/v1/live/0/picture", feed, check)


def test_a_listener_that_is_too_far_behind_keeps_no_more() -> None:
    async def run() -> None:
        listener = Hub().listen()
        for number in range(2 * MOST_WAITING):
            listener.tell("verdict", {"id": str(number)})
        assert len([event async for event in listener.events(5)]) == MOST_WAITING + 1

    asyncio.run(run())
