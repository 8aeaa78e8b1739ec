"""Everything that the routes share, put together once; opened before the first request, closed after the last."""

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
from screener.serve.state_folder import StateFolder
from screener.serve.views import view_of
from screener.serve.worker.keeper import Keeper

TIDY_SECONDS = 3600.0
"""Between looks for what is too old to be kept."""


@dataclass(frozen=True)
class Given:
    """What the command hands over. start: what a worker is told first. live_start: the same for one that watches.

    settings_for: the settings of a scan that changes some. settings: those that a request may change, with their values without it.
    """

    settings_for: SettingsFor
    settings: Mapping[str, Any]
    start: Mapping[str, Any]
    live_start: Mapping[str, Any]


class Service:
    """The server's insides. Made in the event loop."""

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
        """Uploads of which a piece is coming in."""
        self.reserved = 0
        """Scans whose bodies are coming in: they have a place in the queue already."""
        self.accepting = asyncio.Lock()
        """Held while content is looked up and queued, so that the same content sent twice at once is one scan."""
        self._tidying: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take up where the last server ended."""
        await asyncio.to_thread(self._take_up)
        self.dispatch.start()
        self.callbacks.start()
        self.live.start()
        self._tidying = asyncio.create_task(self._tidy())

    def stop(self) -> None:
        """End all streams: their clients are told, and ask again later."""
        self.hub.stop()
        self.live.stop()

    async def close(self) -> None:
        """End everything that runs; what was accepted is in the ledger."""
        if self._tidying is not None:
            self._tidying.cancel()
        await asyncio.gather(self.dispatch.close(), self.callbacks.close(), self.live.close())
        self.open_uploads.close_all()
        self._database.close()

    def _take_up(self) -> None:
        self.scans.requeue_all()
        self._forget_old()
        ids, files = self.scans.places()
        self.state.sweep(ids, [*files, *self.uploads.open_files()])

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(min(TIDY_SECONDS, (self.options.keep_days or 1) * 24 * 3600 / 4))
            for scan_id in await asyncio.to_thread(self._forget_old):
                self.hub.tell("erased", {"id": scan_id})

    def _forget_old(self) -> list[str]:
        for upload in self.uploads.expired():
            if upload.id not in self.receiving:
                self.open_uploads.close(upload.id)
                self.uploads.remove(upload.id)
                if upload.scan_id is None:
                    self.state.erase_upload(upload.file)
        if self.options.keep_days is None:
            return []
        old = self.scans.finished_before(time.time() - self.options.keep_days * 24 * 3600)
        for scan_id in old:
            self.erase(scan_id)
        return old

    def erase(self, scan_id: str) -> bool:
        """Rows, files, report and pictures of a scan, for good; False where there is none."""
        scan = self.scans.find(scan_id)
        if scan is None:
            return False
        # Rows first: files without a row are swept at the next start, a row without its files would be a scan that is broken.
        gone = self.scans.erase(scan_id)
        if scan.kind == "upload":
            self.state.erase_upload(scan.target)
        self.state.erase_scan(scan_id)
        with suppress(Exception):
            self._database.forget()
        return gone

    def view(self, scan: Scan) -> dict[str, Any]:
        """The scan object, with its place in the queue or how far it is."""
        return view_of(scan, self.scans.position(scan), self.hub.progress.get(scan.id))

    def about(self) -> dict[str, Any]:
        """What pages and programs want to know of this server."""
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
