"""The decoding table: which reader is used, and what is reported. Facts in, plan out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from screener.errors import REASONS, WARNINGS
from screener.video.container.facts import Facts
from screener.video.container.policy import READERS, RULES, plan_for

PLAIN = Facts("mov,mp4,m4a,3gp,3g2,mj2", "h264")

CASES = {
    "sizes are not where they are expected": {"sets_readable": False},
    "pictures change in size, shape or bit depth": {"parameter_sets": 2},
    "pictures are, or may be, interlaced": {"interlaced": True},
    "the orientation is in the stream, not in the container": {"is_turned_within": True},
    "colours are high dynamic range": {"transfer": 16},
    "the colour gamut is wider than a standard screen's": {"primaries": 9},
    "the decoder conceals damage within a picture": {"codec": "mjpeg"},
    "part of a picture is zeros": {"holes": 1},
    "the decoder is correct only in one thread": {"codec": "dirac"},
    "there are several video streams": {"other_streams": 1},
    "the video is not the first stream": {"is_first": False},
    "another recording follows": {"another_recording": True},
    "some pictures are marked to be discarded": {"unread_pictures": 1},
    "an edit list hides pictures from players": {"hidden_pictures": 1},
    "the container has no timestamps": {"format": "avi"},
    "timestamps are decoding times": {"format": "asf", "reorders": True},
    "some pictures have no timestamp": {"unplaced_pictures": 1},
    "several recordings were concatenated": {"is_strung": True},
    "there was no time to read all packets": {"is_unwalked": True},
    "the container contradicts itself, starts late or ends early": {"is_damaged": True},
}
"""Fact -> the values that make it true. Mirroring is found from a picture, and tested on files."""


def test_a_plain_file_is_opencvs() -> None:
    plan = plan_for(PLAIN)
    assert plan.readers == READERS == ("nvdec", "opencv", "pyav", "careful")
    assert (plan.in_order, plan.options, plan.warnings, plan.reasons) == (False, {}, (), ())


@pytest.mark.parametrize("fact", CASES)
def test_each_rule_holds_where_its_fact_does_and_nowhere_else(fact: str) -> None:
    facts = replace(PLAIN, **CASES[fact])
    (rule,) = [rule for rule in RULES if rule.holds(facts)]
    assert rule.fact == fact
    plan = plan_for(facts)
    assert not set(plan.readers) & rule.shuns and plan.readers[-1] == "careful"
    assert plan.warnings == ((rule.warning,) if rule.warning else ())
    assert plan.reasons == ((rule.reason,) if rule.reason else ())


def test_what_was_not_read_is_never_passed_over() -> None:
    unread = [rule for rule in RULES if rule.reason]
    assert [rule.reason for rule in unread] == ["unread_part"] * 3 + ["limit_time"]


def test_the_words_are_known_and_every_rule_has_its_row_in_the_published_table() -> None:
    page = (Path(__file__).parents[4] / "SECURITY.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert not rule.warning or rule.warning in WARNINGS
        assert not rule.reason or rule.reason in REASONS
        assert f"| {rule.fact} |" in page, rule.fact


def test_pictures_that_say_how_they_are_turned_are_not_sought_one_by_one() -> None:
    assert plan_for(replace(PLAIN, is_turned_within=True)).in_order


def test_rules_add_up() -> None:
    plan = plan_for(replace(PLAIN, parameter_sets=2, transfer=18, other_streams=2, codec="vp8", hidden_pictures=3))
    assert plan.readers == ("careful",)
    assert plan.warnings == ("hdr", "multi_video", "hidden_pictures")
    assert (plan.reasons, plan.in_order, plan.options) == (("unread_part",), True, {"ignore_editlist": "1"})
