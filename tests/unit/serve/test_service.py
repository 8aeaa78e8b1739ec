"""Old scans are erased in the end, even if the disk was full when they became old."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve import repeating
from screener.serve.dispatch import Dispatch
from screener.serve.hub import Hub
from screener.serve.ledger import NewScan
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.service import Given, Service
from screener.serve.state_folder import StateFolder
from screener.settings import ScanSettings

from .full_disk import FillableDatabase, until

A_MOMENT_DAYS = 0.05 / 24 / 3600


def test_old_scans_are_erased_once_the_disk_is_no_longer_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dispatch, "start", lambda self: None)  # it would write too
    monkeypatch.setattr(repeating, "AGAIN_SECONDS", 0.02)

    async def run(state: StateFolder) -> None:
        options = ServeOptions(state=state.path, token="t" * 20, keep_days=A_MOMENT_DAYS)
        database = FillableDatabase(state.ledger)
        service = Service(options, state, database, Given(lambda changes: ScanSettings(), {}, {}, {}), Metrics(), Hub())
        await service.open()
        try:
            scan = service.scans.accept(NewScan("path", "clip.mp4", "clip.mp4"))
            service.scans.cancel(scan.id)
            database.full = True
            await until(lambda: database.refused > 1)
            assert service.scans.find(scan.id) is not None
            database.full = False
            await until(lambda: service.scans.find(scan.id) is None)
        finally:
            await service.close()

    with StateFolder(tmp_path / "state") as state:
        asyncio.run(run(state))
