"""The JSON Schema accepts every verdict that the records allow, and rejects invalid ones."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from screener.errors import REASONS, WARNINGS
from screener.records import COVERAGES, OUTCOMES, Verdict
from screener.report import load_schema


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = load_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_every_kind_of_verdict_is_valid(validator: Draft202012Validator, verdict: Verdict) -> None:
    assert [e.message for e in validator.iter_errors(verdict.to_dict())] == []


def test_enums_are_those_of_the_code() -> None:
    definitions = load_schema()["$defs"]
    assert definitions["reasons"]["items"]["enum"] == list(REASONS)
    assert definitions["warnings"]["items"]["enum"] == list(WARNINGS)
    assert definitions["outcome"]["enum"] == list(OUTCOMES)
    assert load_schema()["properties"]["coverage"]["enum"] == list(COVERAGES)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_valid(validator: Draft202012Validator, verdicts: dict[str, Verdict], reason: str) -> None:
    assert validator.is_valid(replace(verdicts["unreadable"], reasons=(reason,)).to_dict())


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "real"},
        {"outcome": "fake", "p_fake": None},
        {"p_fake": 1.2},
        {"p_fake": "0.93"},
        {"p_fake": None, "outcome": "undecided", "reasons": ["no_face"]},
        {"interval": [0.1]},
        {"interval": [0.1, 1.5]},
        {"coverage": "most"},
        {"coverage": "partial"},
        {"coverage": "partial", "outcome": "genuine", "reasons": ["truncated"]},
        {"coverage": "partial", "reasons": ["truncated"]},
        {"outcome": "undecided", "reasons": []},
        {"reasons": ["because"]},
        {"reasons": ["corrupt", "corrupt"]},
        {"warnings": ["loud"]},
        {"schema_version": 2},
        {"sha256": "short"},
        {"source": ""},
        {"extra": 1},
        {"checkpoint": {"name": "x"}},
        {"operating_point": {"fpr": 2}},
        {"versions": {"torch": 2}},
    ],
    ids=str,
)
def test_broken_verdicts_are_refused(validator: Draft202012Validator, verdicts: dict[str, Verdict], changes: dict[str, Any]) -> None:
    assert not validator.is_valid({**verdicts["three_people"].to_dict(), **changes})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("video", "frames_decoded"), -1),
        (("video", "size_wh"), [1, 2, 3]),
        (("video", "colour"), "red"),
        (("people", 0, "outcome"), "maybe"),
        (("people", 0, "p_fake"), None),
        (("people", 2, "reasons"), []),
        (("people", 0, "name"), "Ann"),
        (("people", 1, "segments", 0, "p_fake"), 7),
        (("people", 1, "segments", 0, "label"), ""),
        (("frames", 0, "box_xyxy"), [1, 2, 3]),
        (("frames", 0, "seconds"), None),
        (("frames", 0, "thumbnail"), ""),
    ],
    ids=str,
)
def test_broken_parts_are_refused(
    validator: Draft202012Validator, verdicts: dict[str, Verdict], path: tuple[str | int, ...], value: object
) -> None:
    broken = copy.deepcopy(verdicts["three_people"].to_dict())
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not validator.is_valid(broken)


def test_no_field_may_be_missing(validator: Draft202012Validator, verdicts: dict[str, Verdict]) -> None:
    whole = verdicts["three_people"].to_dict()
    for parts in (whole, whole["video"], whole["people"][1], whole["people"][1]["segments"][0], whole["frames"][0]):
        for name in list(parts):
            value = parts.pop(name)
            assert not validator.is_valid(whole), name
            parts[name] = value
    assert validator.is_valid(whole)
