"""The queue of scans goes on after workers that had to be killed and disks that were full, and leaves no erased video behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from signing import authority

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve import dispatch, repeating
from screener.serve.dispatch import Dispatch
from screener.serve.hub import Hub
from screener.serve.ledger import NewScan, Scan, Scans
from screener.serve.metrics import Metrics
from screener.serve.state_folder import StateFolder
from screener.serve.worker import keeper
from screener.settings import ScanSettings

from .full_disk import FillableDatabase, Worker, until, verdict_on


class Queue:
    """A dispatch with one worker. answers: of the worker, the last of which repeats. settings: of every scan."""

    def __init__(self, state: StateFolder) -> None:
        self.state, self.database = state, FillableDatabase(state.ledger)
        self.scans = Scans(self.database)
        self.answers: list[Callable[[dict[str, Any]], dict[str, Any] | None]] = [verdict_on]
        self.settings = ScanSettings()

    def settings_for(self, changes: dict[str, Any]) -> ScanSettings:
        return replace(self.settings, **changes)

    def answer(self, job: dict[str, Any]) -> dict[str, Any] | None:
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(job)

    def upload(self) -> Scan:
        (self.state.uploads / "clip.file").write_bytes(b"clip")
        return self.scans.accept(NewScan("upload", "clip.file", "clip.mp4"))

    def state_of(self, scan: Scan) -> str | None:
        found = self.scans.find(scan.id)
        return None if found is None else found.state

    def run(self, check: Callable[[Dispatch], Awaitable[None]]) -> None:
        async def run() -> None:
            keepers = [keeper.Keeper({})]
            one = Dispatch(
                self.scans,
                self.state,
                Hub(),
                Metrics(),
                keepers,
                self.settings_for,
                keep_videos=False,
                on_verdict=lambda: None,
            )
            one.start()
            try:
                await asyncio.wait_for(check(one), 60)
                assert not one.fault.done()
            finally:
                await one.close()

        asyncio.run(run())


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    monkeypatch.setattr(keeper, "Pipe", Worker)
    monkeypatch.setattr(keeper, "CANCEL_SECONDS", 0.01)
    monkeypatch.setattr(repeating, "AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(dispatch, "AGAIN_SECONDS", 0.02)
    with StateFolder(tmp_path / "state") as state:
        made = Queue(state)
        monkeypatch.setattr(Worker, "answer", staticmethod(made.answer))
        yield made
        made.database.close()


def test_a_worker_gets_the_settings_whole_trusted_signers_included(queue: Queue) -> None:
    queue.settings = ScanSettings(trust_anchors=authority().root_pem, stress=True)
    given: list[ScanSettings] = []

    def noting(job: dict[str, Any]) -> dict[str, Any]:
        given.append(ScanSettings.from_mapping(json.loads(json.dumps(job["settings"]))))
        return verdict_on(job)

    queue.answers = [noting]

    async def check(one: Dispatch) -> None:
        scan = queue.upload()
        one.ring()
        await until(lambda: queue.state_of(scan) == "done")
        assert given == [queue.settings]

    queue.run(check)


def test_a_scan_whose_settings_no_longer_go_with_those_of_the_server_gets_a_verdict_that_says_so(queue: Queue) -> None:
    queue.settings = ScanSettings(stress=True)
    given: list[dict[str, Any]] = []

    def noting(job: dict[str, Any]) -> dict[str, Any]:
        given.append(job)
        return verdict_on(job)

    queue.answers = [noting]

    async def check(one: Dispatch) -> None:
        scan = queue.scans.accept(NewScan("path", "/clip.mp4", "clip.mp4", {"until_sure": True}))
        one.ring()
        await until(lambda: queue.state_of(scan) == "done")
        assert "stress judges the frames of an even sample" in given[0]["given_up"]
        assert ScanSettings.from_mapping(given[0]["settings"]) == queue.settings

    queue.run(check)


def busy(job: dict[str, Any]) -> None:
    """A worker that does not even notice that its scan is cancelled."""


@pytest.mark.parametrize("erased", [False, True])
def test_a_cancelled_upload_is_erased_though_its_worker_had_to_be_killed(queue: Queue, erased: bool) -> None:
    queue.answers = [busy]

    async def check(one: Dispatch) -> None:
        scan = queue.upload()
        one.ring()
        await until(lambda: queue.state_of(scan) == "running")
        (queue.state.scan_folder(scan.id)).mkdir()
        queue.scans.cancel(scan.id)
        if erased:
            queue.scans.erase(scan.id)
        one.cancel(scan.id)
        await until(lambda: not list(queue.state.uploads.iterdir()) and not list(queue.state.scans.iterdir()))
        assert queue.state_of(scan) == (None if erased else "cancelled")

    queue.run(check)


def test_a_scan_cancelled_in_the_moment_in_which_it_is_taken_does_not_occupy_its_worker(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = queue.scans.take
    queue.answers = [busy]

    async def check(one: Dispatch) -> None:
        def taken_and_cancelled() -> Scan | None:
            if (scan := take()) is not None:
                queue.scans.cancel(scan.id)
                one.cancel(scan.id)
            return scan

        monkeypatch.setattr(queue.scans, "take", taken_and_cancelled)
        queue.upload()
        one.ring()
        await until(lambda: not list(queue.state.uploads.iterdir()))
        assert not one._at_work

    queue.run(check)


def test_an_upload_cancelled_while_its_verdict_cannot_be_written_is_erased(queue: Queue) -> None:
    def postponed(job: dict[str, Any]) -> dict[str, Any]:
        queue.scans.cancel(job["id"])
        return {"postponed": job["id"], "why": "No space left on device"}

    queue.answers = [postponed]

    async def check(one: Dispatch) -> None:
        queue.upload()
        one.ring()
        await until(lambda: not list(queue.state.uploads.iterdir()))

    queue.run(check)


def test_a_scan_is_not_given_up_because_the_disk_was_full_for_long(queue: Queue) -> None:
    jobs: list[dict[str, Any]] = []

    def postponed(job: dict[str, Any]) -> dict[str, Any]:
        jobs.append(job)
        return {"postponed": job["id"], "why": "No space left on device"} if len(jobs) < 15 else verdict_on(job)

    queue.answers = [postponed]

    async def check(one: Dispatch) -> None:
        scan = queue.upload()
        one.ring()
        await until(lambda: queue.state_of(scan) == "done")
        assert not any("given_up" in job for job in jobs)
        found = queue.scans.find(scan.id)
        assert found is not None and (found.attempts, found.deaths) == (1, 0)

    queue.run(check)


def test_a_scan_is_taken_once_the_disk_is_no_longer_full(queue: Queue) -> None:
    async def check(one: Dispatch) -> None:
        scan = queue.upload()
        await _fill_and_empty(queue, one.ring)
        await until(lambda: queue.state_of(scan) == "done")

    queue.run(check)


def test_a_verdict_is_stored_once_the_disk_is_no_longer_full(queue: Queue) -> None:
    def fill(job: dict[str, Any]) -> dict[str, Any]:
        queue.database.full = True
        return verdict_on(job)

    queue.answers = [fill, verdict_on]

    async def check(one: Dispatch) -> None:
        scan = queue.upload()
        one.ring()
        await until(lambda: queue.database.refused > 2)  # the verdict, and its return to the queue more than once
        assert queue.state_of(scan) == "running"
        queue.database.full = False
        await until(lambda: queue.state_of(scan) == "done")
        await until(lambda: not list(queue.state.uploads.iterdir()))

    queue.run(check)


def test_a_scan_whose_worker_died_is_repeated_once_the_disk_is_no_longer_full(queue: Queue) -> None:
    queue.answers = [busy, verdict_on]

    async def check(one: Dispatch) -> None:
        scan = queue.upload()
        one.ring()
        await until(lambda: queue.state_of(scan) == "running")
        await _fill_and_empty(queue, lambda: [one_keeper.kill() for one_keeper in _workers(one)])
        await until(lambda: queue.state_of(scan) == "done")
        found = queue.scans.find(scan.id)
        assert found is not None and (found.attempts, found.deaths) == (2, 1)

    queue.run(check)


async def _fill_and_empty(queue: Queue, begin: Callable[[], Any]) -> None:
    queue.database.full = True
    begin()
    await until(lambda: queue.database.refused > 1)
    queue.database.full = False


def _workers(one: Dispatch) -> list[Any]:
    return [found._pipe for found in one._keepers]
