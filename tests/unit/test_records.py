"""Records are frozen, know their own sizes, and become plain JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from builders import box, face_score, person, verdict

from screener import records
from screener.records import Frame, Segment, VideoFacts


def test_sizes_are_width_first() -> None:
    assert Frame(np.zeros((20, 30, 3), np.uint8), 0.0, 0).size_wh == (30, 20)
    assert box(0, 0, 30, 50).size_px == 30
    assert box(5, 5, 85, 45).size_px == 40


@pytest.mark.parametrize("record", [r for r in vars(records).values() if isinstance(r, type) and dataclasses.is_dataclass(r)])
def test_records_are_frozen(record: Any) -> None:
    assert record.__dataclass_params__.frozen


def full_verdict() -> records.Verdict:
    return verdict(
        source="a b/ü.mp4",
        sha256="ab" * 32,
        outcome="fake",
        p_fake=0.912345,
        interval=(0.812345, 1.0),
        threshold=0.600049,
        coverage="partial",
        reasons=("truncated",),
        warnings=("hdr",),
        detail="it ends early",
        video=VideoFacts(12.34567, (1280, 720), 29.97003, "h264", "opencv", False, 300, 299, 32, 30, 1, ("truncated",), ("hdr",)),
        people=(
            person("fake", 0.91234567, track_id=2, segments=(Segment(1.23456, 7.0, 0.98765),), face_px_median=148.26, frames_judged=30),
            person("undecided", None, track_id=3, reasons=("too_small",), frames_judged=0),
        ),
        frames=(face_score(0.75, 4, pts_seconds=0.20049, thumbnail_rgb=np.zeros((8, 8, 3), np.uint8)),),
        timing_seconds={"total": 1.23456},
    )


def test_a_verdict_that_is_printed_shows_no_pixels() -> None:
    shown = repr(full_verdict())
    assert "outcome='fake'" in shown and "array(" not in shown
    assert "p_fake=0.75" in repr(full_verdict().frames[0]) and "uint8" not in repr(full_verdict().frames[0])


def test_the_json_of_a_verdict_by_hand() -> None:
    assert full_verdict().to_dict() == {
        "schema_version": 1,
        "source": "a b/ü.mp4",
        "sha256": "ab" * 32,
        "outcome": "fake",
        "p_fake": 0.9123,
        "interval": [0.8123, 1.0],
        "threshold": 0.6,
        "operating_point": {"fpr": 0.05},
        "coverage": "partial",
        "reasons": ["truncated"],
        "detail": "it ends early",
        "warnings": ["hdr"],
        "video": {
            "duration_seconds": 12.346,
            "size_wh": [1280, 720],
            "fps": 29.97,
            "codec": "h264",
            "reader": "opencv",
            "is_still": False,
            "frames_promised": 300,
            "frames_decoded": 299,
            "frames_sampled": 32,
            "frames_judged": 30,
            "decode_errors": 1,
        },
        "people": [
            {
                "track_id": 2,
                "outcome": "fake",
                "p_fake": 0.9123,
                "interval": [0.9123, 0.9123],
                "first_seconds": 0.0,
                "last_seconds": 10.0,
                "frames_seen": 32,
                "frames_judged": 30,
                "segments": [{"start_seconds": 1.235, "end_seconds": 7.0, "p_fake": 0.9877}],
                "face_px_median": 148.3,
                "reasons": [],
            },
            {
                "track_id": 3,
                "outcome": "undecided",
                "p_fake": None,
                "interval": None,
                "first_seconds": 0.0,
                "last_seconds": 10.0,
                "frames_seen": 32,
                "frames_judged": 0,
                "segments": [],
                "face_px_median": 100.0,
                "reasons": ["too_small"],
            },
        ],
        "frames": [
            {
                "seconds": 0.2,
                "frame_index": 4,
                "track_id": 1,
                "p_fake": 0.75,
                "logit": 1.0986,
                "box_xyxy": [10.0, 20.0, 110.0, 140.0],
                "confidence": 0.99,
                "sharpness": 100.0,
            }
        ],
        "checkpoint": {},
        "settings": {},
        "versions": {},
        "timing_seconds": {"total": 1.235},
    }


def test_json_is_plain_ascii_and_comes_back_the_same() -> None:
    text = full_verdict().to_json()
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == json.loads(full_verdict().to_json(indent=2)) == full_verdict().to_dict()


def test_numpy_numbers_become_plain_ones() -> None:
    made = verdict(
        p_fake=np.float64(0.5),
        interval=(np.float32(0.25), np.float64(0.75)),
        people=(person("fake", np.float32(0.5)),),  # type: ignore[arg-type]
        frames=(face_score(0.5, logit=np.float32(0.0)),),
        timing_seconds={"total": np.float64(1.0)},
    )
    assert json.loads(made.to_json())["interval"] == [0.25, 0.75]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        verdict(p_fake=value).to_json()
