"""What a scan writes besides its report, of each input as it is judged: markers. Does not know how any of it is made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from screener.markers import MarkerFolder
from screener.report import counted, visible
from screener.video import Source

if TYPE_CHECKING:
    from screener.scanning.batch import Judged


class Companions:
    """Opens what was asked for. Raises OutputError."""

    def __init__(self, markers: Path | None) -> None:
        self._markers_path = markers
        self._markers = MarkerFolder(markers) if markers else None

    def add(self, judged: Judged) -> None:
        """Write what goes with one verdict. Raises OutputError."""
        path = judged.source.path if isinstance(judged.source, Source) else None
        if self._markers is not None:
            self._markers.add(judged.verdict, path)

    def tell(self) -> None:
        """Where it all is, on standard error."""
        if self._markers is not None:
            sys.stderr.write(f"screener: markers of {counted(self._markers.written, 'video')}: {visible(str(self._markers_path))}\n")
