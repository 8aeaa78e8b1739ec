"""What happens, told to whoever listens: each listener has the newest news of each scan, however slow it reads. Lives in the event loop.

Knows events by name and scan. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

STEPS = ("queued", "progress", "update")
"""Events of which only the newest of a scan matters to a listener that lags."""

LAST = "stopping"
"""The event that ends all streams, also those of one scan."""

MOST_WAITING = 10_000
"""Events that may wait for one listener; one that is so far behind is let go, and asks anew."""

Event = tuple[str, dict[str, Any]]


class Listener:
    """The events of one scan, or of all, in order; of steps that follow each other only the newest."""

    def __init__(self, scan_id: str | None) -> None:
        self.scan_id = scan_id
        self._waiting: dict[object, Event] = {}
        self._bell = asyncio.Event()
        self._count = 0
        self.ended = False

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """An event for this listener."""
        self._count += 1
        key: object = (data.get("id"), "step") if name in STEPS else self._count
        if name not in STEPS:
            self._waiting.pop((data.get("id"), "step"), None)
        self._waiting[key] = (name, data)
        if len(self._waiting) > MOST_WAITING:
            self.ended = True
        self._bell.set()

    def end(self) -> None:
        """Nothing more comes after what waits."""
        self.ended = True
        self._bell.set()

    async def events(self, quiet_seconds: float) -> AsyncIterator[Event | None]:
        """Every event as it comes; None after each such time without one."""
        while True:
            try:
                async with asyncio.timeout(quiet_seconds):
                    await self._bell.wait()
            except TimeoutError:
                yield None
                continue
            self._bell.clear()
            waiting, self._waiting = list(self._waiting.values()), {}
            for event in waiting:
                yield event
            if self.ended:
                return


class Hub:
    """Hands each event to the listeners that it concerns."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.progress: dict[str, dict[str, Any]] = {}
        """Scan -> how far it is, while it is judged."""
        self.stopping = False

    def listen(self, scan_id: str | None = None) -> Listener:
        """A new listener, to one scan or to all."""
        listener = Listener(scan_id)
        self._listeners.add(listener)
        if self.stopping:
            listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        self._listeners.discard(listener)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """An event of the scan `data["id"]`, or of the server, for those who listen to everything, where that is None."""
        for listener in self._listeners:
            if listener.scan_id is None or listener.scan_id == data["id"] or name == LAST:
                listener.tell(name, data)

    @property
    def has_listeners(self) -> bool:
        """Whether anyone would hear."""
        return bool(self._listeners)

    def stop(self) -> None:
        """The server ends: so do all streams."""
        self.stopping = True
        self.tell(LAST, {"id": None})
        for listener in self._listeners:
            listener.end()
