"""Dependencies shared by routes: the service, the scan in the path, and the problem responses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import BaseModel

from screener.serve.ledger import Scan
from screener.serve.problems import Refusal
from screener.serve.service import Service


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of a route: its own problem statuses and those common to all routes."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "Problem", "content": content} for status in sorted({*statuses, 400, 401, 403, 421, 431})}


def service_of(request: Request) -> Service:
    """The service of the application."""
    found: Service = request.app.state.service
    return found


ServiceGiven = Annotated[Service, Depends(service_of)]
ScanId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]


def asked_scan(service: ServiceGiven, scan_id: ScanId) -> Scan:
    """The scan in the path. Raises Refusal."""
    return found_scan(service, scan_id)


ScanFound = Annotated[Scan, Depends(asked_scan)]
"""Resolved before the response starts, because a stream that has started cannot return 404."""


def found_scan(service: Service, scan_id: str) -> Scan:
    """The scan with this ID. Raises Refusal."""
    scan = service.scans.find(scan_id)
    if scan is None:
        raise Refusal("not_found", "There is no such scan; it may have been erased.")
    return scan
