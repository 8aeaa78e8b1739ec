"""What several routes need: the service, and the problems they may answer with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import BaseModel

from screener.serve.ledger import Scan
from screener.serve.problems import Refusal
from screener.serve.service import Service


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the description of a route: the problems that it may answer with, and those that all may."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "Problem", "content": content} for status in sorted({*statuses, 400, 401, 403, 421, 431})}


def service_of(request: Request) -> Service:
    """The server's insides."""
    found: Service = request.app.state.service
    return found


ServiceGiven = Annotated[Service, Depends(service_of)]
ScanId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]


def asked_scan(service: ServiceGiven, scan_id: ScanId) -> Scan:
    """The scan that the path names. Raises Refusal."""
    return found_scan(service, scan_id)


ScanFound = Annotated[Scan, Depends(asked_scan)]
"""Looked for before anything is answered: a stream that has begun cannot say 404 any more."""


def found_scan(service: Service, scan_id: str) -> Scan:
    """The scan of that name. Raises Refusal."""
    scan = service.scans.find(scan_id)
    if scan is None:
        raise Refusal("not_found", "There is no such scan; it may have been erased.")
    return scan
