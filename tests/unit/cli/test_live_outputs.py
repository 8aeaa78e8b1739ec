"""Failing windows, recordings and snapshots during a watch, and what is written to a terminal."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from live_updates import person_event, update

from screener.cli.live_outputs import LiveOutputOptions, LiveOutputs
from screener.errors import DeviceError, OutputError
from screener.watching import notifying, recording, window
from screener.watching.records import LiveEvent
from screener.watching.view import LiveView

PICTURE = np.full((48, 64, 3), 90, np.uint8)
ALARM = person_event("alarm", track_id=1)
UPDATE = update("live", picture_rgb=PICTURE, events=(ALARM,), crops_rgb={1: (PICTURE,)})


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
