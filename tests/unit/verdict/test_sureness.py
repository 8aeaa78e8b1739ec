"""When a scan may stop: intervals inside one range, in two rounds, and no open suspicion."""

from __future__ import annotations

from typing import Any

import pytest
from builders import limits, person

from screener.records import Segment
from screener.verdict.sureness import is_settled, is_sure, standing_of

LIMITS = limits(threshold=0.7, genuine_below=0.3)
STRETCH = (Segment(1.0, 4.0, 0.9),)


@pytest.mark.parametrize(
    ("low", "high", "changes", "settled"),
    [
        (0.05, 0.25, {}, True),
        (0.05, 0.35, {}, False),
        (0.35, 0.65, {}, True),
        (0.6, 0.8, {}, False),
        (0.7, 0.9, {}, True),
        (0.1, 0.9, {}, False),
        (0.1, 0.3, {}, False),  # the border itself belongs to the band above it
        (0.3, 0.4, {}, True),
        (0.25, 0.3, {}, True),  # 0.05 wide
        (0.28, 0.32, {}, True),  # across a border, but as narrow as it gets
        (0.1, 0.6, {"segments": STRETCH}, True),  # not genuine, and far from fake
        (0.1, 0.8, {"segments": STRETCH}, False),
    ],
)
def test_a_person_is_settled_when_the_interval_lies_in_one_band(low: float, high: float, changes: dict[str, Any], settled: bool) -> None:
    outcome = "fake" if low >= 0.7 else "genuine" if high < 0.7 and not changes else "undecided"
    assert is_settled(person(outcome, (low + high) / 2, interval=(low, high), **changes), LIMITS) is settled


@pytest.mark.parametrize(
    ("reasons", "settled"),
    [
        (("too_small",), True),
        (("low_quality",), True),
        (("out_of_range",), True),
        (("too_short",), False),
        (("low_quality", "too_short"), False),
    ],
)
def test_what_further_frames_cannot_change_is_settled(reasons: tuple[str, ...], settled: bool) -> None:
    assert is_settled(person("undecided", None, reasons=reasons), LIMITS) is settled
    assert is_settled(person("undecided", 0.5, interval=(0.1, 0.9), reasons=reasons), LIMITS) is settled


def test_all_the_reasons_that_frames_cannot_change_together_are_settled() -> None:
    assert is_settled(person("undecided", None, reasons=("too_small", "low_quality", "out_of_range")), LIMITS)


def test_too_few_frames_are_never_settled_however_narrow_the_interval() -> None:
    assert not is_settled(person("undecided", 0.1, interval=(0.1, 0.1), reasons=("too_short",)), LIMITS)
    assert not is_settled(person("undecided", None, interval=None), LIMITS)


def test_a_standing_holds_everyone_who_decides_and_the_outcome() -> None:
    people = [person("undecided", 0.5, reasons=("near_threshold",)), person("fake", 0.9, track_id=2)]
    glimpsed = person("undecided", 0.6, track_id=3, frames_seen=1, reasons=("too_short",))
    standing = standing_of("fake", [*people, glimpsed], 100, LIMITS, 0)
    assert standing.outcome == "fake"
    assert standing.people == (("fake", ()), ("undecided", ("near_threshold",)))
    suspicious = standing_of("fake", [*people, person("undecided", 0.7, track_id=3, frames_seen=1, reasons=("too_short",))], 100, LIMITS, 0)
    assert suspicious.people == (("fake", ()), ("undecided", ("near_threshold",)), ("undecided", ("too_short",)))


def test_two_rounds_must_agree() -> None:
    genuine = standing_of("genuine", [person("genuine", 0.1)], 16, LIMITS, 0)
    fake = standing_of("fake", [person("fake", 0.9)], 16, LIMITS, 0)
    assert not is_sure(None, genuine)
    assert is_sure(genuine, genuine)
    assert not is_sure(genuine, fake)
    assert not is_sure(genuine, standing_of("undecided", [person("genuine", 0.1)], 16, LIMITS, 0))
    assert not is_sure(genuine, standing_of("genuine", [person("genuine", 0.1)] * 2, 16, LIMITS, 0))
    assert not is_sure(standing_of("genuine", [person("genuine", 0.1)], 16, LIMITS, 1), genuine)


def test_a_suspicion_keeps_everyone_open_who_is_not_fake() -> None:
    assert not standing_of("genuine", [person("genuine", 0.1)], 16, LIMITS, 1).settled
    assert standing_of("fake", [person("fake", 0.9)], 16, LIMITS, 1).settled


def test_one_open_person_keeps_the_video_open() -> None:
    people = [person("fake", 0.9), person("undecided", 0.6, track_id=2, interval=(0.4, 0.8), reasons=("near_threshold",))]
    assert not standing_of("fake", people, 32, LIMITS, 0).settled


def test_a_video_without_faces_and_one_with_passers_by_are_sure_after_two_rounds() -> None:
    for people in ([], [person("undecided", None, frames_judged=0, reasons=("too_small",))]):
        standing = standing_of("undecided", people, 32, LIMITS, 0)
        assert is_sure(standing, standing)
