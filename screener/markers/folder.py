"""A folder of markers: for each video, a file in every format, written atomically. Knows files, not their content."""

from __future__ import annotations

from pathlib import Path

from screener.markers.formats import FORMATS
from screener.markers.marked import marked_video
from screener.records import Verdict
from screener.report.html import page_name
from screener.runtime.files import make_folder, remove_leftovers, write_whole


class MarkerFolder:
    """Writes the markers of one verdict after another. `written`: number of videos with markers in the folder."""

    def __init__(self, folder: Path) -> None:
        """Create the folder if needed. Raises OutputError."""
        make_folder(folder)
        remove_leftovers(folder)
        self._folder = folder
        self.written = 0

    def add(self, verdict: Verdict, path: Path | None) -> None:
        """Write the markers of one video, named like its page in a report; nothing for pictures and unreadable inputs.

        path: the file that was judged, None if it was not a file. Raises OutputError.
        """
        if write_markers(self._folder, page_name(verdict).removesuffix(".html"), verdict, path):
            self.written += 1


def write_markers(folder: Path, stem: str, verdict: Verdict, path: Path | None) -> bool:
    """Write the markers of one video as `stem` plus each format's ending. False, with nothing written, if it is not a readable video.

    path: the file that was judged, None if it was not a file. Raises OutputError.
    """
    video = marked_video(verdict, path)
    if video is None:
        return False
    for ending, text in FORMATS.items():
        write_whole(folder / f"{stem}.{ending}", text(video), follow=False)
    return True
