"""Accepts scans: writes the content to disk, looks it up in the ledger, and queues it.

Knows the service and request bodies; does not know routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request

from screener.serve.intake import Writing, announced_length, suffix_of
from screener.serve.ledger import NewScan, Scan
from screener.serve.problems import Refusal
from screener.serve.requests import (
    OF_THE_WEIGHTS,
    Wish,
    check_choices,
    checked_callback,
    checked_name,
    checked_path,
    checked_settings,
    checked_url,
    content_of,
)
from screener.serve.service import Service
from screener.settings import ScanSettings

FACTS_SECONDS = 20.0
"""Seconds to wait for the models to load before content with an earlier verdict is judged again, or settings are accepted unchecked."""


async def accept_body(service: Service, request: Request, wish: Wish) -> tuple[Scan, bool]:
    """(the scan of a raw body, whether it is new). Raises Refusal; an incomplete body is removed."""
    settings = await _settings_of(service, wish)
    callback = await asyncio.to_thread(checked_callback, wish.callback_url, service.allow_private)
    service.intake.check_size(announced_length(request))
    name = checked_name(wish.name)
    file = uuid4().hex + suffix_of(name)
    path = service.state.uploads / file
    with place_in_queue(service):
        writing = await asyncio.to_thread(Writing, path)
        try:
            await service.intake.receive(request, writing, service.options.max_upload_bytes)
            if not writing.size:
                raise Refusal("invalid", "The body is empty.")
            content = content_of(writing.sha256, suffix_of(name), settings)
            new = NewScan("upload", file, name, wish.settings, writing.size, writing.sha256, content, callback)
            scan, is_new = await _queued(service, new, wish.force)
        except BaseException as error:
            with suppress(OSError):
                path.unlink()
            if isinstance(error, ClientDisconnect):
                raise Refusal("invalid", "The body ended early.", status=400) from error
            raise
        finally:
            writing.close()
    if not is_new:
        await asyncio.to_thread(service.state.erase_upload, file)
    return scan, is_new


async def accept_upload(service: Service, wish: Wish) -> tuple[Scan, bool]:
    """(the scan of a complete upload, whether it is new). Idempotent. Raises Refusal."""
    settings = await _settings_of(service, wish)
    callback = await asyncio.to_thread(checked_callback, wish.callback_url, service.allow_private)
    upload = await asyncio.to_thread(service.uploads.find, str(wish.upload_id))
    if upload is None:
        raise Refusal("not_found", "There is no such upload; it may have expired.")
    if upload.sha256 is None or upload.id in service.receiving:
        raise Refusal("conflict", f"Of this upload {upload.received} of {upload.length} bytes have come.")
    content = content_of(upload.sha256, suffix_of(upload.file), settings)
    if (made := await asyncio.to_thread(_made_of, service, upload.id, content)) is not None:
        return made, False
    with place_in_queue(service):
        name = checked_name(wish.name or upload.name)
        new = NewScan("upload", upload.file, name, wish.settings, upload.length, upload.sha256, content, callback, upload.id)
        scan, is_new = await _queued(service, new, wish.force)
    if not is_new and scan.target != upload.file:  # else another request has made this upload a scan, which needs the file
        await asyncio.to_thread(service.state.erase_upload, upload.file)
    return scan, is_new


async def accept_place(service: Service, wish: Wish) -> tuple[Scan, bool]:
    """(the scan of an address or a path, True): always new, because the content may have changed. Raises Refusal."""
    await _settings_of(service, wish)
    callback = await asyncio.to_thread(checked_callback, wish.callback_url, service.allow_private)
    if wish.url is not None:
        target, name = await asyncio.to_thread(checked_url, wish.url, service.options, service.allow_private)
        new = NewScan("url", target, checked_name(wish.name, name), wish.settings, callback_url=callback)
    else:
        path = await asyncio.to_thread(checked_path, str(wish.path), service.options)
        size = (await asyncio.to_thread(path.stat)).st_size
        new = NewScan("path", str(path), checked_name(wish.name, str(path)), wish.settings, size, callback_url=callback)
    with place_in_queue(service):
        return await _queued(service, new, force=True)


@contextmanager
def place_in_queue(service: Service) -> Iterator[None]:
    """Reserve a place in the queue while a body is received, so that no large upload is in vain. Raises Refusal."""
    check_queue(service)
    service.reserved += 1
    try:
        yield
    finally:
        service.reserved -= 1


def check_queue(service: Service) -> None:
    """Raises Refusal if the queue is full or the server is stopping."""
    if service.hub.stopping:
        raise Refusal("stopping", "The server is ending; ask again in a moment.")
    if service.scans.waiting() + service.reserved >= service.options.max_queue:
        raise Refusal("queue_full", f"{service.options.max_queue} scans are waiting, which is as many as may; ask again in a while.")


async def _settings_of(service: Service, wish: Wish) -> ScanSettings:
    """The settings of a requested scan. Raises Refusal, also for those that the weights do not allow."""
    settings = checked_settings(wish.settings, service.given.settings_for)
    left_to_them = settings.threshold is None or settings.pooling is not None
    if left_to_them and any(name in wish.settings for name in OF_THE_WEIGHTS):
        await _models_loaded(service)
        if (choices := service.dispatch.choices) is not None:
            check_choices(settings, choices)
    return settings


async def _queued(service: Service, new: NewScan, force: bool) -> tuple[Scan, bool]:
    if not force and new.content is not None:
        await _facts_known(service, new.content)
    async with service.accepting:
        # Again, because two requests may name the same upload at the same time.
        made = None if new.upload_id is None else await asyncio.to_thread(_made_of, service, new.upload_id, str(new.content))
        if made is not None:
            return made, False
        facts = service.dispatch.facts
        known = None if force or new.content is None else await asyncio.to_thread(service.scans.known, new.content, facts)
        if known is not None:
            if new.callback_url is not None:
                await asyncio.to_thread(service.scans.call_back, known.id, new.callback_url)
                service.callbacks.ring()
            if new.upload_id is not None:
                await asyncio.to_thread(service.uploads.used, new.upload_id, known.id)
            return known, False
        scan = await asyncio.to_thread(service.scans.accept, new)
    service.dispatch.ring()
    await service.dispatch.tell_queue()
    return scan, True


def _made_of(service: Service, upload_id: str, content: str) -> Scan | None:
    """The scan that an upload was used for. Raises Refusal if the upload is gone, or was used with other settings."""
    upload = service.uploads.find(upload_id)
    if upload is None:
        raise Refusal("not_found", "There is no such upload; it may have expired.")
    made = None if upload.scan_id is None else service.scans.find(upload.scan_id)
    if made is not None and made.content != content:
        raise Refusal("conflict", f"This upload was used for scan {made.id}, which has other settings; send the file again.")
    return made


async def _facts_known(service: Service, content: str) -> None:
    """Wait for the models: whether an earlier verdict is still valid depends on their facts."""
    if service.dispatch.facts is None and await asyncio.to_thread(service.scans.has, content):
        await _models_loaded(service)


async def _models_loaded(service: Service) -> None:
    """Wait for the models, which takes seconds after a start; not while the server ends, which refuses the request."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FACTS_SECONDS):
            while service.dispatch.facts is None and not service.hub.stopping:
                await asyncio.sleep(0.05)
