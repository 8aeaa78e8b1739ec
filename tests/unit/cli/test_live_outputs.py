"""Failing windows, recordings and snapshots during a watch, and what is written to a terminal."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from live_updates import event, person_event, update

from screener.cli.live_outputs import LiveOutputOptions, LiveOutputs
from screener.errors import DeviceError, OutputError, SourceError
from screener.watching import notifying, recording, window
from screener.watching.records import LiveEvent, LiveUpdate
from screener.watching.view import LiveView

PICTURE = np.full((48, 64, 3), 90, np.uint8)
ALARM = person_event("alarm", track_id=1)
UPDATE = update("live", picture_rgb=PICTURE, events=(ALARM,), crops_rgb={1: (PICTURE,)})
OPENING = update("opening", events=(event("start", 0.0),))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class BrokenWindow:
    """Shows one picture, and then the screen is gone."""

    def __init__(self, title: str) -> None:
        self.shown = 0

    def __enter__(self) -> BrokenWindow:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, picture_rgb: np.ndarray) -> None:
        self.shown += 1
        if self.shown > 1:
            raise DeviceError("the window is gone: no\x1b[2Jscreen")


def refuse(*_: object) -> None:
    raise OutputError("the disk is full")


def test_a_window_that_is_lost_is_told_once_and_the_watch_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(window, "Window", BrokenWindow)
    with LiveOutputs(LiveOutputOptions(show=True, quiet=True), "camera") as outputs:
        assert [outputs.show(UPDATE) for _ in range(4)] == [True] * 4
    assert outputs.failures == {}
    told = capsys.readouterr().err
    assert told == "screener: the window is gone: no\\x1b[2Jscreen\n"


@pytest.fixture
def both(tmp_path: Path) -> LiveOutputOptions:
    """A recording and an event file, each of which exists from an earlier watch."""
    (tmp_path / "call.mp4").write_bytes(b"earlier pictures")
    (tmp_path / "events.jsonl").write_text("earlier events\n", encoding="utf-8")
    return LiveOutputOptions(jsonl=True, output=tmp_path / "events.jsonl", record=tmp_path / "call.mp4", quiet=True)


def kinds_in(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_watch_that_cannot_start_leaves_the_files_of_the_last_one(both: LiveOutputOptions, tmp_path: Path) -> None:
    with pytest.raises(SourceError), LiveOutputs(both, "camera 7") as outputs:
        outputs.show(OPENING)
        outputs.show(update("opening", events=(event("heartbeat", 1.0),)))
        raise SourceError("not_found", "camera 7: cannot be opened")
    assert (tmp_path / "call.mp4").read_bytes() == b"earlier pictures"
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == "earlier events\n"


def test_a_watch_that_cannot_start_leaves_no_empty_files(tmp_path: Path) -> None:
    options = LiveOutputOptions(jsonl=True, output=tmp_path / "events.jsonl", record=tmp_path / "call.mp4", quiet=True)
    with pytest.raises(SourceError), LiveOutputs(options, "camera 7") as outputs:
        outputs.show(OPENING)
        raise SourceError("not_found", "camera 7: cannot be opened")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [".", "missing/out"])
@pytest.mark.parametrize("option", ["record", "output"])
def test_a_place_that_cannot_be_written_is_refused_before_the_watch(
    option: str, place: str, both: LiveOutputOptions, tmp_path: Path
) -> None:
    options = dataclasses.replace(both, **{option: tmp_path / place})
    with pytest.raises(OutputError, match="cannot be written"), LiveOutputs(options, "camera"):
        raise AssertionError("the watch began")
    assert (tmp_path / "call.mp4").read_bytes() == b"earlier pictures"
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == "earlier events\n"


def test_a_watch_that_has_started_replaces_both_files_while_it_runs(both: LiveOutputOptions, tmp_path: Path) -> None:
    with LiveOutputs(both, "camera") as outputs:
        outputs.show(OPENING)
        outputs.show(UPDATE)
        assert kinds_in(tmp_path / "events.jsonl") == ["start", "alarm"]
    with av.open(str(tmp_path / "call.mp4")) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) == 1


@pytest.mark.parametrize(
    ("then", "kinds"),
    [
        (update("opening", message="pipe: nobody is writing to it"), ["start"]),
        (update("lost", message="gone", events=(event("lost"),)), ["start", "lost"]),
        (update("ended", events=(event("summary"),)), ["start", "summary"]),
    ],
)
def test_a_watch_without_a_picture_writes_its_events_and_keeps_the_last_recording(
    then: LiveUpdate, kinds: list[str], both: LiveOutputOptions, tmp_path: Path
) -> None:
    """It waits for a source that may come, or it was stopped before."""
    with LiveOutputs(both, "stream") as outputs:
        outputs.show(OPENING)
        outputs.show(then)
        assert kinds_in(tmp_path / "events.jsonl") == kinds
    assert (tmp_path / "call.mp4").read_bytes() == b"earlier pictures"


def test_the_result_of_the_last_watch_stays_until_there_is_a_new_one(both: LiveOutputOptions, tmp_path: Path) -> None:
    with LiveOutputs(dataclasses.replace(both, jsonl=False), "camera") as outputs:
        outputs.show(UPDATE)
        assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == "earlier events\n"
        outputs.write("GENUINE\n")
        outputs.write("camera\n")
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == "GENUINE\ncamera\n"


@pytest.mark.parametrize("fails", ["add", "close"])
def test_a_recording_that_fails_is_told_once_and_the_watch_goes_on(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    close = recording.Recorder.close
    ended: list[recording.Recorder] = []

    def end(self: recording.Recorder) -> None:
        ended.append(self)
        close(self)
        if fails == "close":
            refuse()

    monkeypatch.setattr(recording.Recorder, "close", end)
    if fails == "add":
        monkeypatch.setattr(recording.Recorder, "add", refuse)
    with LiveOutputs(LiveOutputOptions(record=tmp_path / "out.mp4", quiet=True), "camera") as outputs:
        assert [outputs.show(UPDATE) for _ in range(3)] == [True] * 3
        assert list(outputs.failures) == (["record"] if fails == "add" else [])
    assert (list(outputs.failures), len(ended)) == (["record"], 1)
    assert capsys.readouterr().err.count("the disk is full") == 1


def test_snapshots_are_tried_again_at_the_next_alarm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "faces"
    with LiveOutputs(LiveOutputOptions(snapshots=folder, quiet=True), "camera") as outputs:
        folder.rmdir()
        assert outputs.show(UPDATE) and outputs.show(UPDATE)
        folder.mkdir()
        assert outputs.show(UPDATE)
    assert list(outputs.failures) == ["snapshot"]
    assert len(list(folder.glob("*.png"))) == 1
    assert capsys.readouterr().err.count("cannot be written") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_event_lines_that_go_nowhere_end_the_watch() -> None:
    with (
        pytest.raises(OutputError, match="No space left"),
        LiveOutputs(LiveOutputOptions(jsonl=True, output=Path("/dev/full"), quiet=True), "camera") as o,
    ):
        o.show(UPDATE)


@pytest.mark.parametrize(
    ("options", "out", "viewed"),
    [
        (LiveOutputOptions(), Terminal, True),
        (LiveOutputOptions(jsonl=True), Terminal, False),
        (LiveOutputOptions(jsonl=True), io.StringIO, True),
        (LiveOutputOptions(jsonl=True, output=Path("events.jsonl")), Terminal, True),
        (LiveOutputOptions(quiet=True), Terminal, False),
    ],
)
def test_event_lines_and_a_view_do_not_share_a_terminal(
    options: LiveOutputOptions, out: Callable[[], io.StringIO], viewed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", out())
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown: list[object] = []
    monkeypatch.setattr(LiveView, "show", lambda self, update: shown.append(update))
    with LiveOutputs(options, "camera") as outputs:
        outputs.show(UPDATE)
    assert bool(shown) == viewed


def test_what_is_written_after_the_view_was_closed_stays_on_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    with LiveOutputs(LiveOutputOptions(), "camera") as outputs:
        outputs.show(UPDATE)
        outputs.close_view()
        outputs.write("the verdict\n")
    drawn, left, after = terminal.getvalue().partition("\x1b[?1049l")
    assert "\x1b[?1049h" in drawn and left
    assert "the verdict" in after


def test_what_is_not_delivered_in_a_hurry_is_told_where_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on a screen that goes away with the watch."""

    class Slow:
        def __init__(self, line: str) -> None:
            self.let_go = threading.Event()

        def deliver(self, event: LiveEvent) -> str:
            self.let_go.wait(60)
            return "given up"

        def abandon(self) -> None:
            self.let_go.set()

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(notifying, "Command", Slow)
    with LiveOutputs(LiveOutputOptions(command="anything"), "camera") as outputs:
        outputs.show(UPDATE)
        outputs.hurry()
    assert "given up" in terminal.getvalue().partition("\x1b[?1049l")[2]
