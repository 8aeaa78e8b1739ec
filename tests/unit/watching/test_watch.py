"""A watch in this process: updates while nothing happens, boxes that follow, and an end at any moment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

import screener
from screener import LiveSettings, Screener
from screener.errors import SourceError
from screener.records import Frame, TrackVerdict
from screener.video.live_sources import live_source
from screener.watching.looking import Looker, Sight
from screener.watching.people import Happening, People
from screener.watching.records import LiveUpdate
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
    assert set(threading.enumerate()) <= before


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


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The first look succeeds, the second never returns while the test lasts."""
    end = threading.Event()
    look = Looker.look
    looks = iter(range(1000))

    def slow(self: Looker, frame: Frame) -> list[Sight]:
        if next(looks) > 0:
            end.wait(60)
        return look(self, frame)

    monkeypatch.setattr(Looker, "look", slow)
    yield
    end.set()


def first_stale(watch: Watch) -> LiveUpdate:
    deadline = time.monotonic() + 60
    for update in watch:
        if update.state == "stale":
            return update
        assert time.monotonic() < deadline
    raise AssertionError("it never went stale")


@pytest.mark.usefixtures("stuck")
def test_a_machine_that_does_not_keep_up_withdraws_its_verdict(loaded: Screener) -> None:
    with Watch(loaded, live_source(CLIP), LiveSettings(stale_seconds=0.5)) as watch:
        update = first_stale(watch)
    assert "too slow" in update.message
    assert (update.people, update.outcome) == ((), "undecided")


@pytest.mark.usefixtures("stuck")
def test_all_that_an_update_tells_bears_its_moment(loaded: Screener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is found out before what led to it is put into words, but told after it."""
    person = TrackVerdict(1, "undecided", None, None, 0.0, 0.5, 2, 1, 80.0)
    monkeypatch.setattr(People, "clear", lambda people, cause: [Happening("cleared", person, cause)])
    readings = count()
    with Watch(
        loaded, live_source(CLIP), LiveSettings(stale_seconds=0.5), clock=lambda: time.monotonic() + 0.001 * next(readings)
    ) as watch:
        update = first_stale(watch)
    assert [event.kind for event in update.events] == ["cleared", "stale"]
    assert {(event.seconds, event.time) for event in update.events} == {(update.seconds, update.time)}


def test_boxes_follow_the_picture(loaded: Screener) -> None:
    with Watch(loaded, live_source(CLIP), LiveSettings(judged_fps=4)) as watch:
        seen = [update for update in watch if update.people]
    assert all(update.picture_rgb is not None for update in seen if update.state == "live")
    places = [tuple(update.people[0].box_xyxy) for update in seen if update.people[0].box_xyxy is not None]
    judged = {score.frame_index for update in seen for score in update.scores}
    assert len(set(places)) > len(judged), "between two judgements the box moves with the picture"
