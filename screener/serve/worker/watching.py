"""Main module of a worker that watches one source and sends the server the events of `screener live`.

Pictures are drawn and encoded once for all viewers, and only while there are any.
"""

from __future__ import annotations

import base64
import json
import signal
import time
from pathlib import Path
from typing import Any

from screener.errors import ScreenerError
from screener.report.thumbnails import jpeg_of
from screener.runtime.waiting import wait_asleep
from screener.serve.worker.line import Line
from screener.settings import LiveSettings
from screener.watching.drawing import annotated
from screener.watching.events import event_line
from screener.watching.records import LiveUpdate

TOLD_SECONDS = 0.25
"""Seconds between updates without an event."""

PICTURE_SECONDS = 0.08
PICTURE_PX = 1280


class Watching:
    """One watch that reports to the server. viewers: current number of viewers of its pictures."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._told = self._drawn = 0.0
        self._state = ""
        self.viewers = 0

    def heard(self, message: dict[str, Any]) -> None:
        """Handle a message from the server."""
        self.viewers = int(message["viewers"])

    def tell(self, update: LiveUpdate) -> None:
        """Send an update, and its picture if there are viewers and one is due."""
        now = time.monotonic()
        events = [json.loads(event_line(event)) for event in update.events if event.kind != "start"]
        if events or update.state != self._state or now - self._told >= TOLD_SECONDS:
            self._told, self._state = now, update.state
            self._line.say(update=_plain(update), events=events)
        if self.viewers and now - self._drawn >= PICTURE_SECONDS:
            self._drawn = now
            picture = jpeg_of(annotated(update), PICTURE_PX)
            self._line.say(picture=base64.b64encode(picture).decode("ascii"))


def main() -> None:
    """Run the watch to the end of its source."""
    wait_asleep()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = Line()
    watching = Watching(line)
    start = line.begin(watching.heard)
    from screener.scanning.models import Models
    from screener.video.live.one_source import live_source
    from screener.watching.watch import Watch

    try:
        settings = LiveSettings.from_mapping(start["settings"])
        source = live_source(start["source"])
        checkpoint = start["checkpoint"]
        models = Models(settings.judging(), None if checkpoint is None else Path(checkpoint))
        line.say(ready=source.name)
        with Watch(models, source, settings) as watch:
            for update in watch:
                watching.tell(update)
    except ScreenerError as error:
        line.say(failed=str(error))
        return
    line.say(ended=True)


def _plain(update: LiveUpdate) -> dict[str, Any]:
    stats = update.stats
    return {
        "state": update.state,
        "outcome": update.outcome,
        "reasons": list(update.reasons),
        "people": [person.verdict.to_dict() | {"alarmed": person.alarmed} for person in update.people],
        "message": update.message,
        "seconds": round(update.seconds, 3),
        "threshold": round(update.threshold, 4),
        "judged_fps": round(stats.judged_fps, 2),
        "delay_median_seconds": stats.delay_median_seconds,
    }
