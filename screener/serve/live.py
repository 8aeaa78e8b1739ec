"""Sources that are watched while the server runs: a process per source, its newest state and picture, and its viewers.

Does not know HTTP, nor how a source is watched.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from screener.serve.hub import Hub
from screener.serve.worker.pipe import Pipe
from screener.video.masking import masked
from screener.video.sources import printable_name

_LOG = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
"""Seconds before a failed source is retried."""

SILENCE_SECONDS = 2.0
"""If a live source's process has sent no update for this long, its last one is no longer current; as on the screen of `screener live`."""

_OPENING: dict[str, Any] = {
    "state": "opening", "outcome": "undecided", "reasons": [], "people": [], "message": "", "seconds": 0.0, "threshold": None,
    "judged_fps": 0.0, "delay_median_seconds": None,
}  # fmt: skip


class LiveSource:
    """One source. view: its current state."""

    def __init__(self, number: int, source: str, start: Mapping[str, Any], hub: Hub) -> None:
        self.id = str(number)
        self._start, self._hub = {**start, "source": source}, hub
        self._name = printable_name(masked(source))
        self._known = dict(_OPENING)
        self._pipe: Pipe | None = None
        self._viewers = 0
        self._picture = b""
        self._changed = asyncio.Event()
        self._ended = False
        self._silence: asyncio.TimerHandle | None = None

    @property
    def view(self) -> dict[str, Any]:
        """The current state of the source, as plain values."""
        return {"id": self.id, "name": self._name, **self._known}

    async def run(self) -> None:
        """Watch the source until it ends, and restart after failures."""
        while True:
            self._pipe = await Pipe.opened("serve.worker.watching", self._start)
            self._say_viewers()
            words = await self._follow(self._pipe)
            self._expect(more=False)
            await self._pipe.close()
            if words is None:
                return
            _LOG.warning("live %s: %s", self._name, words)
            self._tell({**_OPENING, "state": "lost", "message": words}, [])
            await asyncio.sleep(AGAIN_SECONDS)

    async def close(self) -> None:
        """Stop the watch."""
        self.stop()
        if self._pipe is not None:
            await self._pipe.close()

    def stop(self) -> None:
        """End all picture streams."""
        self._ended = True
        self._expect(more=False)
        self._turn()

    @contextmanager
    def viewed(self) -> Iterator[None]:
        """Pictures are made within the block, for one viewer more."""
        self._viewers += 1
        self._say_viewers()
        try:
            yield
        finally:
            self._viewers -= 1
            self._say_viewers()

    async def pictures(self) -> AsyncIterator[bytes]:
        """Each new picture as JPEG; those that arrive while the viewer is busy are skipped. Within `viewed`."""
        shown = b""
        while not self._ended:
            changed = self._changed
            if self._picture is not shown and self._picture:
                shown = self._picture
                yield shown
            else:
                await changed.wait()

    async def _follow(self, pipe: Pipe) -> str | None:
        """Follow a watch to its end: None if the source ended, else the error."""
        while (said := await pipe.heard()) is not None:
            if "picture" in said:
                self._picture = base64.b64decode(said["picture"])
                self._turn()
            elif "update" in said:
                self._tell(said["update"], said["events"])
                # Other states claim nothing about people, and may last without an update, as while the weights are loaded.
                self._expect(more=said["update"]["state"] == "live")
            elif "failed" in said:
                return str(said["failed"])
            elif "ended" in said:
                return None
        return "the process that watched it ended; it is started again"

    def _expect(self, more: bool) -> None:
        """Whether more updates must come. A timer, because a limit on reading could end it within a message."""
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._fell_silent) if more and not self._ended else None

    def _fell_silent(self) -> None:
        words = "the process that watches it does not answer"
        _LOG.warning("live %s: %s", self._name, words)
        self._tell(
            {**self._known, "state": "stale", "outcome": "undecided", "reasons": ["stream_lost"], "people": [], "message": words}, []
        )

    def _tell(self, known: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self._known = known
        for event in events:
            self._hub.tell(str(event["event"]), {**event, "id": self.id})
        self._hub.tell("update", self.view)

    def _turn(self) -> None:
        """Wake the viewers waiting for the next picture."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _say_viewers(self) -> None:
        if self._pipe is not None:
            self._pipe.say(viewers=self._viewers)


class LiveSources:
    """All sources of a server. hub: publishes their events."""

    def __init__(self, sources: Sequence[str], start: Mapping[str, Any]) -> None:
        self.hub = Hub()
        self._sources = [LiveSource(number, source, start, self.hub) for number, source in enumerate(sources)]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all watches."""
        self._tasks = [asyncio.create_task(source.run()) for source in self._sources]

    def views(self) -> list[dict[str, Any]]:
        """The current state of each source."""
        return [source.view for source in self._sources]

    def find(self, source_id: str) -> LiveSource | None:
        """The source with this ID."""
        return next((source for source in self._sources if source.id == source_id), None)

    def stop(self) -> None:
        """End all streams."""
        self.hub.stop()
        for source in self._sources:
            source.stop()

    async def close(self) -> None:
        """Stop all watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(source.close() for source in self._sources))
