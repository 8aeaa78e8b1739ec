"""Access control: the middleware that every request passes before any route.

Checks the host, the origin and the cookie or token, limits headers and response times, and adds security headers to responses. Does not
know what is requested, except whether it is public.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
import time
from collections.abc import Callable

from anyio import BrokenResourceError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions, is_ip, is_loopback
from screener.serve.problems import Refusal, problem
from screener.serve.rate_limits import OneTimeKey, Pace

_LOG = logging.getLogger(__name__)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PUBLIC = ("/healthz", "/readyz", "/login")
MOST_HEADER_BYTES = 16 << 10
SEND_SECONDS = 60.0
"""Seconds for a client to receive a piece of a response; one that does not read is disconnected."""

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Content security policy of everything that is not a page: nothing may be run, loaded or framed."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "content-security-policy": POLICY,
}
"""Default security headers of responses."""

KnowsCookie = Callable[[str], bool]


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, options: ServeOptions, knows_cookie: KnowsCookie, metrics: Metrics) -> None:
        self._app, self._options, self._knows_cookie, self._metrics = app, options, knows_cookie, metrics
        self._token = options.token.encode()
        self.tries = Pace(10 / 60, 10)
        """Limits attempts with wrong tokens."""
        self._changes = Pace(50, 500)
        self.one_time = OneTimeKey()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        answering = _Answering(scope["method"], send, self._metrics)
        self._place(scope)
        try:
            refused = self._refused(scope)
        except Refusal as refusal:
            self.count_refusal(refusal.code)
            refused = refusal.response()
        try:
            # Around the whole answer: an error from within it would be taken for one of the application's own.
            async with asyncio.timeout(None) as answering.limit:
                await (refused or self._app)(scope, receive, answering.send)
        except TimeoutError:
            _LOG.info("a client did not take its answer")
            if not answering.begun:
                answering.limit = None
                await problem("timeout", "It took too long.")(scope, receive, answering.send)
        except ExceptionGroup as error:
            if not client_is_gone(error):
                raise
            _LOG.info("a client did not take its events")

    def _place(self, scope: Scope) -> None:
        """Handle the base path, whether or not the proxy strips it."""
        prefix = self._options.base_path
        scope["root_path"] = prefix
        if prefix and scope["path"] != prefix and not scope["path"].startswith(prefix + "/"):
            scope["path"] = prefix + scope["path"]

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADER_BYTES:
            raise Refusal("headers_too_large", f"The headers have more than {MOST_HEADER_BYTES} bytes.")
        host = headers.get("host", "")
        if not self._is_own(host):
            raise Refusal("wrong_host", "This server does not answer under that name; its operator can add it with --allow-host.")
        path = scope["path"][len(self._options.base_path) :]
        if not path:
            return RedirectResponse(f"{self._options.base_path}/", 308)
        unsafe = scope["method"] not in SAFE_METHODS
        self._check_origin(headers, host, unsafe, by_cookie=False)
        if unsafe:
            self._check_pace(client_of(scope))
        if path in PUBLIC or path.startswith("/static/"):
            return None
        if self._has_token(headers, scope):
            return None
        cookie = self.cookie_of(headers)
        if cookie is None or not self._knows_cookie(cookie):
            if path == "/" and not unsafe:
                return RedirectResponse(f"{self._options.base_path}/login", 303)
            raise Refusal(
                "unauthorised", "Sign in, or give the token: Authorization: Bearer TOKEN.", headers={"WWW-Authenticate": "Bearer"}
            )
        self._check_origin(headers, host, unsafe, by_cookie=True)
        return None

    def _check_pace(self, client: str) -> None:
        if self._changes.spent(client):
            raise Refusal("too_many", "Too many requests came from this address; wait a little.")
        self._changes.take(client)

    def _is_own(self, host: str) -> bool:
        """Whether `Host` is one of the server's names, against DNS rebinding; if not local, any IP address, which cannot be rebound."""
        name = _host_name(host)
        if not name:
            return False
        if name in self._options.hosts or is_loopback(name) or name == self._options.host.lower():
            return True
        return not self._options.is_local and (is_ip(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower()))

    def _check_origin(self, headers: Headers, host: str, unsafe: bool, by_cookie: bool) -> None:
        """Refuse foreign origins, and changes by cookie without an origin (CSRF)."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
        crossed = unsafe and site not in (None, "same-origin", "none")
        if foreign or crossed or (by_cookie and unsafe and origin is None and site is None):
            raise Refusal("wrong_origin", "The request does not come from a page of this server.")

    def _has_token(self, headers: Headers, scope: Scope) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return False
        if self.is_token(given.strip()):
            return True
        client = client_of(scope)
        if self.tries.spent(client):
            raise Refusal("too_many", "Too many wrong tokens came from this address; wait a minute.")
        self.tries.take(client)
        raise Refusal("unauthorised", "The token is wrong.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})

    def is_token(self, given: str) -> bool:
        """Whether this is the server's token; compared in constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token)

    def count_refusal(self, code: str) -> None:
        """Count a request refused with this code."""
        self._metrics.refused.labels(code).inc()

    def cookie_of(self, headers: Headers) -> str | None:
        """The session cookie of a request.

        Browsers send the cookies of all programs on this host. Python's `SimpleCookie` finds none of them beside one that it rejects.
        """
        return cookie_parser("; ".join(headers.getlist("cookie"))).get(self.cookie_name)

    @property
    def cookie_name(self) -> str:
        """Contains the port, because browsers share cookies between the ports of a host."""
        return f"screener_session_{self._options.port}"


class _Answering:
    """One response: its headers, metrics and timeout."""

    def __init__(self, method: str, send: Send, metrics: Metrics) -> None:
        self._method, self._send, self._metrics = method, send, metrics
        self._started = time.perf_counter()
        self.begun = False
        self.limit: asyncio.Timeout | None = None
        """Ends the whole answer if the client does not receive a piece of it."""

    async def send(self, message: Message) -> None:
        """Send a piece of the response."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            self._metrics.requests.labels(self._method if self._method in _METHODS else "other", str(message["status"])).inc()
            self._metrics.request_seconds.observe(time.perf_counter() - self._started)
        if self.limit is not None:
            self.limit.reschedule(asyncio.get_running_loop().time() + SEND_SECONDS)
        await self._send(message)
        if self.limit is not None:
            self.limit.reschedule(None)


_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


def client_of(scope: Scope) -> str:
    """The client's address; behind a trusted proxy, the one that the proxy forwards."""
    return str((scope.get("client") or ("",))[0])


def client_is_gone(error: Exception) -> bool:
    """Whether a stream of events ended so because nobody takes it: then FastAPI's pipe within it breaks."""
    return isinstance(error, ExceptionGroup) and error.split(BrokenResourceError)[1] is None


def _host_name(host: str) -> str:
    """`Host` without its port, in lower case; empty if it is invalid."""
    if host.startswith("["):
        return host[1 : host.find("]")].lower() if "]" in host else ""
    name, _, port = host.partition(":")
    return name.lower().rstrip(".") if not port or port.isdigit() else ""


def set_cookie(response: Response, gate_cookie: str, value: str, options: ServeOptions, scheme: str, lasts_seconds: int) -> None:
    """Set the session cookie: restricted to this server's pages and not readable by scripts."""
    response.set_cookie(
        gate_cookie, value, max_age=lasts_seconds, path=options.base_path or "/", secure=scheme == "https", httponly=True, samesite="strict"
    )
