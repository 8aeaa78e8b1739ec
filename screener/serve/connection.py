"""Limits of HTTP connections: the time for a request to arrive, and the number of connections. Knows uvicorn."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedConnection(H11Protocol):
    """uvicorn's connection, closed if a request does not arrive in time.

    At the limit, a new connection replaces the one that has waited longest without a request, so that idle clients cannot lock others out.
    uvicorn limits header sizes and idle time between requests, the application limits bodies and responses.
    """

    header_seconds: ClassVar[float] = 10.0
    most_connections: ClassVar[int] = 512
    waiting: ClassVar[dict[BoundedConnection, asyncio.TimerHandle]]
    """Connections waiting for a request, the longest-waiting first, with the time at which each is closed."""

    def connection_made(self, transport: Any) -> None:
        """A client connected."""
        super().connection_made(transport)
        self._expect()
        if len(self.connections) > self.most_connections:
            oldest = next(iter(self.waiting))
            oldest.transport.abort()
            self.connections.discard(oldest)  # now, so that the count is right; the transport reports the end only later
            oldest._expect_no_more()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived; a request's timeout starts with its first byte and is not reset by later ones."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._expect_no_more()
        elif self not in self.waiting and (before is None or before.response_complete):
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client disconnected."""
        self._expect_no_more()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self.waiting[self] = self.loop.call_later(self.header_seconds, self._give_up)

    def _expect_no_more(self) -> None:
        if (clock := self.waiting.pop(self, None)) is not None:
            clock.cancel()

    def _give_up(self) -> None:
        self.waiting.pop(self, None)
        if not self.transport.is_closing():
            self.transport.abort()


def bounded(header_seconds: float, most_connections: int) -> type[BoundedConnection]:
    """The connection class of one server, with these limits."""
    limits = {"header_seconds": header_seconds, "most_connections": most_connections, "waiting": {}}
    return type("BoundedConnection", (BoundedConnection,), limits)
