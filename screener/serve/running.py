"""Runs the server: opens the state folder, binds the socket, handles signals. Does not print."""

from __future__ import annotations

import asyncio
import importlib
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn

from screener.errors import ScreenerError, SettingsError
from screener.serve.app import build
from screener.serve.connection import bounded
from screener.serve.gate import MOST_HEADER_BYTES, Gate
from screener.serve.hub import Hub
from screener.serve.ledger import Database
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.service import Given, Service
from screener.serve.state_folder import StateFolder

GRACEFUL_SECONDS = 2
"""Seconds for running requests to finish when the server stops; uploads can be resumed after the next start."""

OnReady = Callable[[str, str], None]
"""Called with (address of the page, one-time link) once the server accepts requests."""


def run(options: ServeOptions, state: StateFolder, given: Given, on_ready: OnReady) -> None:
    """Serve until a signal arrives. Raises ScreenerError if the server or its workers cannot start."""
    listening = _bound(options)
    options = replace(options, port=listening.getsockname()[1])
    database, metrics, hub = Database(state.ledger), Metrics(), Hub()
    made: list[Service] = []

    def service_made() -> Service:
        made.append(Service(options, state, database, given, metrics, hub))
        made[0].dispatch.fault.add_done_callback(lambda _: server.end())
        return made[0]

    gate = build(options, service_made, metrics)
    config = uvicorn.Config(
        gate, http=bounded(options.header_seconds, options.connections),
        ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=bool(options.trusted_proxies), forwarded_allow_ips=list(options.trusted_proxies),
        timeout_graceful_shutdown=GRACEFUL_SECONDS, h11_max_incomplete_event_size=2 * MOST_HEADER_BYTES,
    )  # fmt: skip
    server = _Server(config, lambda: made[0].stop(), lambda: on_ready(*_addresses(options, gate)))
    server.run(sockets=[listening])
    if made and made[0].dispatch.fault.done():
        raise ScreenerError(made[0].dispatch.fault.result())
    if not server.was_ready:
        raise ScreenerError("the server could not start; its log says why")


class _Server(uvicorn.Server):
    """uvicorn's server, which reports when it is ready and ends its streams before waiting for them."""

    def __init__(self, config: uvicorn.Config, on_end: Callable[[], None], on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_end, self._on_ready = on_end, on_ready
        self.was_ready = False
        self._loading: asyncio.Task[Any] | None = None
        """Imports needed by the first page, done after the server is ready."""

    def end(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """With SIGHUP, which uvicorn does not know: it ends the server in the same way, unless it is ignored, as under `nohup`."""
        with super().capture_signals():
            number = getattr(signal, "SIGHUP", None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:
                yield
                return
            before = signal.signal(number, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(number, before)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.was_ready = True
            await asyncio.to_thread(self._on_ready)
            self._loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, "screener.report.html"))

    async def shutdown(self, sockets: Any = None) -> None:
        self._on_end()
        await asyncio.sleep(0)  # lets the streams send their last event
        await super().shutdown(sockets)


def _bound(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((options.host, options.port))
    except OSError as error:
        listening.close()
        raise SettingsError(f"--host {options.host} --port {options.port}: cannot be listened at: {error.strerror or error}") from error
    listening.set_inheritable(False)
    return listening


def _addresses(options: ServeOptions, gate: Gate) -> tuple[str, str]:
    host = f"[{options.host}]" if ":" in options.host else options.host
    host = "localhost" if options.host in ("0.0.0.0", "::") else host
    page = f"http://{host}:{options.port}{options.base_path}/"
    return page, f"{page}login?key={gate.one_time.key}"
