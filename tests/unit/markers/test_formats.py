"""Each format, read by independent programs: OpenTimelineIO's adapters, and a WebVTT parser."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest
import webvtt
from builders import person, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.markers import FORMATS, MarkedVideo, marked_video
from screener.records import Segment

from .made import marked_verdict, video

RATES = ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001")
PLACE = Path("/videos/a & b.mp4")


def marked(rate: str = "30000/1001", **changes: object) -> MarkedVideo:
    made = marked_video(marked_verdict(rate, **changes), PLACE)
    assert made is not None
    return made


def read(ending: str, made: MarkedVideo, tmp_path: Path) -> otio.schema.Timeline:
    path = tmp_path / f"markers.{ending}"
    path.write_text(FORMATS[ending](made), encoding="utf-8")
    adapters = {"edl": "cmx_3600", "fcpxml": "fcpx_xml", "xml": "fcp_xml"}
    arguments = {"rate": float(made.timebase.rate)} if ending == "edl" else {}
    found = otio.adapters.read_from_file(str(path), adapter_name=adapters[ending], **arguments)
    while isinstance(found, otio.schema.SerializableCollection):
        found = found[0]
    assert isinstance(found, otio.schema.Timeline)
    return found


def markers_of(timeline: otio.schema.Timeline) -> list[otio.schema.Marker]:
    clips = list(timeline.find_clips())
    return [*timeline.tracks.markers, *(marker for clip in clips for marker in clip.markers)]


def frames_of(marker: otio.schema.Marker, rate: Fraction) -> tuple[int, int]:
    """Start and length, in frames of the video."""
    span = marker.marked_range
    return round(span.start_time.to_seconds() * rate), round(span.duration.to_seconds() * rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("ending", ["fcpxml", "xml"])
def test_editing_programs_find_each_marker_on_its_frame(ending: str, rate: str, tmp_path: Path) -> None:
    made = marked(rate)
    found = markers_of(read(ending, made, tmp_path))
    assert [marker.name for marker in found] == ["Person 2: SUSPICIOUS 0.80", "Person 1: FAKE 0.97", "Person 1: FAKE 0.91"]
    expected = [(marker.start_frame, marker.frames) for marker in made.markers]
    if ending == "xml":
        assert [frames_of(marker, Fraction(rate)) for marker in found] == expected
    else:  # its reader counts in whole frames per second and rounds down
        read_as = [frames_of(marker, Fraction(rate)) for marker in found]
        assert np.abs(np.array(read_as) - np.array(expected)).max() <= 1
    assert expected[1][0] == round(Fraction("60.06") * Fraction(rate))


@pytest.mark.parametrize("rate", RATES)
def test_times_in_fcpxml_are_whole_frames(rate: str) -> None:
    made = marked(rate)
    found = list(ElementTree.fromstring(FORMATS["fcpxml"](made)).iter("marker"))
    frames = [tuple(Fraction(one.attrib[name].rstrip("s")) * Fraction(rate) for name in ("start", "duration")) for one in found]
    assert frames == [(marker.start_frame, marker.frames) for marker in made.markers]


@pytest.mark.parametrize("rate", RATES)
def test_an_edl_has_each_marker_where_timelines_begin_at_one_hour(rate: str, tmp_path: Path) -> None:
    made = marked(rate)
    timeline = read("edl", made, tmp_path)
    events = list(timeline.find_clips())
    hour = {True: 107892 * made.timebase.base // 30, False: 3600 * made.timebase.base}[made.timebase.drops]
    starts = [round(event.source_range.start_time.value) - hour for event in events]
    assert starts == [marker.start_frame for marker in made.markers]
    if made.timebase.drops:
        return  # locators with a semicolon, as Avid writes them, are not read by OpenTimelineIO
    found = markers_of(timeline)
    assert [round(marker.marked_range.start_time.value) - hour for marker in found] == starts
    assert [(marker.name, str(marker.color)) for marker in found] == [
        ("Person 2: SUSPICIOUS 0.80", "YELLOW"),
        ("Person 1: FAKE 0.97", "RED"),
        ("Person 1: FAKE 0.91", "RED"),
    ]


def test_an_edl_says_how_long_resolve_is_to_mark_and_that_frames_are_dropped() -> None:
    lines = FORMATS["edl"](marked()).splitlines()
    assert lines[:2] == ["TITLE: a & b.mp4", "FCM: DROP FRAME"]
    assert "002  001      V     C        01:01:00;02 01:01:00;03 01:01:00;02 01:01:00;03" in lines
    assert " |C:ResolveColorRed |M:Person 1: FAKE 0.97 |D:43" in lines
    assert FORMATS["edl"](marked("24000/1001")).splitlines()[1] == "FCM: NON-DROP FRAME"


@pytest.mark.parametrize("ending", ["fcpxml", "xml"])
def test_the_media_is_the_file_that_was_judged(ending: str, tmp_path: Path) -> None:
    (clip,) = read(ending, marked(), tmp_path).find_clips()
    assert clip.name == "a & b.mp4"
    assert clip.media_reference.target_url.replace("//localhost", "//") == "file:///videos/a%20%26%20b.mp4"
    assert clip.duration().to_seconds() == pytest.approx(900, abs=0.04)


def test_a_player_shows_each_marker_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(FORMATS["vtt"](marked()), encoding="utf-8")
    cues = webvtt.read(str(tmp_path / "a.vtt"))
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [
        ("00:00:02.000", "00:00:03.500", "Person 2: SUSPICIOUS 0.80"),
        ("00:01:00.060", "00:01:01.500", "Person 1: FAKE 0.97"),
        ("00:10:00.600", "00:10:01.000", "Person 1: FAKE 0.91"),
    ]


def test_a_table_has_frames_seconds_and_timecode() -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](marked()))))
    assert [(row["person"], row["start_frame"], row["end_frame"], row["start_timecode"]) for row in rows] == [
        ("2", "60", "105", "00:00:02;00"),
        ("1", "1800", "1843", "00:01:00;02"),
        ("1", "18000", "18012", "00:10:00;18"),
    ]
    assert {row["frame_rate"] for row in rows} == {"30000/1001"}


def test_a_fake_person_without_a_stretch_is_marked_for_as_long_as_they_are_seen() -> None:
    made = marked_video(
        verdict(outcome="fake", people=(person("fake", 0.9, first_seconds=1.0, last_seconds=4.0),), video=video("25")), None
    )
    assert made is not None
    (marker,) = made.markers
    assert (marker.start_frame, marker.end_frame, marker.name) == (25, 100, "Person 1: FAKE 0.90")


@pytest.mark.parametrize("ending", FORMATS)
def test_a_video_without_markers_is_still_a_whole_file(ending: str, tmp_path: Path) -> None:
    made = marked_video(verdict(people=(person("genuine", 0.1),), video=video("25")), PLACE)
    assert made is not None and made.markers == ()
    text = FORMATS[ending](made)
    if ending in ("fcpxml", "xml"):
        assert markers_of(read(ending, made, tmp_path)) == []
    assert "\x00" not in text and text.endswith("\n")


def test_a_stretch_that_players_do_not_show_has_no_marker() -> None:
    stretches = (Segment(-2.0, -1.0, 0.9), Segment(-0.5, 1.0, 0.8))
    made = marked_video(verdict(people=(person("fake", 0.9, segments=stretches),), video=video("25")), PLACE)
    assert made is not None
    assert [(one.start_seconds, one.end_seconds, one.p_fake) for one in made.markers] == [(0.0, 1.0, 0.8)]


def test_pictures_and_what_cannot_be_read_have_no_frames_to_mark() -> None:
    assert marked_video(verdict(people=(person("fake", 0.9),)), PLACE) is None


@settings(max_examples=60)
@given(name=st.text(st.characters(codec=None), min_size=1, max_size=60))
def test_no_name_breaks_a_format(name: str) -> None:
    made = marked_video(marked_verdict(source=name), None)
    assert made is not None
    for ending in ("fcpxml", "xml"):
        root = ElementTree.fromstring(FORMATS[ending](made).encode("utf-8"))
        assert len(list(root.iter("marker"))) == 3
    assert len(webvtt.from_buffer(io.StringIO(FORMATS["vtt"](made))).captions) == 3
    assert len(list(csv.DictReader(io.StringIO(FORMATS["csv"](made), newline="")))) == 3
    assert FORMATS["edl"](made).count("|M:") == 3
