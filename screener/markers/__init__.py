"""Suspicious stretches as markers that players and editing programs read, one file for each format.

Knows verdicts, files and how such programs count frames. A further format is one function of a `MarkedVideo` and one line in `FORMATS`.
"""

from __future__ import annotations

from screener.markers.folder import MarkerFolder, write_markers
from screener.markers.formats import FORMATS
from screener.markers.marked import MarkedVideo, Marker, marked_video
from screener.markers.timecode import Timebase

__all__ = ["FORMATS", "MarkedVideo", "Marker", "MarkerFolder", "Timebase", "marked_video", "write_markers"]
