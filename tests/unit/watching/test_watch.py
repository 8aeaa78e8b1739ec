"""A watch in this process: updates while nothing happens, errors that are passed on, and stopping at any moment."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import screener
from screener import LiveSettings, Screener
from screener.errors import SourceError
from screener.records import Frame
from screener.video.live.one_source import live_source
from screener.watching.looking import Looker, Sight
from screener.watching.watch import Watch

CLIP = Path(__file__).resolve().parents[3] / "examples" / "genuine.mp4"
SETTINGS = LiveSettings(device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def loaded(tiny_checkpoint: Path) -> Screener:
    return Screener(SETTINGS.judging(), tiny_checkpoint)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_updates_come_while_nobody_writes(pipe: Path, loaded: Screener) -> None:
    with Watch(loaded, live_source(pipe), SETTINGS) as watch:
        updates = [next(watch) for _ in range(6)]
        assert updates[-1].seconds < 30.0
    assert [update.state for update in updates] == ["opening"] * 6
    assert {(update.outcome, update.people, update.picture_rgb) for update in updates} == {("undecided", (), None)}
    assert [event.kind for update in updates for event in update.events] == ["start"]
    with pytest.raises(StopIteration):
        next(watch)


def test_a_duration_ends_with_a_summary(pipe: Path, loaded: Screener) -> None:
    updates = list(Watch(loaded, live_source(pipe), LiveSettings(duration_seconds=0.5)))
    assert (updates[-1].state, updates[-1].events[-1].kind) == ("ended", "summary")
    assert updates[-1].events[-1].details["coverage"] == "none"


def test_closing_leaves_no_thread_and_no_process(pipe: Path, loaded: Screener) -> None:
    before = set(threading.enumerate())
    watch = Watch(loaded, live_source(pipe), SETTINGS)
    next(watch)
    next(watch)
    watch.close()
    watch.close()
    deadline = time.monotonic() + 60
    while not set(threading.enumerate()) <= before:  # a thread that was told to end may need a moment on a busy machine
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_public_name(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(SourceError):
        screener.live(tmp_path / "missing.mp4", SETTINGS, tiny_checkpoint)


def test_a_fault_of_the_judge_is_raised_where_updates_are_awaited(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Looker, frame: Frame) -> list[Sight]:
        raise RuntimeError("planted")

    monkeypatch.setattr(Looker, "look", fail)
    with pytest.raises(RuntimeError, match="planted"), Watch(loaded, live_source(CLIP), SETTINGS) as watch:
        for _ in watch:
            pass
