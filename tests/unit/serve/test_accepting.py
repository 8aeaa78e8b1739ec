"""An upload becomes one scan, however often and however simultaneously it is asked for; a scan has the name that was asked for."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve.accepting import accept_place, accept_upload
from screener.serve.hub import Hub
from screener.serve.ledger import Database, Upload
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.problems import Refusal
from screener.serve.requests import Wish
from screener.serve.service import Given, Service
from screener.serve.state_folder import StateFolder
from screener.serve.worker.judging import source_of
from screener.settings import ScanSettings

CONTENT = b"clip"


def with_service(folder: Path, check: Callable[[Service], Awaitable[None]]) -> None:
    """Runs a check on a server that judges nothing."""

    async def run(state: StateFolder) -> None:
        options = ServeOptions(state=state.path, token="t" * 20, allow_urls=True, allow_paths=(folder.resolve(),))
        given = Given(ScanSettings.from_mapping, {}, {}, {})
        service = Service(options, state, Database(state.ledger), given, Metrics(), Hub())
        try:
            await check(service)
        finally:
            await service.close()

    with StateFolder(folder / "state") as state:
        asyncio.run(run(state))


def wished(**fields: Any) -> Wish:
    return Wish.model_validate(fields)


def whole_upload(service: Service) -> Upload:
    upload = service.uploads.create("clip.mp4", len(CONTENT), ".mp4")
    (service.state.uploads / upload.file).write_bytes(CONTENT)
    service.uploads.grown(upload.id, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    return upload


@pytest.mark.parametrize("force", [False, True])
def test_an_upload_asked_for_twice_at_the_same_time_is_one_scan_that_keeps_its_file(tmp_path: Path, force: bool) -> None:
    async def check(service: Service) -> None:
        upload = whole_upload(service)
        wish = wished(upload_id=upload.id, force=force)
        asked = await asyncio.gather(accept_upload(service, wish), accept_upload(service, wish))
        assert [is_new for _, is_new in asked].count(True) == 1
        assert len({scan.id for scan, _ in asked}) == 1 and service.scans.waiting() == 1
        assert (service.state.uploads / upload.file).read_bytes() == CONTENT

    with_service(tmp_path, check)


def test_a_second_upload_of_the_same_content_is_erased(tmp_path: Path) -> None:
    async def check(service: Service) -> None:
        first, second = whole_upload(service), whole_upload(service)
        scan, _ = await accept_upload(service, wished(upload_id=first.id))
        assert await accept_upload(service, wished(upload_id=second.id)) == (scan, False)
        assert [file.name for file in service.state.uploads.iterdir()] == [first.file]

    with_service(tmp_path, check)


def test_a_used_upload_is_not_answered_with_a_scan_of_other_settings(tmp_path: Path) -> None:
    async def check(service: Service) -> None:
        upload = whole_upload(service)
        scan, _ = await accept_upload(service, wished(upload_id=upload.id, settings={"frames": 8}))
        assert (await accept_upload(service, wished(upload_id=upload.id, settings={"frames": 8})))[0].id == scan.id
        with pytest.raises(Refusal, match="other settings") as refused:
            await accept_upload(service, wished(upload_id=upload.id))
        assert refused.value.code == "conflict"

    with_service(tmp_path, check)


def test_settings_that_only_the_weights_can_judge_wait_for_them_and_are_refused(tmp_path: Path) -> None:
    clip = tmp_path.resolve() / "clip.mp4"
    clip.write_bytes(CONTENT)

    async def check(service: Service) -> None:
        upload = whole_upload(service)
        asked = [
            asyncio.create_task(accept_upload(service, wished(upload_id=upload.id, settings={"fpr": 0.2}))),
            asyncio.create_task(accept_place(service, wished(path=str(clip), settings={"pooling": "max"}))),
        ]
        accepted = asyncio.create_task(accept_place(service, wished(path=str(clip), settings={"fpr": 0.05})))
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in (*asked, accepted)), "the models are not loaded"
        (keeper,) = service.dispatch._keepers
        keeper.choices, keeper.facts = {"fpr": [0.05], "pooling": ["mean"]}, "facts"
        for task in asked:
            with pytest.raises(Refusal, match=r"fpr: |pooling: ") as refused:
                await task
            assert refused.value.code == "invalid"
        assert (await accepted)[1] and service.scans.waiting() == 1

    with_service(tmp_path, check)


def test_a_threshold_does_not_wait_for_the_weights(tmp_path: Path) -> None:
    clip = tmp_path.resolve() / "clip.mp4"
    clip.write_bytes(CONTENT)

    async def check(service: Service) -> None:
        for settings in ({"threshold": 0.5}, {"threshold": 0.5, "fpr": 0.2, "pooling": None}):
            async with asyncio.timeout(10):
                await accept_place(service, wished(path=str(clip), settings=settings))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await accept_place(service, wished(path=str(clip), settings={"threshold": 0.5, "pooling": "max"}))
        assert service.scans.waiting() == 2

    with_service(tmp_path, check)


def test_a_request_that_waits_for_the_weights_is_refused_once_the_server_ends(tmp_path: Path) -> None:
    clip = tmp_path.resolve() / "clip.mp4"
    clip.write_bytes(CONTENT)

    async def check(service: Service) -> None:
        asked = asyncio.create_task(accept_place(service, wished(path=str(clip), settings={"fpr": 0.05})))
        await asyncio.sleep(0.1)
        service.hub.stop()
        with pytest.raises(Refusal) as refused:
            async with asyncio.timeout(10):
                await asked
        assert refused.value.code == "stopping"

    with_service(tmp_path, check)


def test_a_path_and_an_address_have_the_name_that_was_asked_for(tmp_path: Path) -> None:
    clip = tmp_path.resolve() / "0001.mp4"
    clip.write_bytes(CONTENT)
    address = "https://me:secret@93.184.216.34/0001.mp4"

    async def check(service: Service) -> None:
        for place in ({"path": str(clip)}, {"url": address}):
            unnamed, _ = await accept_place(service, wished(**place))
            named, _ = await accept_place(service, wished(**place, name="interview.mp4"))
            assert unnamed.name.endswith("/0001.mp4") and "secret" not in unnamed.name and named.name == "interview.mp4"
            for scan in (unnamed, named):
                job = {"kind": scan.kind, "target": scan.target, "name": scan.name}
                assert source_of(job).name == scan.name

    with_service(tmp_path, check)
