"""Markers as text: WebVTT for players, CSV for tables, EDL for DaVinci Resolve and Avid. Each is a function of a `MarkedVideo`."""

from __future__ import annotations

from screener.markers.marked import MarkedVideo, Marker
from screener.markers.timecode import hours_in
from screener.report.csv_table import Cell, row_of

FIRST_HOUR = 1
"""Timelines start at 01:00:00:00 in DaVinci Resolve, Avid and on tape, and an EDL refers to the timeline."""

COLUMNS = (
    "person", "outcome", "p_fake", "start_seconds", "end_seconds", "start_frame", "end_frame", "start_timecode", "end_timecode",
    "frame_rate", "name", "note", "source",
)  # fmt: skip
"""Columns of the CSV. Frames and timecode count from the start of the video; an end is the first frame after the marker."""

_COLOURS = {"fake": ("ResolveColorRed", "RED")}
_OTHER_COLOURS = ("ResolveColorYellow", "YELLOW")


def webvtt(video: MarkedVideo) -> str:
    """W3C WebVTT: a cue per marker, and a note with the headline."""
    head = f"WEBVTT\n\nNOTE\n{_vtt_text(video.name)}\n{_vtt_text(video.headline)}\n"
    cues = [
        f"\n{number}\n{_vtt_time(marker.start_seconds)} --> {_vtt_time(_end_of(marker))}\n{_vtt_text(marker.name)}\n"
        for number, marker in enumerate(video.markers, 1)
    ]
    return head + "".join(cues)


def csv(video: MarkedVideo) -> str:
    """A row for each marker, under `COLUMNS`."""
    rows: list[tuple[Cell, ...]] = [
        (
            marker.person, marker.outcome, None if marker.p_fake is None else round(marker.p_fake, 4), round(marker.start_seconds, 3),
            round(marker.end_seconds, 3), marker.start_frame, marker.end_frame, video.timebase.timecode(marker.start_frame),
            video.timebase.timecode(marker.end_frame), str(video.timebase.rate), marker.name, marker.note, video.name,
        )
        for marker in video.markers
    ]  # fmt: skip
    return "".join(row_of(row) for row in (COLUMNS, *rows))


def edl(video: MarkedVideo) -> str:
    """CMX 3600 with markers as DaVinci Resolve reads them (`|C:`, `|M:`, `|D:`) and as Avid and others do (`* LOC:`)."""
    timebase, first = video.timebase, hours_in(video.timebase, FIRST_HOUR)
    lines = [f"TITLE: {_edl_text(video.name)}", f"FCM: {'DROP FRAME' if timebase.drops else 'NON-DROP FRAME'}", ""]
    for number, marker in enumerate(video.markers, 1):
        start, end = (timebase.timecode(first + marker.start_frame + step) for step in (0, 1))
        resolve, avid = _COLOURS.get(marker.outcome, _OTHER_COLOURS)
        lines += [
            f"{number:03}  001      V     C        {start} {end} {start} {end}",
            f" |C:{resolve} |M:{_edl_text(marker.name)} |D:{marker.frames}",
            f"* LOC: {start} {avid:<7} {_edl_text(marker.name)}",
            "",
        ]
    return "\n".join(lines) + "\n"


def _end_of(marker: Marker) -> float:
    """The end of a cue, which must be after its start."""
    return max(marker.end_seconds, marker.start_seconds + 0.001)


def _vtt_time(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _edl_text(text: str) -> str:
    """On one line, without the field separator."""
    return " ".join(text.replace("|", "/").split())
