"""Many inputs, one after the other, with one set of models: a verdict for each, whatever happens to the others.

Does not print or exit; knows the pipeline and the report folder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from screener.errors import ExitStatus, exit_status
from screener.pipeline import Screener
from screener.records import Verdict
from screener.report import ReportFolder, ScanProgress, Summary
from screener.settings import ScanSettings
from screener.video import Source, SourceFailure


class Batch:
    """One run over several inputs; `summary` and `exit_status` hold what was finished, also after an interrupt."""

    def __init__(
        self, inputs: Sequence[Source | SourceFailure], screener: Screener, progress: ScanProgress, folder: ReportFolder | None
    ) -> None:
        self._inputs, self._screener, self._progress, self._folder = inputs, screener, progress, folder
        self._started = time.monotonic()
        self._counts = Summary()
        self._results: list[tuple[str, str]] = []

    @property
    def summary(self) -> Summary:
        return self._counts.lasting(time.monotonic() - self._started)

    def exit_status(self, allow_incomplete: bool = False) -> ExitStatus:
        return exit_status(self._results, allow_incomplete)

    def verdicts(self) -> Iterator[Verdict]:
        """The verdict on each input, in order; it is counted once `keep` is given it."""
        for source in self._inputs:
            yield self._judge(source)

    def keep(self, verdict: Verdict) -> None:
        """Write the page of a verdict and count it. Apart from `verdicts`, so that no interrupt need fall between this and its row."""
        if self._folder is not None:
            self._folder.add(verdict)
        self._counts = self._counts.plus(verdict)
        self._results.append((verdict.outcome, verdict.coverage))
        self._progress.done(verdict)

    def _judge(self, source: Source | SourceFailure) -> Verdict:
        self._progress.start(source.name)
        return self._screener.scan(source, self._progress.advance)


def scan_all(
    inputs: Sequence[Source | SourceFailure],
    settings: ScanSettings,
    checkpoint: Path | None,
    progress: ScanProgress,
    folder: ReportFolder | None = None,
) -> Batch:
    """Load the models and return the run; nothing is judged until its `verdicts` are asked for."""
    return Batch(inputs, Screener(settings, checkpoint), progress, folder)
