"""Resumable uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload) with the extensions creation, termination and expiration.

Bytes below an offset are on the disk; if the server is killed while receiving a piece, the client sends that piece again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from contextlib import suppress
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from starlette.requests import ClientDisconnect

from screener.serve.accepting import check_queue
from screener.serve.api.given import ServiceGiven, problems
from screener.serve.intake import announced_length, suffix_of
from screener.serve.ledger import Upload
from screener.serve.problems import Refusal
from screener.serve.requests import checked_name
from screener.serve.service import Service

VERSION = "1.0.0"
PIECE_TYPE = "application/offset+octet-stream"
MOST_OPEN = 1000
"""Most incomplete uploads at a time."""

MOST_AT_ONCE = 128
"""Most pieces received at a time, each with an open file."""

UploadId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]
_DIGITS = "^[0-9]{1,18}$"
_RESUMABLE = {"Tus-Resumable": VERSION}


def speaks_tus(tus_resumable: Annotated[str, Header(description=f"Must be {VERSION}")] = "") -> None:
    """Raises Refusal for another version of the protocol."""
    if tus_resumable != VERSION:
        raise Refusal("wrong_version", f"Tus-Resumable: expected {VERSION}.", headers={"Tus-Version": VERSION})


router = APIRouter(prefix="/uploads", tags=["uploads"])
_versioned: dict[str, Any] = {"dependencies": [Depends(speaks_tus)], "response_class": Response}


@router.options("", status_code=204, response_class=Response, responses=problems())
@router.options("/{upload_id}", status_code=204, response_class=Response, include_in_schema=False)
def offers(service: ServiceGiven) -> Response:
    """The version and extensions that this server supports."""
    most = str(service.options.max_upload_bytes)
    extensions = "creation,termination,expiration"
    return Response(status_code=204, headers={**_RESUMABLE, "Tus-Version": VERSION, "Tus-Extension": extensions, "Tus-Max-Size": most})


@router.post("", status_code=201, responses=problems(412, 413, 422, 503, 507), **_versioned)
async def create(
    service: ServiceGiven,
    upload_length: Annotated[str, Header(pattern=_DIGITS, description="Size of the complete file in bytes")],
    upload_metadata: Annotated[str, Header(description="`filename` and its value in base64")] = "",
) -> Response:
    """Create an empty upload; `Location` is the URL for its pieces."""
    length = int(upload_length)
    if not length:
        raise Refusal("invalid", "An empty file cannot be judged.", [("Upload-Length", "is 0")])
    await asyncio.to_thread(check_queue, service)
    count, promised = await asyncio.to_thread(service.uploads.open_count)
    if count >= MOST_OPEN:
        raise Refusal("queue_full", f"{count} uploads have begun and are not whole; finish some first.")
    service.intake.check_size(length)
    service.intake.check_disk(length + promised)
    name = checked_name(_metadata(upload_metadata).get("filename"))
    upload = await asyncio.to_thread(service.uploads.create, name, length, suffix_of(name))
    location = f"{service.options.base_path}/api/v1/uploads/{upload.id}"
    return Response(status_code=201, headers={**_told(upload), "Location": location})


@router.head("/{upload_id}", responses=problems(404, 412, 422), **_versioned)
def look(service: ServiceGiven, upload_id: UploadId) -> Response:
    """The number of bytes received."""
    return Response(headers={**_told(_found(service, upload_id)), "Cache-Control": "no-store"})


_PIECE = {"requestBody": {"required": True, "content": {PIECE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}}


@router.patch(
    "/{upload_id}", status_code=204, openapi_extra=_PIECE,
    responses=problems(404, 408, 409, 410, 412, 413, 415, 422, 423, 503, 507), **_versioned,
)  # fmt: skip
async def grow(
    request: Request,
    service: ServiceGiven,
    upload_id: UploadId,
    upload_offset: Annotated[str, Header(pattern=_DIGITS, description="Bytes received before this piece")],
) -> Response:
    """Receive the next piece, which starts at the current offset."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PIECE_TYPE:
        raise Refusal("unsupported_type", f"Send pieces as {PIECE_TYPE}.")
    upload = await asyncio.to_thread(_found, service, upload_id)
    if upload.id in service.receiving:
        raise Refusal("locked", "Another piece of this upload is coming in.")
    if len(service.receiving) >= MOST_AT_ONCE:
        raise Refusal("queue_full", "Too many uploads are coming in at once; try again in a moment.")
    if int(upload_offset) != upload.received or upload.sha256 is not None:
        raise Refusal("conflict", f"Upload-Offset: {upload.received} bytes have come.", headers=_told(upload))
    if (announced_length(request) or 0) > upload.length - upload.received:
        raise Refusal("too_large", f"Only {upload.length - upload.received} bytes are still to come.")
    service.receiving.add(upload.id)
    try:
        received = await _received(request, service, upload)
    finally:
        service.receiving.discard(upload.id)
    return Response(status_code=204, headers=_told(received))


async def _received(request: Request, service: Service, upload: Upload) -> Upload:
    """The upload after receiving a piece, or a part of it if the client disconnects or the server stops."""
    writing = await asyncio.to_thread(service.open_uploads.writing, upload)
    try:
        with suppress(ClientDisconnect):  # the bytes received are kept, and there is no client left to answer
            await service.intake.receive(request, writing, upload.length)
    finally:
        sha256 = writing.sha256 if writing.size == upload.length else None
        await asyncio.to_thread(service.uploads.grown, upload.id, writing.size, sha256)
        if sha256 is not None:
            service.open_uploads.close(upload.id)
    return await asyncio.to_thread(_found, service, upload.id)


@router.delete("/{upload_id}", status_code=204, responses=problems(404, 412, 422, 423), **_versioned)
async def give_up(service: ServiceGiven, upload_id: UploadId) -> Response:
    """Delete an upload. A scan that was created from it stays."""
    upload = await asyncio.to_thread(_found, service, upload_id)
    if upload.id in service.receiving:
        raise Refusal("locked", "A piece of this upload is coming in.")
    service.open_uploads.close(upload.id)
    await asyncio.to_thread(service.uploads.remove, upload.id)
    if upload.scan_id is None:
        await asyncio.to_thread(service.state.erase_upload, upload.file)
    return Response(status_code=204, headers=_RESUMABLE)


def _found(service: Service, upload_id: str) -> Upload:
    upload = service.uploads.find(upload_id)
    if upload is None:
        raise Refusal("not_found", "There is no such upload; it may have expired.", headers=_RESUMABLE)
    return upload


def _told(upload: Upload) -> dict[str, str]:
    return {
        **_RESUMABLE,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Expires": formatdate(upload.expires, usegmt=True),
    }


def _metadata(text: str) -> dict[str, str]:
    """`filename Y2xpcC5tcDQ=,type ...` -> names and values; values that are not base64 are left out."""
    found = {}
    for pair in text.split(","):
        name, _, value = pair.strip().partition(" ")
        with suppress(binascii.Error, ValueError):
            found[name] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
    return found
