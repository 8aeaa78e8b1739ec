"""Records are frozen, know their own sizes, and become plain JSON."""

from __future__ import annotations

import dataclasses
import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders import box, face_crop, face_score, person, verdict

from screener import records
from screener.errors import REASONS, WARNINGS
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
        video=VideoFacts(
            12.34567,
            (1280, 720),
            29.97003,
            "h264",
            "opencv",
            False,
            300,
            299,
            32,
            30,
            1,
            reasons=("truncated",),
            warnings=("hdr",),
            frame_rate="30000/1001",
        ),
        people=(
            person("fake", 0.91234567, track_id=2, segments=(Segment(1.23456, 7.0, 0.98765),), face_px_median=148.26, frames_judged=30),
            person("undecided", None, track_id=3, reasons=("too_small",), frames_judged=0),
        ),
        frames=(face_score(0.75, 4, pts_seconds=0.20049, thumbnail_rgb=np.zeros((8, 8, 3), np.uint8)),),
        timing_seconds={"total": 1.23456},
        scanned_at="2026-11-29T02:11:03Z",
    )


@pytest.mark.parametrize(("fps", "shown"), [(0.0, 0.0), (1 / 3600, 0.000278), (0.0123456, 0.012), (29.97003, 29.97)])
def test_only_an_unknown_rate_is_0_in_json(fps: float, shown: float) -> None:
    assert dataclasses.replace(full_verdict(), video=dataclasses.replace(FACTS, fps=fps)).to_dict()["video"]["fps"] == shown


def test_a_verdict_that_is_printed_shows_no_pixels() -> None:
    shown = repr(full_verdict())
    assert shown.startswith("Verdict(fake") and "array(" not in shown
    assert "p_fake=0.75" in repr(full_verdict().frames[0]) and "uint8" not in repr(full_verdict().frames[0])


def test_the_json_of_a_verdict_by_hand() -> None:
    assert full_verdict().to_dict() == {
        "schema_version": 1,
        "source": "a b/ü.mp4",
        "sha256": "ab" * 32,
        "size_bytes": None,
        "scanned_at": "2026-11-29T02:11:03Z",
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
            "frame_rate": "30000/1001",
            "codec": "h264",
            "reader": "opencv",
            "is_still": False,
            "frames_promised": 300,
            "frames_decoded": 299,
            "frames_sampled": 32,
            "frames_judged": 30,
            "decode_errors": 1,
        },
        "provenance": {},
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
                "segments": [{"start_seconds": 1.235, "end_seconds": 7.0, "start_frame": 37, "end_frame": 210, "p_fake": 0.9877}],
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


NAN, INF = float("nan"), float("inf")
CROP = face_crop(np.zeros((8, 8, 3), np.uint8))
SCORE = face_score(0.5)
PERSON = person("fake")
FACTS = VideoFacts()
VERDICT = verdict()


def frame(**changes: Any) -> Frame:
    return Frame(**{"picture_rgb": np.zeros((20, 30, 3), np.uint8), "pts_seconds": 0.0, "index": 0, **changes})


def segment(**changes: Any) -> Segment:
    return Segment(**{"start_seconds": 1.0, "end_seconds": 2.0, "p_fake": 0.9, **changes})


@pytest.mark.parametrize(
    ("sound", "field", "values"),
    [
        (frame(), "picture_rgb", [np.zeros((20, 30), np.uint8), np.zeros((20, 30, 4), np.uint8), np.zeros((20, 30, 3)), [[0]]]),
        (frame(), "picture_rgb", [np.zeros((0, 30, 3), np.uint8), None]),
        (frame(), "pts_seconds", [NAN, INF, -INF, None, "0"]),
        (frame(), "index", [-1, NAN]),
        (box(), "box_xyxy", [np.zeros(4), np.zeros(5, np.float32), np.array([0, 0, NAN, 1], np.float32), [0, 0, 1, 1]]),
        (box(), "confidence", [-0.1, 1.1, NAN]),
        (box(), "landmarks_xy", [np.zeros((4, 2), np.float32), np.zeros((5, 2)), np.zeros(10, np.float32)]),
        (CROP, "crop_rgb", [np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.float32)]),
        (CROP, "pts_seconds", [NAN]),
        (CROP, "frame_index", [-1]),
        (CROP, "sharpness", [-1.0, INF]),
        (SCORE, "box_xyxy", [np.zeros(4), np.array([0, 0, INF, 1], np.float32)]),
        (SCORE, "logit", [NAN, INF]),
        (SCORE, "pts_seconds", [NAN]),
        (SCORE, "p_fake", [-0.01, 1.01, NAN, None]),
        (SCORE, "confidence", [2.0]),
        (SCORE, "frame_index", [-1]),
        (SCORE, "face_px", [-1.0, NAN]),
        (SCORE, "sharpness", [NAN]),
        (SCORE, "thumbnail_rgb", [np.zeros((8, 9, 3), np.uint8)]),
        (SCORE, "blend_map", [np.zeros(8, np.float32), np.zeros((8, 8))]),
        (segment(), "start_seconds", [NAN, -INF]),
        (segment(), "end_seconds", [INF]),
        (segment(), "p_fake", [1.5]),
        (PERSON, "outcome", ["real", "", None]),
        (PERSON, "p_fake", [NAN, -1.0]),
        (PERSON, "interval", [(0.9, 0.1), (0.1,), (-0.1, 0.5), (0.5, 1.1), (NAN, 0.5)]),
        (PERSON, "first_seconds", [INF]),
        (PERSON, "last_seconds", [NAN]),
        (PERSON, "frames_seen", [-1]),
        (PERSON, "frames_judged", [-1]),
        (PERSON, "face_px_median", [NAN]),
        (PERSON, "reasons", [("blurry",), ("no_face", "NO_FACE")]),
        (FACTS, "duration_seconds", [-1.0, NAN, INF]),
        (FACTS, "fps", [NAN]),
        (FACTS, "frames_promised", [-1]),
        (FACTS, "frames_decoded", [-1]),
        (FACTS, "frames_sampled", [-1]),
        (FACTS, "frames_judged", [-1]),
        (FACTS, "decode_errors", [-1]),
        (FACTS, "decode_seconds", [-1.0]),
        (FACTS, "size_wh", [(1,), (-1, 5)]),
        (FACTS, "reasons", [("hdr",)]),
        (FACTS, "warnings", [("truncated",)]),
        (VERDICT, "outcome", ["real"]),
        (VERDICT, "coverage", ["full"]),
        (VERDICT, "p_fake", [NAN, INF]),
        (VERDICT, "interval", [(0.9, 0.1)]),
        (VERDICT, "threshold", [NAN, 1.5]),
        (VERDICT, "reasons", [("gap",)]),
        (VERDICT, "warnings", [("corrupt",)]),
    ],
)
def test_a_record_refuses_what_its_field_does_not_promise(sound: Any, field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=rf"^{type(sound).__name__}\.{field}: expected .*, got "):
            dataclasses.replace(sound, **{field: value})


def test_a_map_of_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="blend_map: expected finite numbers"):
        face_score(0.5, blend_map=np.full((2, 2), NAN, np.float32))


def test_a_segment_does_not_end_before_it_begins() -> None:
    assert segment(end_seconds=1.0).end_seconds == 1.0
    with pytest.raises(ValueError, match=r"expected an end after its start, got 2\.5 to 2\.0 seconds"):
        segment(start_seconds=2.5)


def test_a_refusal_quotes_what_was_expected_and_what_came() -> None:
    with pytest.raises(ValueError, match=r"^Frame\.picture_rgb: expected \(H, W, 3\) uint8, got \(4, 5\) float64$"):
        frame(picture_rgb=np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"^FaceBox\.box_xyxy: expected \(4\) float32, got \(2, 2\) float32$"):
        dataclasses.replace(box(), box_xyxy=np.zeros((2, 2), np.float32))


def test_the_edges_of_what_a_record_holds() -> None:
    assert frame(pts_seconds=-0.5).pts_seconds == -0.5, "pictures before the beginning have times below 0"
    assert dataclasses.replace(box(), confidence=1.0, landmarks_xy=np.full((5, 2), NAN, np.float32)).confidence == 1
    assert person("fake", 0.0, interval=(0.0, 0.0)).interval == (0.0, 0.0)
    assert person("undecided", None, interval=None, reasons=tuple(REASONS)).reasons == tuple(REASONS)
    assert VideoFacts(warnings=tuple(WARNINGS)).warnings == tuple(WARNINGS)
    assert verdict(threshold=0.0).threshold == 0 and verdict(threshold=1.0).threshold == 1


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_number_that_json_does_not_know_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        verdict(timing_seconds={"total": value}).to_json()


def test_a_verdict_is_one_line_at_a_prompt_and_a_table_in_a_notebook() -> None:
    fake = verdict(source="<b>clip</b>.mp4", outcome="fake", p_fake=0.934, people=(person("genuine"), person("fake", track_id=2)))
    assert repr(fake) == "Verdict(fake, p_fake 0.93, person 2 of 2, complete, '<b>clip</b>.mp4')"
    html = fake._repr_html_()
    assert html.count("<tr>") == 3 and "&lt;b&gt;clip&lt;/b&gt;.mp4" in html and "<b>clip" not in html
    nothing = verdict(outcome="undecided", p_fake=None, interval=None, people=(), coverage="none", reasons=("not_found",))
    assert repr(nothing) == f"Verdict(undecided, 0 people, none, not_found, {nothing.source!r})"


def test_a_table_for_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        verdict().to_dataframe()


def test_a_table_for_pandas_has_a_row_for_each_judged_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas in its place: a class that keeps what it is given."""
    made: list[tuple[list[dict[str, float]], list[str]]] = []
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows, columns: made.append((rows, columns))))
    one = full_verdict()
    one.to_dataframe()
    ((rows, columns),) = made
    assert [row["logit"] for row in rows] == [frame["logit"] for frame in one.to_dict()["frames"]]
    assert all(list(row) == columns for row in rows) and {"x0", "y1", "p_fake", "track_id"} <= set(columns)
