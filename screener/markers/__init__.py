"""Suspicious intervals as markers for players and editing programs, one file per format.

Knows verdicts, files and timecode. To add a format, write a function of a `MarkedVideo` and add it to `FORMATS`.
"""

from __future__ import annotations

from screener.markers.folder import MarkerFolder, write_markers
from screener.markers.formats import FORMATS
from screener.markers.marked import MarkedVideo, Marker, marked_video
from screener.markers.timecode import Timebase

__all__ = ["FORMATS", "MarkedVideo", "Marker", "MarkerFolder", "Timebase", "marked_video", "write_markers"]
