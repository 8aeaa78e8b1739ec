"""Publishes events to listeners; a slow listener skips outdated events of a scan. Used only in the event loop.

Knows events by name and scan. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

STEPS = ("queued", "progress", "update")
"""Events of which a slow listener gets only the newest for each scan."""

LAST = "stopping"
"""The event that ends all streams, also those of one scan."""

MOST_WAITING = 10_000
"""Most events waiting for one listener; one that falls further behind is disconnected, and can reconnect."""

Event = tuple[str, dict[str, Any]]


class Listener:
    """The events of one scan, or of all, in order; outdated progress is skipped."""

    def __init__(self, scan_id: str | None) -> None:
        self.scan_id = scan_id
        self._waiting: dict[object, Event] = {}
        self._bell = asyncio.Event()
        self._count = 0
        self.ended = False

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Queue an event for this listener, unless it has ended."""
        if self.ended:
            return
        self._count += 1
        key: object = (data.get("id"), "step") if name in STEPS else self._count
        if name not in STEPS:
            self._waiting.pop((data.get("id"), "step"), None)
        self._waiting[key] = (name, data)
        if len(self._waiting) > MOST_WAITING:
            self.ended = True
        self._bell.set()

    def end(self) -> None:
        """End the stream after the queued events."""
        self.ended = True
        self._bell.set()

    async def events(self, quiet_seconds: float) -> AsyncIterator[Event | None]:
        """Each event as it arrives, and None after every `quiet_seconds` without one."""
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
    """Passes each event to the listeners that it concerns."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.progress: dict[str, dict[str, Any]] = {}
        """Scan ID -> progress, while it is judged."""
        self.stopping = False

    def listen(self, scan_id: str | None = None) -> Listener:
        """A new listener, to one scan or to all."""
        listener = Listener(scan_id)
        self._listeners.add(listener)
        if self.stopping:
            listener.end()
        return listener

    @contextmanager
    def listening(self, scan_id: str | None = None) -> Iterator[Listener]:
        """The same, removed at the end of the block."""
        listener = self.listen(scan_id)
        try:
            yield listener
        finally:
            self.leave(listener)

    def leave(self, listener: Listener) -> None:
        """Remove a listener."""
        self._listeners.discard(listener)

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Publish an event of the scan `data["id"]`; if that is None, of the server, for listeners to all scans."""
        for listener in self._listeners:
            if listener.scan_id is None or listener.scan_id == data["id"] or name == LAST:
                listener.tell(name, data)

    @property
    def has_listeners(self) -> bool:
        """Whether there is any listener."""
        return bool(self._listeners)

    def stop(self) -> None:
        """End all streams, because the server stops."""
        self.stopping = True
        self.tell(LAST, {"id": None})
        for listener in self._listeners:
            listener.end()
