"""Listeners get all important events in order, and only the newest progress, however slowly they read."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.serve.hub import Hub, Listener


async def heard(listener: Listener) -> list[tuple[str, object]]:
    """What waits now."""
    listener.end()
    return [(event[0], event[1].get("n")) async for event in listener.events(5) if event is not None]


def test_a_slow_listener_hears_the_newest_step_and_every_other_event() -> None:
    async def run() -> None:
        hub = Hub()
        everything, one = hub.listen(), hub.listen("a")
        for n in range(100):
            hub.tell("progress", {"id": "a", "n": n})
            hub.tell("progress", {"id": "b", "n": n})
        hub.tell("verdict", {"id": "b", "n": 1})
        hub.tell("worker", {"id": None})
        assert await heard(one) == [("progress", 99)]
        assert await heard(everything) == [("progress", 99), ("verdict", 1), ("worker", None)]

    asyncio.run(run())


def test_all_streams_end_with_the_server() -> None:
    async def run() -> None:
        hub = Hub()
        listeners = [hub.listen(), hub.listen("a")]
        hub.stop()
        for listener in [*listeners]:
            assert [event async for event in listener.events(5)] == [("stopping", {"id": None})]
        late = hub.listen()
        assert [event async for event in late.events(5)] == []

    asyncio.run(run())


def test_silence_is_told_and_leaving_is_final() -> None:
    async def run() -> None:
        hub = Hub()
        listener = hub.listen()
        assert await anext(listener.events(0.01)) is None
        hub.leave(listener)
        assert not hub.has_listeners
        hub.tell("verdict", {"id": "a"})
        assert await heard(listener) == []

    asyncio.run(run())
