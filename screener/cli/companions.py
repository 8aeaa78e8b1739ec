"""The files a scan writes besides its report, for each input as it is judged: markers, annotated copies, stills, signatures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from screener.cli.companion_options import CompanionOptions
from screener.errors import SourceError
from screener.report.wording import counted, visible
from screener.video import Source

if TYPE_CHECKING:
    from screener.annotation.copies import CopyFolder, StillsFolder
    from screener.records import Verdict
    from screener.scanning.batch import Judged
    from screener.settings import ScanSettings


class Companions:
    """Creates the requested outputs. Raises OutputError, and SettingsError for a key that cannot sign."""

    def __init__(self, options: CompanionOptions, settings: ScanSettings) -> None:
        self._options = options
        self._signed, self._outdated = 0, list[Path]()
        self._signer = self._markers = self._copies = self._stills = None
        # Imported only when needed: most scans need none of these, and together they take 0.2 s.
        if options.sign:
            from screener.runtime.signatures import Signer

            self._signer = Signer(options.sign)
        if options.markers:
            from screener.markers import MarkerFolder

            self._markers = MarkerFolder(options.markers)
        if options.annotate:
            from screener.annotation.copies import CopyFolder

            self._copies = CopyFolder(options.annotate, settings)
        if options.stills:
            from screener.annotation.copies import StillsFolder

            self._stills = StillsFolder(options.stills, settings)

    def add(self, judged: Judged) -> None:
        """Write the files of one verdict. Raises OutputError."""
        source = judged.source
        if not isinstance(source, Source):
            return
        if self._markers is not None:
            self._markers.add(judged.verdict, source.path)
        for folder in (self._copies, self._stills):
            if folder is not None:
                self._add_pictures(folder, judged.verdict, source)

    def sign(self, paths: list[Path]) -> None:
        """Sign these files, if requested; otherwise note signatures of what they held before. Raises OutputError."""
        from screener.runtime.signatures import signature_of

        if self._signer is not None:
            self._signed += self._signer.sign(paths)
        else:
            self._outdated += [signature for signature in map(signature_of, paths) if signature.exists()]

    def tell(self) -> None:
        """Print on standard error what was written where."""
        if self._signer is not None:
            _tell(f"{counted(self._signed, 'signature')}, each beside its file as .sig")
        if self._outdated:
            more = f" and {counted(len(self._outdated) - 1, 'more signature')} are" if self._outdated[1:] else " is"
            _tell(f"{self._outdated[0]}{more} of what was there before this scan; sign again with --sign")
        if self._markers is not None:
            _tell(f"markers of {counted(self._markers.written, 'video')}: {self._options.markers}")
        for folder, path, noun in ((self._copies, self._options.annotate, "annotated"), (self._stills, self._options.stills, "still")):
            if folder is not None:
                made = f"{folder.written:,} annotated" if noun == "annotated" else counted(folder.written, noun)
                left_out = f"; none of {', '.join(folder.left_out[:3])}, which cannot be read again" if folder.left_out else ""
                _tell(f"{made}: {path}{left_out}")

    def _add_pictures(self, folder: CopyFolder | StillsFolder, verdict: Verdict, source: Source) -> None:
        """Skip a file that was removed or changed since it was judged, with a message."""
        try:
            folder.add(verdict, source)
        except SourceError as error:
            _tell(f"{error}; it was judged, and cannot be shown")


def tell_cost() -> None:
    """Print the cost of a stress test before it starts."""
    from screener.perturbation.applied import STRESS

    changes = "; ".join(applied.words for applied in STRESS)
    _tell(f"--stress judges each face {len(STRESS)} more times: after {changes}")


def _tell(text: str) -> None:
    sys.stderr.write(f"screener: {visible(text)}\n")
