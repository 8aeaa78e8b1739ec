"""Reads an http(s) address without a decoder: its type and first bytes, or all of it into a file.

Connects only as a `UrlGuard` allows; a redirect to another protocol is not followed. Does not know media.
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
    """content_type: from the server, lower case, without parameters. head: the first bytes, fewer if no more come in time."""

    content_type: str
    head: bytes


def is_web(address: str) -> bool:
    """Whether an address is http or https."""
    return address.lower().startswith(("http:", "https:"))


def look(reach: UrlGuard, timeout_seconds: float, head_bytes: int) -> Answer | None:
    """Type and first bytes of what an address sends; None if there is no answer."""
    try:
        with _opened(reach, timeout_seconds) as response:
            kind = response.headers.get_content_type().lower() if response.headers.get("Content-Type") else ""
            return Answer(kind, response.read1(head_bytes))
    except (OSError, HTTPException, ValueError):
        return None


def download(reach: UrlGuard, file: BinaryIO | IO[bytes], name: str, timeout_seconds: float, most_bytes: int, most_seconds: float) -> bool:
    """Write everything an address sends into a file. False if it was still sending after `most_bytes` or `most_seconds`. Raises
    SourceError.
    """
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
    """Followed over http(s) only: other protocols would bypass the relay."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme.lower() not in _SCHEMES:
            raise urllib.error.URLError("a redirect to another protocol")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


class _ThroughRelay(urllib.request.ProxyHandler):
    """Every connection through the relay. The inherited handler lets hosts pass beside it that the system names as exceptions, as those of
    macOS and Windows do with private ones.
    """

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> None:
        relay = urllib.parse.urlsplit(proxy)
        req.set_proxy(relay.netloc, relay.scheme)


def way_of(reach: UrlGuard) -> urllib.request.ProxyHandler:
    """Through the guard's relay if it has one, else as the user's environment says."""
    relay = reach.options.get("http_proxy")
    return _ThroughRelay(dict.fromkeys(_SCHEMES, relay)) if relay else urllib.request.ProxyHandler()


@contextmanager
def _opened(reach: UrlGuard, timeout_seconds: float) -> Iterator[HTTPResponse]:
    address, handlers = _without_login(reach.address)
    # Certificates are not checked, as in the decoder: cameras sign their own.
    context = ssl._create_unverified_context()
    opener = urllib.request.OpenerDirector()
    for handler in (
        way_of(reach),
        urllib.request.UnknownHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(context=context), _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), *handlers,
    ):  # fmt: skip
        opener.add_handler(handler)
    with opener.open(address, timeout=timeout_seconds) as response:
        yield response


def _without_login(address: str) -> tuple[str, list[urllib.request.BaseHandler]]:
    """The address without its login, and the handlers that send the login if the server asks."""
    parts = urllib.parse.urlsplit(address)
    login, _, place = parts.netloc.rpartition("@")
    bare = urllib.parse.urlunsplit(parts._replace(netloc=place, fragment=""))
    if not login:
        return bare, []
    user, _, password = login.partition(":")
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, bare, urllib.parse.unquote(user), urllib.parse.unquote(password))
    return bare, [urllib.request.HTTPBasicAuthHandler(known), urllib.request.HTTPDigestAuthHandler(known)]
