"""Scans: create, list, get, cancel, erase."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse

from screener.serve.accepting import accept_body, accept_place, accept_upload
from screener.serve.api.given import ScanId, ServiceGiven, found_scan, problems
from screener.serve.intake import small_body
from screener.serve.problems import Refusal
from screener.serve.requests import wish_of
from screener.serve.service import Service
from screener.serve.views import ScanPage, ScanView

router = APIRouter(prefix="/scans", tags=["scans"])

MOST_JSON_BYTES = 64 << 10
_RAW = re.compile(r"(application/octet-stream|(video|image|audio)/[\w.+-]+)")

_BODIES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Wish"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "", response_model=ScanView, status_code=202, openapi_extra=_BODIES,
    responses={200: {"model": ScanView, "description": "Known already"}, **problems(404, 408, 409, 413, 415, 422, 429, 503, 507)},
)  # fmt: skip
async def ask(
    request: Request,
    service: ServiceGiven,
    name: Annotated[str | None, Query(max_length=1024, description="For a raw body: its file name")] = None,
    settings: Annotated[str | None, Query(max_length=8192, description="For a raw body: changed settings, as a JSON object")] = None,
    force: Annotated[bool, Query(description="For a raw body: judge it again even if a verdict exists")] = False,
    callback_url: Annotated[str | None, Query(max_length=2048, description="For a raw body: see `callback_url` in the JSON object")] = None,
) -> Response:
    """Judge the body itself, or the upload, address or path given in a JSON object.

    202: it is queued, and will be judged even if the server is killed. 200: the same content is already queued, running or done.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        wish = wish_of(await small_body(request, MOST_JSON_BYTES, service.options.body_seconds))
        named = [given for given in (wish.upload_id, wish.url, wish.path) if given is not None]
        if len(named) != 1:
            raise Refusal("invalid", "Name one of upload_id, url and path.")
        scan, new = await (accept_upload(service, wish) if wish.upload_id is not None else accept_place(service, wish))
    elif _RAW.fullmatch(kind):
        wish = wish_of(_as_json(name, settings, force, callback_url))
        scan, new = await accept_body(service, request, wish)
    else:
        raise Refusal("unsupported_type", "Send a video as application/octet-stream, or an object as application/json.")
    view = await asyncio.to_thread(service.view, scan)
    return JSONResponse(view, 202 if new else 200, {"Location": f"{service.options.base_path}/api/v1/scans/{scan.id}"})


def _as_json(name: str | None, settings: str | None, force: bool, callback_url: str | None) -> str:
    try:
        changes = json.loads(settings) if settings else {}
        return json.dumps({"name": (name or "")[-255:] or None, "settings": changes, "force": force, "callback_url": callback_url})
    except (ValueError, RecursionError) as error:
        raise Refusal("invalid", "settings: not valid JSON.", [("settings", "not valid JSON")]) from error


@router.get("", response_model=ScanPage, responses=problems(422))
def browse(
    service: ServiceGiven,
    state: Annotated[
        Literal["queued", "running", "done", "cancelled", "ended"] | None, Query(description="`ended`: done or cancelled")
    ] = None,
    outcome: Annotated[Literal["fake", "genuine", "undecided"] | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=255, description="Part of a name")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="`next` of the previous page")] = None,
) -> Any:
    """Scans, the newest first."""
    scans, total = service.scans.page(state, outcome, q, int(cursor) if cursor else None, limit)
    following = str(scans[-1].number) if len(scans) == limit else None
    return JSONResponse({"scans": [service.view(scan) for scan in scans], "next": following, "total": total})


@router.get("/{scan_id}", response_model=ScanView, responses=problems(404, 422))
def look(service: ServiceGiven, scan_id: ScanId) -> Any:
    """One scan."""
    return JSONResponse(look_at(service, scan_id))


def look_at(service: Service, scan_id: str) -> dict[str, Any]:
    """The scan object. Raises Refusal."""
    return service.view(found_scan(service, scan_id))


@router.delete(
    "/{scan_id}", response_model=ScanView, responses={204: {"description": "Erased"}, **problems(404, 422)},
)  # fmt: skip
async def call_off(
    service: ServiceGiven,
    scan_id: ScanId,
    erase: Annotated[bool, Query(description="Erase the scan, whatever its state")] = False,
) -> Response:
    """Cancel a queued or running scan (200); erase a finished one, with its file, report, pictures and rows (204).

    200 with the verdict: it ended before it could be cancelled.
    """
    scan = await asyncio.to_thread(found_scan, service, scan_id)
    cancelled = await _cancelled(service, scan_id)
    if cancelled is not None and not erase:
        return JSONResponse(cancelled)
    if scan.state not in ("done", "cancelled") and not erase:  # it ended before it could be cancelled, and its verdict is kept
        return JSONResponse(await asyncio.to_thread(look_at, service, scan_id))
    await asyncio.to_thread(service.erase, scan_id)
    service.hub.tell("erased", {"id": scan_id})
    return Response(status_code=204)


async def _cancelled(service: Service, scan_id: str) -> dict[str, Any] | None:
    before = await asyncio.to_thread(service.scans.find, scan_id)
    scan = await asyncio.to_thread(service.scans.cancel, scan_id)
    if scan is None or before is None:
        return None
    # The one who is at work on it erases its file afterwards.
    if not service.dispatch.cancel(scan_id) and before.kind == "upload":
        await asyncio.to_thread(service.state.erase_upload, before.target)
    view = await asyncio.to_thread(service.view, scan)
    service.hub.tell("cancelled", view)
    await service.dispatch.tell_queue()
    return view
