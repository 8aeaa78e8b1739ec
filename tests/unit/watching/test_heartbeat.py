"""Heartbeats of a watch: at fixed intervals while nothing else happens, and only if requested."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from live_updates import live_schema

from screener.watching.events import event_line

from .stage import Stage


def test_a_heartbeat_comes_at_its_interval_and_says_how_things_stand(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tiny_checkpoint, monkeypatch, heartbeat_seconds=1.5)
    stage.frame()
    stage.judged()
    for _ in range(30):  # updates come every 0.3 seconds
        stage.now += 0.3
        stage.update()
    beats = [event for update in stage.updates for event in update.events if event.kind == "heartbeat"]
    assert [round(beat.seconds / 1.5) for beat in beats] == [1, 2, 3, 4, 5, 6]
    assert (beats[0].details["state"], beats[0].details["outcome"], beats[0].details["frames_received"]) == ("live", "fake", 1)
    assert (beats[-1].details["state"], beats[-1].details["outcome"]) == ("stale", "undecided")
    for beat in beats:
        jsonschema.Draft202012Validator(live_schema()).validate(json.loads(event_line(beat)))


def test_after_a_long_silence_only_one_is_made_up_for(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tiny_checkpoint, monkeypatch, heartbeat_seconds=1.0)
    stage.now += 60.0
    told = [[event.kind for event in stage.update().events] for _ in range(4)]
    assert sum(kinds.count("heartbeat") for kinds in told) <= 2


def test_nothing_is_said_unless_it_is_wished_for(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tiny_checkpoint, monkeypatch)
    stage.now += 600.0
    stage.update()
    assert "heartbeat" not in stage.told()
