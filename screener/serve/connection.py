"""One HTTP connection, bounded: how long a request may take to arrive, and how many connections there may be. Knows uvicorn."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class BoundedConnection(H11Protocol):
    """uvicorn's connection; one whose request does not come in time is closed.

    Where there are too many, the one that has waited longest without a request makes room for the new one: whoever only holds connections
    keeps nobody out. Header bytes and idle time between requests are bounded by uvicorn, bodies and answers by the application.
    """

    header_seconds: ClassVar[float] = 10.0
    most_connections: ClassVar[int] = 512
    waiting: ClassVar[dict[BoundedConnection, asyncio.TimerHandle]]
    """Connections of which a request is to come, the one that waits longest first, and when it is closed."""

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        super().connection_made(transport)
        self._expect()
        if len(self.connections) > self.most_connections:
            oldest = next(iter(self.waiting))
            oldest.transport.abort()
            self.connections.discard(oldest)  # by now, for the count; the transport tells of its end only later
            oldest._expect_no_more()

    def data_received(self, data: bytes) -> None:
        """Bytes came; the clock of a request starts with its first byte, and is not set back by the next ones."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._expect_no_more()
        elif self not in self.waiting and (before is None or before.response_complete):
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
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
    """The kind of connection of one server."""
    limits = {"header_seconds": header_seconds, "most_connections": most_connections, "waiting": {}}
    return type("BoundedConnection", (BoundedConnection,), limits)
