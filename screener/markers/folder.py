"""A folder of markers: of each video, a file in every format, whole or not at all. Knows files; what they hold is decided elsewhere."""

from __future__ import annotations

from pathlib import Path

from screener.markers.formats import FORMATS
from screener.markers.marked import marked_video
from screener.records import Verdict
from screener.report.html import page_name
from screener.runtime.files import make_folder, remove_leftovers, write_whole


class MarkerFolder:
    """Takes verdicts one after the other. `written`: how many videos have their markers there."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder if need be. Raises OutputError."""
        make_folder(folder)
        remove_leftovers(folder)
        self._folder = folder
        self.written = 0

    def add(self, verdict: Verdict, path: Path | None) -> None:
        """The markers of one video, under the name that its page in a report has; nothing of pictures and of what cannot be read.

        path: of the file that was judged, None where it was none. Raises OutputError.
        """
        if write_markers(self._folder, page_name(verdict).removesuffix(".html"), verdict, path):
            self.written += 1


def write_markers(folder: Path, stem: str, verdict: Verdict, path: Path | None) -> bool:
    """The markers of one video as `stem` with the ending of each format; False, and nothing is written, where there is no video to mark.

    path: of the file that was judged, None where it was none. Raises OutputError.
    """
    video = marked_video(verdict, path)
    if video is None:
        return False
    for ending, text in FORMATS.items():
        write_whole(folder / f"{stem}.{ending}", text(video), follow=False)
    return True
