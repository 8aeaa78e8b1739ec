"""Error responses: problem details (RFC 9457) with a code for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

CODES = {
    "invalid": 422, "unauthorised": 401, "wrong_origin": 403, "not_allowed": 403, "not_found": 404, "method_not_allowed": 405,
    "timeout": 408, "conflict": 409, "gone": 410, "wrong_version": 412, "too_large": 413, "unsupported_type": 415, "wrong_host": 421,
    "locked": 423, "too_many": 429, "headers_too_large": 431, "fault": 500, "queue_full": 503, "stopping": 503, "disk_full": 507,
}  # fmt: skip
"""Code -> HTTP status."""

RETRY_SECONDS = {"queue_full": 10, "stopping": 5, "too_many": 10}
"""Code -> value of `Retry-After`."""


@dataclass
class Refusal(Exception):
    """Raised to answer a request with a problem. errors: (location, message) for each error in it."""

    code: str
    detail: str
    errors: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] | None = None
    status: int | None = None

    def response(self) -> JSONResponse:
        """The response."""
        return problem(self.code, self.detail, self.errors, self.headers, self.status)


def problem(
    code: str, detail: str, errors: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None, status: int | None = None
) -> JSONResponse:
    """A response with problem details."""
    status = status or CODES[code]
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    if errors:
        body["errors"] = [{"where": where, "message": message} for where, message in errors]
    again = {"Retry-After": str(RETRY_SECONDS[code])} if code in RETRY_SECONDS else {}
    return JSONResponse(body, status, {**again, **(headers or {})}, media_type="application/problem+json")
