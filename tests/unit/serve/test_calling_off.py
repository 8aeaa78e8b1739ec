"""A scan that is called off in the moment in which its state changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve.api.scans import call_off
from screener.serve.hub import Hub
from screener.serve.ledger import Database, NewScan, Scan
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.service import Given, Service
from screener.serve.state_folder import StateFolder
from screener.settings import ScanSettings

from .full_disk import verdict_on


def with_running_upload(folder: Path, check: Callable[[Service, Scan], Awaitable[None]]) -> None:
    """Runs a check on a server that has one running scan, of an upload."""

    async def run(state: StateFolder) -> None:
        options = ServeOptions(state=state.path, token="t" * 20)
        service = Service(options, state, Database(state.ledger), Given(ScanSettings.from_mapping, {}, {}, {}), Metrics(), Hub())
        (state.uploads / "clip.file").write_bytes(b"clip")
        service.scans.accept(NewScan("upload", "clip.file", "clip.mp4"))
        scan = service.scans.take()
        assert scan is not None
        try:
            await check(service, scan)
        finally:
            await service.close()

    with StateFolder(folder / "state") as state:
        asyncio.run(run(state))


def before_cancelling(service: Service, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    cancel = service.scans.cancel
    monkeypatch.setattr(service.scans, "cancel", lambda scan_id: (change(), cancel(scan_id))[1])


def test_a_scan_that_has_just_got_its_verdict_is_not_said_to_be_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(service: Service, scan: Scan) -> None:
        made = verdict_on({"id": scan.id})
        before_cancelling(
            service, monkeypatch, lambda: service.scans.finish(scan.id, made["document"], made["summary"], made["facts"], False)
        )
        answer = await call_off(service, scan.id, erase=False)
        assert answer.status_code == 200 and json.loads(bytes(answer.body))["state"] == "done"
        assert service.scans.document(scan.id) is not None
        assert (await call_off(service, scan.id, erase=False)).status_code == 204 and service.scans.find(scan.id) is None

    with_running_upload(tmp_path, check)


def test_a_scan_that_has_just_been_queued_again_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(service: Service, scan: Scan) -> None:
        before_cancelling(service, monkeypatch, lambda: service.scans.give_back(scan.id, death=True))
        answer = await call_off(service, scan.id, erase=False)
        assert answer.status_code == 200 and json.loads(bytes(answer.body))["state"] == "cancelled"
        assert list(service.state.uploads.iterdir()) == []

    with_running_upload(tmp_path, check)
