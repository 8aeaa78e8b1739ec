"""POSTs events as JSON to a web address, with time limits and retries. Only knows HTTP.

The part of an address after its host may be a secret, and is left out of every message.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO

from screener.errors import SettingsError
from screener.report.wording import visible
from screener.runtime.versions import versions
from screener.watching.events import event_line
from screener.watching.records import LiveEvent

TIMEOUT_SECONDS = 5.0
PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Pauses between attempts; there is one attempt more than there are pauses."""

SEE_OTHER = 303
"""The event was accepted, and the response refers to another page: success, and the redirect is not followed."""

_SCHEMES = ("http", "https")
_TRY_AGAIN = {408, 425, 429, *range(500, 600)}


class Webhook:
    """POSTs the JSON of each event to one http or https address."""

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS, pauses_seconds: tuple[float, ...] = PAUSES_SECONDS) -> None:
        self._url = url
        self._name = f"webhook {_shown(url)}"
        self._timeout_seconds = timeout_seconds
        self._pauses_seconds = pauses_seconds
        self._abandoned = threading.Event()
        self._opener = urllib.request.build_opener(_Redirects)

    def deliver(self, event: LiveEvent) -> str:
        """POST the event, with retries if they may help; returns what went wrong, or an empty text."""
        body = event_line(event).encode()
        for pause_seconds in (0.0, *self._pauses_seconds):
            if self._abandoned.wait(pause_seconds):
                return f"{self._name}: given up at the end of the watch"
            why, again = self._attempt(body)
            if not why:
                return ""
            if not again:
                return f"{self._name}: {why}"
        return f"{self._name}: {why}; given up after {len(self._pauses_seconds) + 1} attempts"

    def abandon(self) -> None:
        """Stop trying, even during an attempt; may be called from another thread."""
        self._abandoned.set()

    def _attempt(self, body: bytes) -> tuple[str, bool]:
        """Why it failed (empty if it did not), and whether another attempt may help."""
        headers = {"Content-Type": "application/json", "User-Agent": f"screener/{versions()['screener']}"}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._timeout_seconds):
                return "", False
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == SEE_OTHER:
                return "", False
            return f"answered {error.code} {visible(str(error.reason))[:200]}", error.code in _TRY_AGAIN
        except urllib.error.URLError as error:
            reason = error.reason
            return visible(str(getattr(reason, "strerror", None) or reason)), True
        except (OSError, HTTPException) as error:
            return visible(str(error) or type(error).__name__), True


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects with the same body, which Python would drop, and only from http to http or https and from https to https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(newurl).scheme
        if code == SEE_OTHER or scheme not in _SCHEMES or (req.type == "https" and scheme != "https"):
            return None
        return urllib.request.Request(newurl, req.data, req.headers, method="POST")


def _shown(url: str) -> str:
    """Scheme and host of a valid address. Raises SettingsError."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        # Python's message may quote a part of the address, and everything after the host may be a secret.
        raise SettingsError("webhook: not a web address; check the host and the port, and write other signs as %XX") from error
    if parts.scheme not in _SCHEMES or not host:
        got = f"an address of kind {visible(parts.scheme)[:20]}:" if "://" in url else "none"
        raise SettingsError(f"webhook: expected http://... or https://..., got {got}")
    if parts.username is not None:
        raise SettingsError("webhook: a name and password inside the address are not supported; use a token in its path or query")
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise SettingsError("webhook: the address holds characters that must be written as %XX")
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}"
