"""Events of a live watch as JSON lines, checked against their schema."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from builders import person, verdict
from jsonschema import Draft202012Validator
from live_updates import event, live_schema, person_event, summary_event

from screener.report.json_document import load_schema
from screener.watching.events import event_line
from screener.watching.records import EVENTS, LiveEvent

CHECKPOINT = {"name": "made-up", "sha256": "a3" * 32}
REAL: dict[str, LiveEvent] = {
    "start": event("start", 0.0, source="camera 0", threshold=0.61),
    "person": person_event("person", "undecided", None, reasons=("too_short",)),
    "alarm": person_event("alarm"),
    "cleared": person_event("cleared", "genuine", 0.1),
    "lost": event("lost", message="the connection was reset", reason="stream_lost", retry_seconds=1.1),
    "reconnected": event("reconnected", lost_seconds=7.3, segment=2),
    "stale": event("stale", message="no new frame for 2.1 s", state="stale"),
    "heartbeat": event(
        "heartbeat",
        state="live",
        outcome="genuine",
        frames_received=60,
        frames_judged=40,
        received_fps=25.0,
        judged_fps=10.0,
        delay_median_seconds=None,
    ),
    "summary": summary_event(verdict(checkpoint=CHECKPOINT, people=(person("genuine", 0.1),))),
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = live_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_there_is_an_example_of_every_kind() -> None:
    assert set(REAL) == set(EVENTS)
    assert live_schema()["properties"]["event"]["enum"] == list(EVENTS)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_kind_of_event_is_valid(validator: Draft202012Validator, kind: str) -> None:
    assert [e.message for e in validator.iter_errors(json.loads(event_line(REAL[kind])))] == []


def test_words_that_both_schemas_use_mean_the_same() -> None:
    shared = set(load_schema()["$defs"]) & set(live_schema()["$defs"])
    assert {"person", "video", "reasons", "outcome_rules"} <= shared
    for name in shared:
        assert live_schema()["$defs"][name] == load_schema()["$defs"][name], name


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("start", {"event": "began"}),
        ("start", {"source": ""}),
        ("start", {"threshold": 1.2}),
        ("start", {"seconds": -1}),
        ("start", {"time": "16:12"}),
        ("start", {"time": "2026-11-22T16:12:03"}),
        ("person", {"reasons": []}),
        ("person", {"reasons": ["because"]}),
        ("alarm", {"outcome": "genuine"}),
        ("alarm", {"p_fake": None}),
        ("alarm", {"p_fake": 93}),
        ("cleared", {"track_id": "1"}),
        ("lost", {"message": ""}),
        ("lost", {"reason": "tired"}),
        ("lost", {"retry_seconds": -1}),
        ("stale", {"state": "lost"}),
        ("reconnected", {"segment": 0}),
        ("summary", {"coverage": "partial"}),
        ("summary", {"people": [{}]}),
        ("summary", {"schema_version": 2}),
    ],
    ids=str,
)
def test_broken_events_are_refused(validator: Draft202012Validator, kind: str, changes: dict[str, Any]) -> None:
    assert not validator.is_valid({**json.loads(event_line(REAL[kind])), **changes})


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("start", "time"),
        ("start", "source"),
        ("alarm", "track_id"),
        ("lost", "message"),
        ("reconnected", "lost_seconds"),
        ("summary", "video"),
    ],
)
def test_what_must_be_there_must_be_there(validator: Draft202012Validator, kind: str, field: str) -> None:
    whole = json.loads(event_line(REAL[kind]))
    del whole[field]
    assert not validator.is_valid(whole)


def test_a_line_is_one_line_of_ascii_without_what_json_has_not() -> None:
    odd = event(
        "stale", message="é\n\u2028", state="stale", score=float("nan"), far=(np.float64("inf"), np.int64(3)), box=np.ones(2, np.float32)
    )
    line = event_line(odd)
    assert line.isascii()
    assert "\n" not in line
    told = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert told["message"] == "é\n\u2028"
    assert (told["score"], told["far"], told["box"]) == (None, [None, 3], [1.0, 1.0])
    assert (told["event"], told["seconds"]) == ("stale", 41.2)
