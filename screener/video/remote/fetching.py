"""What an http(s) address sends, without a decoder: its kind and first bytes, or all of it into a file.

Goes the way that a `UrlGuard` allows, and nowhere else: a redirect to another protocol is not followed. Does not know media.
"""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import IO, BinaryIO

from screener.errors import SourceError
from screener.video.remote.reaching import UrlGuard

_BLOCK_BYTES = 1 << 16
_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Answer:
    """content_type: as the server says, lower case, without parameters. head: the first bytes, fewer where it sends no more in time."""

    content_type: str
    head: bytes


def is_web(address: str) -> bool:
    return address.lower().startswith(("http:", "https:"))


def look(reach: UrlGuard, timeout_seconds: float, head_bytes: int) -> Answer | None:
    """How the answer of an address begins; None where there is none."""
    try:
        with _opened(reach, timeout_seconds) as response:
            kind = response.headers.get_content_type().lower() if response.headers.get("Content-Type") else ""
            return Answer(kind, response.read1(head_bytes))
    except (OSError, HTTPException, ValueError):
        return None


def download(reach: UrlGuard, file: BinaryIO | IO[bytes], name: str, timeout_seconds: float, most_bytes: int, most_seconds: float) -> bool:
    """All that an address sends into a file; False if it was still sending after so much or so long. Raises SourceError."""
    started, left = time.monotonic(), most_bytes
    try:
        with _opened(reach, timeout_seconds) as response:
            while block := response.read(_BLOCK_BYTES):
                left -= len(block)
                if left < 0 or time.monotonic() - started > most_seconds:
                    return False
                file.write(block)
            cut = bool(response.length)
    except (OSError, HTTPException, ValueError) as error:
        raise reach.refusal() or SourceError("stream_lost", f"{name}: the connection failed ({type(error).__name__})") from error
    if cut:
        raise SourceError("stream_lost", f"{name}: the server sent less than it said; try again")
    file.flush()
    return True


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Followed over http(s) alone: other protocols would pass the relay by."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme.lower() not in _SCHEMES:
            raise urllib.error.URLError("a redirect to another protocol")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


@contextmanager
def _opened(reach: UrlGuard, timeout_seconds: float) -> Iterator[HTTPResponse]:
    address, handlers = _without_login(reach.address)
    proxy = reach.options.get("http_proxy")
    # As the decoder has it, which checks no certificates: cameras sign their own.
    context = ssl._create_unverified_context()
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(dict.fromkeys(_SCHEMES, proxy) if proxy else None),
        urllib.request.UnknownHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(context=context), _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), *handlers,
    ):  # fmt: skip
        opener.add_handler(handler)
    with opener.open(address, timeout=timeout_seconds) as response:
        yield response


def _without_login(address: str) -> tuple[str, list[urllib.request.BaseHandler]]:
    """The address as a server takes it, and what answers when the server asks who is there."""
    parts = urllib.parse.urlsplit(address)
    login, _, place = parts.netloc.rpartition("@")
    bare = urllib.parse.urlunsplit(parts._replace(netloc=place, fragment=""))
    if not login:
        return bare, []
    user, _, password = login.partition(":")
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, bare, urllib.parse.unquote(user), urllib.parse.unquote(password))
    return bare, [urllib.request.HTTPBasicAuthHandler(known), urllib.request.HTTPDigestAuthHandler(known)]
