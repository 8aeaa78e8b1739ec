"""A watched source: what its process says is current only as long as the process says it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve import live
from screener.serve.hub import Hub, Listener

GENUINE = {"state": "live", "outcome": "genuine", "people": [{"track_id": 1, "outcome": "genuine"}], "message": "", "seconds": 1.0}


class Process:
    """Stands in for the process that watches: it says what the test puts in, and is silent in between."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def say(self, **message: Any) -> None:
        pass

    def update(self, **changes: Any) -> None:
        self._said.put_nowait({"update": {**live._OPENING, **changes}, "events": []})

    async def heard(self) -> dict[str, Any]:
        return await self._said.get()

    async def close(self) -> None:
        pass


def watched(monkeypatch: pytest.MonkeyPatch, check: Callable[[live.LiveSource, Process, Listener], Any], silence_seconds: float) -> None:
    """Runs `check` with a source under watch, its process, and a listener to its events."""

    async def run() -> None:
        process, hub = Process(), Hub()

        async def opened(*_: Any) -> Process:
            return process

        monkeypatch.setattr(live.Pipe, "opened", opened)
        monkeypatch.setattr(live, "SILENCE_SECONDS", silence_seconds)
        source, listener = live.LiveSource(0, "camera.mp4", {}, hub), hub.listen("0")
        task = asyncio.create_task(source.run())
        try:
            await asyncio.wait_for(check(source, process, listener), 60)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await source.close()

    asyncio.run(run())


async def until(listener: Listener, state: str) -> dict[str, Any]:
    """The next update with that state."""
    async for event in listener.events(60):
        assert event is not None
        if event[1]["state"] == state:
            return event[1]
    raise AssertionError("the stream ended")


def test_what_a_silent_process_said_is_withdrawn_until_it_speaks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(source: live.LiveSource, process: Process, listener: Listener) -> None:
        process.update(**GENUINE)
        assert (await until(listener, "live"))["outcome"] == "genuine"
        told = await until(listener, "stale")
        assert told == source.view
        assert told["outcome"] == "undecided" and told["people"] == [] and told["reasons"] == ["stream_lost"] and told["message"]
        process.update(**GENUINE)
        assert (await until(listener, "live"))["people"] == GENUINE["people"] and source.view["outcome"] == "genuine"

    watched(monkeypatch, check, silence_seconds=0.02)


@pytest.mark.parametrize("state", ["opening", "lost", "ended"])
def test_a_state_without_a_verdict_may_last_without_a_word(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    async def check(source: live.LiveSource, process: Process, listener: Listener) -> None:
        process.update(**GENUINE)
        process.update(state=state)
        await until(listener, state)
        await asyncio.sleep(0.2)
        assert source.view["state"] == state

    watched(monkeypatch, check, silence_seconds=0.02)
