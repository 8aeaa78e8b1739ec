"""The marker formats by file name ending."""

from __future__ import annotations

from collections.abc import Callable

from screener.markers.marked import MarkedVideo
from screener.markers.text_formats import csv, edl, webvtt
from screener.markers.xml_formats import fcpxml, xmeml

FORMATS: dict[str, Callable[[MarkedVideo], str]] = {"vtt": webvtt, "csv": csv, "edl": edl, "fcpxml": fcpxml, "xml": xmeml}
"""Ending -> function that returns the text of the file. `xml` is xmeml, Final Cut Pro 7's format, which Premiere Pro reads."""
