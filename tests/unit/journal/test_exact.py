"""A restored verdict is exact: every report of it is byte-identical."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import face_scores, person, verdict
from hypothesis import given
from hypothesis import strategies as st

from screener.journal.exact import from_plain, to_plain
from screener.record_stress import Stressed, StressedPerson
from screener.records import Segment, Verdict, VideoFacts
from screener.report import WRITERS, Summary
from screener.report.html import index_row


def kept(value: Verdict) -> Verdict:
    return from_plain(json.loads(json.dumps(to_plain(value))))


def full(p_fake: float = 1 / 3) -> Verdict:
    """A value in every field, of digits that no rounding leaves as they are."""
    people = (person("fake", p_fake, interval=(p_fake / 2, 1.0), segments=(Segment(0.1, 0.7, p_fake),)), person("undecided", None))
    faces = face_scores(np.linspace(0, p_fake, 7), thumbnail_rgb=np.zeros((2, 2, 3), np.uint8), blend_map=np.zeros((2, 2), np.float32))
    facts = VideoFacts(1 / 7, (640, 480), 29.97, "h264", "opencv", False, 9, 8, 7, 7, 1, reasons=("corrupt",), warnings=("gap",))
    return verdict(
        source="a\udcff\n.mp4", sha256="0" * 64, outcome="fake", p_fake=p_fake, interval=(p_fake / 2, 1.0), coverage="partial",
        reasons=("corrupt",), warnings=("gap",), video=facts, people=people, frames=tuple(faces),
        checkpoint={"sha256": "1" * 64, "training_data": ["one", "two"], "calibration": {"bias": 0.1}},
        settings={"fps": None, "stress": True},
        versions={"numpy": "2"}, timing_seconds={"total": 1 / 3}, detail="a\udcff\n.mp4: \u202e",
        stress=(Stressed("blur", 7, "blur", "fake", p_fake, ("too_small",), (StressedPerson(1, "undecided", None, ("corrupt",)),)),),
    )  # fmt: skip


def reports(value: Verdict) -> list[str]:
    writers = [make(None, True) for make in WRITERS.values()]
    return [writer.begin() + writer.one(value) + writer.end(Summary().plus(value)) for writer in writers]


@given(p_fake=st.floats(1e-9, 1.0))
def test_every_report_of_a_kept_verdict_is_the_same(p_fake: float) -> None:
    value = full(p_fake)
    assert reports(kept(value)) == reports(value)
    assert index_row(kept(value)) == index_row(value)


def test_nothing_but_the_pictures_is_lost() -> None:
    value = full()
    again = kept(value)
    assert replace(again, frames=()) == replace(value, frames=())
    assert len(again.frames) == len(value.frames) == 7
    for one, other in zip(again.frames, value.frames, strict=True):
        assert one.box_xyxy.dtype == np.float32
        np.testing.assert_array_equal(one.box_xyxy, other.box_xyxy)
        assert (one.logit, one.p_fake, one.face_px, one.sharpness) == (other.logit, other.p_fake, other.face_px, other.sharpness)
        assert one.thumbnail_rgb is None
        assert one.blend_map is None


def test_numbers_of_numpy_and_such_as_are_none_come_through() -> None:
    value = verdict(p_fake=np.float64(0.1), threshold=np.float32(0.5), timing_seconds={"total": math.inf})
    assert (kept(value).p_fake, kept(value).threshold, kept(value).timing_seconds) == (0.1, 0.5, {"total": math.inf})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain.pop("outcome"),
        lambda plain: plain.update(more=1),
        lambda plain: plain["video"].pop("codec"),
        lambda plain: plain.update(video=None),
        lambda plain: plain.update(people=[3]),
        lambda plain: plain["frames"][0].update(box_xyxy=[1, 2]),
        lambda plain: plain["frames"][0].update(box_xyxy="none"),
    ],
)
def test_what_is_no_verdict_is_refused(spoil: Any) -> None:
    plain = to_plain(full())
    spoil(plain)
    with pytest.raises(ValueError):
        from_plain(plain)
