"""Gives queued scans to workers one by one, records the results in the ledger, and publishes events.

A scan whose worker dies is repeated; after the third death it gets a verdict that says so. Knows ledger, workers and hub; does not know
HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from screener.errors import ScreenerError, SettingsError
from screener.serve.hub import Hub
from screener.serve.ledger import Scan, Scans
from screener.serve.ledger.scans import MOST_ATTEMPTS, MOST_DEATHS
from screener.serve.metrics import Metrics
from screener.serve.repeating import PASSING, until_done
from screener.serve.state_folder import StateFolder
from screener.serve.views import view_of
from screener.serve.worker.keeper import Keeper, WorkerDiedError
from screener.settings import ScanSettings

_LOG = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
"""Seconds before a scan whose verdict could not be written is judged again."""

MOST_TOLD = 200
"""Number of queued scans whose change of position is published."""

SettingsFor = Callable[[dict[str, Any]], ScanSettings]
"""The settings of a scan: the server's, overridden by these changes. Raises SettingsError."""


class Dispatch:
    """All workers and their current scans."""

    def __init__(
        self,
        scans: Scans,
        state: StateFolder,
        hub: Hub,
        metrics: Metrics,
        keepers: list[Keeper],
        settings_for: SettingsFor,
        keep_videos: bool,
        on_verdict: Callable[[], None],
    ) -> None:
        """on_verdict: called after each verdict, once it is in the ledger."""
        self._scans, self._state, self._hub, self._metrics = scans, state, hub, metrics
        self._keepers, self._settings_for, self._keep_videos, self._on_verdict = keepers, settings_for, keep_videos, on_verdict
        self._bells = [asyncio.Event() for _ in keepers]
        self._at_work: dict[str, Keeper] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.fault: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Resolved with the reason once no worker can be started."""

    @property
    def facts(self) -> str | None:
        """What verdicts depend on besides input and settings; None until a worker is ready."""
        return next((keeper.facts for keeper in self._keepers if keeper.facts), None)

    @property
    def choices(self) -> dict[str, list[Any]] | None:
        """Setting -> the values that it may have with the loaded models (see `Judging`); None until a worker is ready."""
        return next((keeper.choices for keeper in self._keepers if keeper.choices), None)

    @property
    def state(self) -> str:
        """State of the workers: `ready` if one is."""
        states = [keeper.state for keeper in self._keepers]
        return "ready" if "ready" in states else states[0]

    @property
    def pids(self) -> list[int]:
        """Process IDs of the running workers."""
        return [keeper.pid for keeper in self._keepers if keeper.pid is not None]

    def start(self) -> None:
        """Start judging queued scans."""
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(len(self._keepers))]

    def ring(self) -> None:
        """Signal that a scan is queued."""
        for bell in self._bells:
            bell.set()

    def cancel(self, scan_id: str) -> bool:
        """Cancel a scan that is being judged; False if it is not."""
        keeper = self._at_work.get(scan_id)
        if keeper is not None:
            keeper.cancel(scan_id)
        return keeper is not None

    async def close(self) -> None:
        """Stop all workers; the next server repeats their unfinished scans."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(keeper.close() for keeper in self._keepers))

    async def _work(self, number: int) -> None:
        keeper, bell = self._keepers[number], self._bells[number]
        try:
            while True:
                await keeper.ready()
                bell.clear()
                scan = await until_done("the queue cannot be read", self._scans.take)
                if scan is None:
                    await _either(bell, keeper)
                    continue
                await self._judge(keeper, scan)
        except ScreenerError as error:
            self._fail(str(error))
        except Exception as error:
            _LOG.exception("the queue stopped")
            self._fail(f"the queue stopped by a fault of its own ({type(error).__name__}: {error})")

    def _fail(self, words: str) -> None:
        if not self.fault.done():
            self.fault.set_result(words)

    async def _judge(self, keeper: Keeper, scan: Scan) -> None:
        self._at_work[scan.id] = keeper
        await self.tell_queue()
        self._told(scan, {"frames": 0, "of": None, "seconds_left": None})
        answer: dict[str, Any] | None = None
        try:
            if await self._is_running(scan):
                answer = await keeper.judge(
                    self._job(scan), lambda said: self._told(scan, {k: said[k] for k in ("frames", "of", "seconds_left")})
                )
            else:
                answer = {"cancelled": scan.id}
        except WorkerDiedError as death:
            _LOG.warning("scan %s: its worker ended (%s)", scan.id, death)
            self._metrics.worker_deaths.inc()
        finally:
            keeper.let_go()
            del self._at_work[scan.id]
            self._hub.progress.pop(scan.id, None)
        if answer is None:
            await self._give_back(scan, death=True)
            return
        try:
            if "postponed" in answer:
                raise OSError(answer["why"])
            await self._conclude(scan, answer)
        except (OSError, sqlite3.Error) as error:
            await self._postpone(scan, error)

    async def _is_running(self, scan: Scan) -> bool:
        """Whether a scan is still to be judged: it may have been cancelled before `cancel` could find its worker."""
        now = await until_done(f"scan {scan.id}: cannot be read", self._scans.find, scan.id)
        return now is not None and now.state == "running"

    async def _postpone(self, scan: Scan, error: Exception) -> None:
        """Put a scan whose verdict cannot be written back at its place in the queue."""
        _LOG.error("scan %s: its verdict cannot be written: %s", scan.id, error)
        await asyncio.sleep(AGAIN_SECONDS)
        await self._give_back(scan, death=False)

    async def _give_back(self, scan: Scan, death: bool) -> None:
        """Queue a scan again. One that was cancelled or erased meanwhile is not: what it left on the disk is erased."""
        what = f"scan {scan.id}: cannot be queued again"
        if await until_done(what, self._scans.give_back, scan.id, death) is None:
            now = await until_done(what, self._scans.find, scan.id)
            if now is None or now.state == "cancelled":  # a verdict may have been stored in spite of an error
                await self._erase_results(scan)
                await self._erase_upload(scan)
            return
        await self.tell_queue()

    async def _conclude(self, scan: Scan, answer: dict[str, Any]) -> None:
        done = None
        if "judged" in answer:
            kept = self._keep_videos and scan.kind == "upload"
            done = await asyncio.to_thread(self._scans.finish, scan.id, answer["document"], answer["summary"], answer["facts"], kept)
        if done is None:  # cancelled, perhaps while the verdict was being sent
            await self._erase_results(scan)
        if done is None or not done.kept:
            await self._erase_upload(scan)
        if done is not None:
            self._metrics.verdicts.labels(done.outcome).inc()
            self._metrics.judging.observe((done.finished or 0.0) - (done.started or 0.0))
            self._on_verdict()
            self._hub.tell("verdict", view_of(done))

    async def _erase_results(self, scan: Scan) -> None:
        await asyncio.to_thread(self._state.erase_scan, scan.id)

    async def _erase_upload(self, scan: Scan) -> None:
        if scan.kind != "upload":
            return
        try:
            await asyncio.to_thread(self._state.erase_upload, scan.target)
        except OSError as error:  # the verdict is stored nevertheless, and must be told
            _LOG.error("scan %s: its upload cannot be erased before the next start: %s", scan.id, error)

    def _job(self, scan: Scan) -> dict[str, Any]:
        target = str(self._state.uploads / str(scan.target)) if scan.kind == "upload" else scan.target
        given_up = ""
        try:
            settings = self._settings_for(scan.changes)
        except SettingsError as error:  # the scan was accepted by a server whose own settings allowed these
            settings, given_up = self._settings_for({}), str(error)
        job = {
            "id": scan.id,
            "kind": scan.kind,
            "target": target,
            "name": scan.name,
            "settings": asdict(settings),  # `to_dict`, for readers, only names the certificates
        }
        if scan.deaths >= MOST_DEATHS or scan.attempts > MOST_ATTEMPTS:
            given_up = f"screener was ended {max(scan.deaths, scan.attempts - 1)} times while it judged this, and judges it no more"
        return {**job, "given_up": given_up} if given_up else job

    def _told(self, scan: Scan, progress: dict[str, Any]) -> None:
        self._hub.progress[scan.id] = progress
        if self._hub.has_listeners:
            self._hub.tell("progress", view_of(scan, progress=progress))

    async def tell_queue(self) -> None:
        """Publish the positions of queued scans."""
        if not self._hub.has_listeners:
            return
        try:
            under_way = await asyncio.to_thread(self._scans.under_way)
        except PASSING as error:
            _LOG.error("the positions in the queue cannot be read: %s", error)
            return
        waiting = [scan for scan in under_way if scan.state == "queued"][:MOST_TOLD]
        for position, scan in enumerate(waiting, 1):
            self._hub.tell("queued", view_of(scan, position))


async def _either(bell: asyncio.Event, keeper: Keeper) -> None:
    """Wait until a scan is queued, or the idle worker ends."""
    ringing = asyncio.create_task(bell.wait())
    ending = asyncio.create_task(keeper.ended())
    try:
        await asyncio.wait((ringing, ending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        ringing.cancel()
        ending.cancel()
