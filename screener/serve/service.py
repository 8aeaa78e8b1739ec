"""The state shared by all routes, created once; opened before the first request, closed after the last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from screener.serve.callbacks import Callbacks
from screener.serve.dispatch import Dispatch, SettingsFor
from screener.serve.hub import Hub
from screener.serve.intake import Intake
from screener.serve.ledger import Database, Outbox, Scan, Scans, Sessions, Uploads
from screener.serve.live import LiveSources
from screener.serve.metrics import Metrics
from screener.serve.open_uploads import OpenUploads
from screener.serve.options import ServeOptions
from screener.serve.repeating import until_done
from screener.serve.state_folder import StateFolder
from screener.serve.views import view_of
from screener.serve.worker.keeper import Keeper

TIDY_SECONDS = 3600.0
"""Seconds between removals of expired uploads and scans."""


@dataclass(frozen=True)
class Given:
    """Values from the command line. start: first message to a worker. live_start: the same for a worker that watches.

    settings_for: returns the settings of a scan with changes. settings: those that a request may change, with their defaults.
    """

    settings_for: SettingsFor
    settings: Mapping[str, Any]
    start: Mapping[str, Any]
    live_start: Mapping[str, Any]


class Service:
    """The shared state of the server. Created in the event loop."""

    def __init__(self, options: ServeOptions, state: StateFolder, database: Database, given: Given, metrics: Metrics, hub: Hub) -> None:
        self.options, self.state, self.given, self.hub = options, state, given, hub
        self._database = database
        self.scans, self.uploads, self.sessions = Scans(database), Uploads(database), Sessions(database)
        self.metrics = metrics
        self.intake = Intake(options, state, metrics)
        start = {**given.start, "scans": str(state.scans), "workers": options.workers}
        keepers = [Keeper(start, self._tell_worker) for _ in range(options.workers)]
        self.allow_private = given.settings_for({}).allow_private
        secret = state.secret("webhook-secret", "whsec_")
        self.callbacks = Callbacks(Outbox(database), self.scans, metrics, secret, self.allow_private)
        self.dispatch = Dispatch(self.scans, state, hub, metrics, keepers, given.settings_for, options.keep_videos, self.callbacks.ring)
        self.live = LiveSources(options.live, given.live_start)
        self.open_uploads = OpenUploads(state.uploads)
        self.receiving: set[str] = set()
        """Uploads that are receiving a piece."""
        self.reserved = 0
        """Number of scans whose bodies are being received; each has a place in the queue."""
        self.accepting = asyncio.Lock()
        """Held while content is looked up and queued, so that equal content sent twice at the same time becomes one scan."""
        self._tidying: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start, and continue the unfinished work of the previous server."""
        await asyncio.to_thread(self._take_up)
        self.dispatch.start()
        self.callbacks.start()
        self.live.start()
        self._tidying = asyncio.create_task(self._tidy())

    def stop(self) -> None:
        """End all streams; their clients are notified and reconnect later."""
        self.hub.stop()
        self.live.stop()

    async def close(self) -> None:
        """Stop everything; accepted scans are in the ledger."""
        if self._tidying is not None:
            self._tidying.cancel()
        await asyncio.gather(self.dispatch.close(), self.callbacks.close(), self.live.close())
        self.open_uploads.close_all()
        self._database.close()

    def _take_up(self) -> None:
        self.scans.requeue_all()
        self._forget_uploads()
        for scan_id in self._expired():
            self.erase(scan_id)
        ids, files = self.scans.places()
        self.state.sweep(ids, [*files, *self.uploads.open_files()])

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(min(TIDY_SECONDS, (self.options.keep_days or 1) * 24 * 3600 / 4))
            await until_done("expired uploads cannot be removed", self._forget_uploads)
            for scan_id in await until_done("expired scans cannot be found", self._expired):
                await until_done(f"scan {scan_id}: cannot be erased", self.erase, scan_id)
                self.hub.tell("erased", {"id": scan_id})

    def _forget_uploads(self) -> None:
        for upload in self.uploads.expired():
            if upload.id not in self.receiving:
                self.open_uploads.close(upload.id)
                self.uploads.remove(upload.id)
                if upload.scan_id is None:
                    self.state.erase_upload(upload.file)

    def _expired(self) -> list[str]:
        """IDs of the scans that are older than they are kept."""
        if self.options.keep_days is None:
            return []
        return self.scans.finished_before(time.time() - self.options.keep_days * 24 * 3600)

    def erase(self, scan_id: str) -> bool:
        """Delete rows, files, report and pictures of a scan permanently; False if there is none."""
        scan = self.scans.find(scan_id)
        if scan is None:
            return False
        # Rows first: files without a row are removed at the next start, but a row without files would be a broken scan.
        gone = self.scans.erase(scan_id)
        if scan.kind == "upload":
            self.state.erase_upload(scan.target)
        self.state.erase_scan(scan_id)
        with suppress(Exception):
            self._database.forget()
        return gone

    def view(self, scan: Scan) -> dict[str, Any]:
        """The API's scan object, with its queue position or progress."""
        return view_of(scan, self.scans.position(scan), self.hub.progress.get(scan.id))

    def about(self) -> dict[str, Any]:
        """Facts about this server for pages and programs."""
        options = self.options
        from screener.runtime.versions import versions

        return {
            "version": versions()["screener"],
            "max_upload_bytes": options.max_upload_bytes,
            "piece_bytes": 8 << 20,
            "allow_urls": options.allow_urls,
            "allow_paths": bool(options.allow_paths),
            "keep_days": options.keep_days,
            "keep_videos": options.keep_videos,
            "max_queue": options.max_queue,
            "worker": self.dispatch.state,
            "live": len(options.live),
            "settings": dict(self.given.settings),
        }

    def _tell_worker(self) -> None:
        self.hub.tell("worker", {"id": None, "worker": self.dispatch.state})
