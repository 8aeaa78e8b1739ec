"""Markers as XML: FCPXML for Final Cut Pro, and xmeml, its older form, for Premiere Pro. Each is a function of a `MarkedVideo`.

Both place the video on a timeline of the same rate and length, and mark it there. Audio is not listed: linking the media adds it.
"""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree

from screener.markers.marked import MarkedVideo, Marker
from screener.markers.timecode import Timebase

FCPXML_VERSION = "1.8"
"""The newest version whose media Final Cut Pro, DaVinci Resolve and OpenTimelineIO all find."""

XMEML_VERSION = "5"


def fcpxml(video: MarkedVideo) -> str:
    """A project with one clip, and the markers on the clip."""
    rate, length = video.timebase.rate, _fcp_time(video.frames, video.timebase.rate)
    root = ElementTree.Element("fcpxml", version=FCPXML_VERSION)
    resources = _child(root, "resources")
    size = {"width": str(video.size_wh[0]), "height": str(video.size_wh[1])} if video.size_wh[0] else {}
    _child(resources, "format", id="r1", frameDuration=_fcp_time(1, rate), **size)
    asset = {"id": "r2", "name": _legal(video.name), "src": video.uri, "start": "0s", "duration": length, "hasVideo": "1", "format": "r1"}
    _child(resources, "asset", **asset)
    event = _child(root, "event", name="screener")
    project = _child(event, "project", name=_legal(video.name))
    counting = "DF" if video.timebase.drops else "NDF"
    sequence = _child(project, "sequence", format="r1", duration=length, tcStart="0s", tcFormat=counting)
    spine = _child(sequence, "spine")
    clip = _child(spine, "asset-clip", ref="r2", offset="0s", name=_legal(video.name), start="0s", duration=length, tcFormat=counting)
    for marker in video.markers:
        start, lasting = _fcp_time(marker.start_frame, rate), _fcp_time(marker.frames, rate)
        _child(clip, "marker", start=start, duration=lasting, value=_legal(marker.name), note=_legal(marker.note))
    return _document(root, "fcpxml")


def xmeml(video: MarkedVideo) -> str:
    """A sequence with one clip, and the markers on the sequence."""
    root = ElementTree.Element("xmeml", version=XMEML_VERSION)
    sequence = _child(root, "sequence", id="sequence-1")
    _text(sequence, "name", video.name)
    _text(sequence, "duration", video.frames)
    _rate(sequence, video.timebase)
    _timecode(sequence, video.timebase)
    media = _child(_child(sequence, "media"), "video")
    _format(_child(media, "format"), video)
    clip = _child(_child(media, "track"), "clipitem", id="clipitem-1")
    _text(clip, "name", video.name)
    _text(clip, "duration", video.frames)
    _rate(clip, video.timebase)
    for name, frame in (("start", 0), ("end", video.frames), ("in", 0), ("out", video.frames)):
        _text(clip, name, frame)
    file = _child(clip, "file", id="file-1")
    _text(file, "name", video.name)
    _text(file, "pathurl", video.uri.replace("file:///", "file://localhost/", 1))
    _rate(file, video.timebase)
    _text(file, "duration", video.frames)
    _format(_child(_child(file, "media"), "video"), video)
    for marker in video.markers:
        _xmeml_marker(sequence, marker)
    return _document(root, "xmeml")


def _xmeml_marker(parent: ElementTree.Element, marker: Marker) -> None:
    made = _child(parent, "marker")
    _text(made, "name", marker.name)
    _text(made, "comment", marker.note)
    _text(made, "in", marker.start_frame)
    _text(made, "out", marker.end_frame)


def _rate(parent: ElementTree.Element, timebase: Timebase) -> None:
    rate = _child(parent, "rate")
    _text(rate, "timebase", timebase.base)
    _text(rate, "ntsc", "TRUE" if timebase.ntsc else "FALSE")


def _timecode(parent: ElementTree.Element, timebase: Timebase) -> None:
    timecode = _child(parent, "timecode")
    _rate(timecode, timebase)
    _text(timecode, "string", timebase.timecode(0))
    _text(timecode, "frame", 0)
    _text(timecode, "displayformat", "DF" if timebase.drops else "NDF")


def _format(parent: ElementTree.Element, video: MarkedVideo) -> None:
    if video.size_wh[0]:
        characteristics = _child(parent, "samplecharacteristics")
        _text(characteristics, "width", video.size_wh[0])
        _text(characteristics, "height", video.size_wh[1])


def _fcp_time(frames: int, rate: Fraction) -> str:
    """A whole number of frames as seconds: `1001/30000s`."""
    seconds = frames / rate
    return f"{seconds.numerator}s" if seconds.denominator == 1 else f"{seconds.numerator}/{seconds.denominator}s"


def _child(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _text(parent: ElementTree.Element, tag: str, value: str | int) -> None:
    _child(parent, tag).text = _legal(str(value))


def _legal(text: str) -> str:
    """Without the characters that XML 1.0 does not allow; names have no control characters, but may contain lone surrogates."""
    return "".join(c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000")


def _document(root: ElementTree.Element, kind: str) -> str:
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE {kind}>\n{ElementTree.tostring(root, encoding="unicode")}\n'
