"""The results of a finished scan: verdict, report, pictures, markers. Uploads themselves are never served."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from starlette.responses import FileResponse, JSONResponse, Response

from screener.serve.api.given import ScanId, ServiceGiven, found_scan, problems
from screener.serve.problems import Refusal
from screener.serve.service import Service
from screener.serve.views import CropView, MarkerView

router = APIRouter(prefix="/scans/{scan_id}", tags=["results"])

_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}
_BINARY = "application/octet-stream"
_MARKERS: dict[int | str, dict[str, Any]] = {200: {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}}}
_HTML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}
_VERDICT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


@router.get("/verdict.json", response_class=Response, responses={**_VERDICT, **problems(404, 422)})
def verdict(service: ServiceGiven, scan_id: ScanId) -> Response:
    """The verdict with its evidence: the JSON of `screener scan --json`, identical except for timings."""
    document = service.scans.document(found_scan(service, scan_id).id)
    if document is None:
        raise Refusal("not_found", "This scan has no verdict yet.")
    return Response(document, media_type="application/json")


@router.get("/report.html", response_class=Response, responses={**_HTML, **problems(404, 422)})
def report(
    service: ServiceGiven, scan_id: ScanId, download: Annotated[bool, Query(description="As an attachment, to be saved")] = False
) -> Response:
    """The report: one self-contained page without scripts or external resources."""
    from screener.report.html import page_policy  # imports NumPy and OpenCV, which is slow; see `running`

    scan = found_scan(service, scan_id)
    headers = {"Content-Security-Policy": f"{page_policy()}; frame-ancestors 'none'"}
    if download:
        headers["Content-Disposition"] = _attachment(f"{scan.name}.html")
    return _file(service, scan_id, "report.html", "text/html; charset=utf-8", headers)


@router.get("/thumbnail.jpg", response_class=Response, responses={**_JPEG, **problems(404, 422)})
def thumbnail(service: ServiceGiven, scan_id: ScanId) -> Response:
    """A thumbnail of the first judged picture."""
    return _file(service, scan_id, "thumbnail.jpg", "image/jpeg")


@router.get("/crops/", response_model=list[CropView], responses=problems(404, 422))
def crops(service: ServiceGiven, scan_id: ScanId) -> Response:
    """The most important faces for the verdict: the most suspicious person first, and for each the most suspicious face."""
    if found_scan(service, scan_id).state != "done":
        raise Refusal("not_found", "This scan has no verdict yet.")
    try:
        return JSONResponse(json.loads((service.state.scan_folder(scan_id) / "crops.json").read_bytes()))
    except OSError:
        return JSONResponse([])


@router.get("/crops/{name}", response_class=Response, responses={**_JPEG, **problems(404, 422)})
def crop(service: ServiceGiven, scan_id: ScanId, name: Annotated[str, Path(pattern=r"^[0-9]{1,6}\.jpg$")]) -> Response:
    """The picture of one of these faces."""
    return _file(service, scan_id, f"crops/{name}", "image/jpeg")


@router.get("/markers/", response_model=list[MarkerView], responses=problems(404, 422))
def markers(service: ServiceGiven, scan_id: ScanId) -> Response:
    """The files with markers of suspicious intervals, for players and editing programs; none for pictures and unreadable inputs."""
    scan = found_scan(service, scan_id)
    if scan.state != "done":
        raise Refusal("not_found", "This scan has no verdict yet.")
    files = sorted((service.state.scan_folder(scan_id) / "markers").glob("markers.*"))
    return JSONResponse([{"name": file.name, "format": file.suffix[1:]} for file in files])


@router.get("/markers/{name}", response_class=Response, responses={**_MARKERS, **problems(404, 422)})
def marker_file(service: ServiceGiven, scan_id: ScanId, name: Annotated[str, Path(pattern=r"^markers\.[a-z]{3,6}$")]) -> Response:
    """One of these files, as an attachment named after the video."""
    saved_as = f"{found_scan(service, scan_id).name}.{name.removeprefix('markers.')}"
    return _file(service, scan_id, f"markers/{name}", _BINARY, {"Content-Disposition": _attachment(saved_as)})


def _file(service: Service, scan_id: str, name: str, kind: str, headers: dict[str, str] | None = None) -> Response:
    """scan_id, name: checked by the route's patterns, so that they cannot form another path."""
    scan = found_scan(service, scan_id)
    path = service.state.scan_folder(scan_id) / name
    if scan.state != "done" or not path.is_file():
        raise Refusal("not_found", "There is nothing of that name.")
    return FileResponse(path, media_type=kind, headers=headers)


def _attachment(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
