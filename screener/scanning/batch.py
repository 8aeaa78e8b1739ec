"""Judges many inputs with one set of models: a verdict for each, whatever happens to the others or to the run itself.

Does not print or exit; knows the screener, the report folder and the journal.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from screener.errors import ExitStatus, ScreenerError, SourceError, exit_status
from screener.journal import GIVEN_UP_AFTER, InputKey, Journal, key_of
from screener.records import SCHEMA_VERSION, Verdict
from screener.report.summary import Summary
from screener.runtime.file_hash import sha256_of
from screener.runtime.file_stamps import Stamp, is_same, stamp_of
from screener.scanning.screener import Screener
from screener.scanning.single_pass import OnProgress
from screener.settings import ScanSettings
from screener.video import Source, SourceFailure

if TYPE_CHECKING:
    from screener.report import ReportFolder, ScanProgress

FAILED_HERE = "decoder_crash"
"""The reason of an input on which screener itself failed, not only its decoder."""

LONGEST_WORDS = 300
"""Maximum length of an error's message in a row."""


CORES_BUSY = 1.4
MOST_WORKERS = 16


@dataclass(frozen=True)
class Judged:
    """One input of the run. known: it was judged by an earlier run. fault: the error in screener itself, None if there was none."""

    source: Source | SourceFailure
    verdict: Verdict
    key: InputKey | None = None
    known: bool = False
    fault: Exception | None = None


class _Identified(NamedTuple):
    """An input before it is judged. stamps: of the files that its key was made from."""

    source: Source | SourceFailure
    key: InputKey | None
    stamps: Mapping[Path, Stamp]


class Batch:
    """One run over several inputs; `summary` and `exit_status` cover the finished ones, also after an interrupt."""

    def __init__(
        self,
        inputs: Iterable[Source | SourceFailure],
        screener: Screener,
        progress: ScanProgress,
        folder: ReportFolder | None = None,
        journal: Journal | None = None,
        workers: int = 1,
        left_out: int = 0,
    ) -> None:
        """inputs: taken as they are judged, so that they may be fetched on the way.

        workers: number of inputs judged at once, with the one set of models; verdicts still come in the order of the inputs.

        left_out: number of files that are not inputs, for the summary.
        """
        self._workers = workers
        self._inputs, self._screener, self._progress, self._folder, self._journal = inputs, screener, progress, folder, journal
        self._started = time.monotonic()
        self._counts = Summary(left_out=left_out)
        self._results: set[tuple[str, str]] = set()
        self._faults = self._missing = 0
        self.known = 0
        if journal is not None:
            journal.open_run(_facts_of(screener))

    @property
    def summary(self) -> Summary:
        """Counts of the inputs so far, and the time since the run began."""
        return self._counts.lasting(time.monotonic() - self._started)

    def exit_status(self, allow_incomplete: bool = False) -> ExitStatus:
        """COULD_NOT_RUN if there was no input to judge, or screener itself failed on every one."""
        if self._counts.inputs and self._counts.inputs in (self._faults, self._missing):
            return ExitStatus.COULD_NOT_RUN
        return exit_status(self._results, allow_incomplete)

    def run(self, sink: Callable[[Judged], None], whole: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """Judge every input, in order: write its page, add it to the journal, count it, and pass it to `sink`.

        whole: context entered around all of that for one input; it may delay interrupts, so that none falls between a verdict and its row.
        Raises DeviceError, OutputError, and whatever the sink raises.
        """
        with self._progress, closing(self._judged()) as each:
            for judged in each:
                with whole():
                    self._keep(judged)
                    sink(judged)

    def _judged(self) -> Generator[Judged]:
        if self._workers > 1:
            yield from self._judged_side_by_side()
            return
        for source in self._inputs:
            self._progress.start(source.name)
            yield self._begun(self._identified(source), self._progress.advance)()

    def _judged_side_by_side(self) -> Generator[Judged]:
        """Journal and order are handled in this thread; the worker threads only scan.

        An input over which a process has died is judged while no other is, so that its next death is not held against others.
        """
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="scan")
        under_way: deque[tuple[str, Future[Judged]]] = deque()
        try:
            for source in self._inputs:
                found = self._identified(source)
                alone = self._journal is not None and found.key is not None and self._journal.has_killed(found.key)
                while alone and under_way:
                    yield self._awaited(*under_way.popleft())
                under_way.append((source.name, pool.submit(self._begun(found, None))))
                # One more than are judged, so that no worker waits for the first one's row.
                while len(under_way) > (0 if alone else self._workers):
                    yield self._awaited(*under_way.popleft())
            while under_way:
                yield self._awaited(*under_way.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _awaited(self, name: str, judging: Future[Judged]) -> Judged:
        self._progress.start(name)
        return judging.result()

    def _identified(self, source: Source | SourceFailure) -> _Identified:
        stamps: dict[Path, Stamp] = {}
        key = None if self._journal is None else key_of(source, lambda path: _stamped(path, stamps))
        return _Identified(source, key, stamps)

    def _begun(self, found: _Identified, on_progress: OnProgress | None) -> Callable[[], Judged]:
        """The remaining work for an input, after the journal has noted that it is being judged."""
        source, key, _ = found
        recalled = self._recalled(source, key)
        if recalled is not None:
            return lambda: recalled
        if self._journal is not None and key is not None:
            if self._journal.given_up(key):
                words = f"screener was ended {GIVEN_UP_AFTER} times while it judged this; it is left alone until the journal is removed"
                return lambda: Judged(source, self._unjudged(source, words), key)
            self._journal.begin(key, source.name)
        return lambda: self._judge(found, on_progress)

    def _keep(self, judged: Judged) -> None:
        verdict = judged.verdict
        if judged.known:
            self._keep_known(verdict)
        else:
            self._keep_new(judged)
        self._counts = self._counts.plus(verdict)
        self._results.add((verdict.outcome, verdict.coverage))
        self._missing += verdict.reasons == ("not_found",)

    def _keep_known(self, verdict: Verdict) -> None:
        if self._folder is not None:
            self._folder.enlist(verdict)
        self.known += 1
        self._progress.known(verdict)

    def _keep_new(self, judged: Judged) -> None:
        if self._folder is not None:
            self._folder.add(judged.verdict)
        if self._journal is not None and judged.key is not None:
            page = None if self._folder is None else self._folder.kept_page(judged.verdict.source)
            if judged.fault is None and _same_content(judged, judged.key):
                self._journal.done(judged.key, judged.verdict, page)
            else:
                self._journal.drop(judged.key)
        self._faults += judged.fault is not None
        self._progress.done(judged.verdict)

    def _judge(self, found: _Identified, on_progress: OnProgress | None) -> Judged:
        source, key, stamps = found
        try:
            return Judged(source, _with_hash(self._screener.scan(source, on_progress), source, stamps), key)
        except BrokenPipeError:
            raise
        except Exception as error:
            if isinstance(error, ScreenerError) and not isinstance(error, SourceError):
                raise
            return Judged(source, self._unjudged(source, _fault_in_words(error)), key, fault=error)

    def _recalled(self, source: Source | SourceFailure, key: InputKey | None) -> Judged | None:
        """The journal's verdict on this content, under its present name; None if it must be judged.

        A page shows pictures, which the journal does not hold, so the page must exist unchanged.
        """
        if self._journal is None or key is None:
            return None
        page = None if self._folder is None else self._folder.kept_page(source.name)
        if self._folder is not None and page is None:
            return None
        entry = self._journal.find(key, page[0] if page else None)
        if entry is None or (page is not None and entry.page != page):
            return None
        verdict, before = entry.verdict, f"{entry.verdict.source}: "
        detail = f"{source.name}: {verdict.detail.removeprefix(before)}" if verdict.detail.startswith(before) else verdict.detail
        return Judged(source, replace(verdict, source=source.name, detail=detail), key, known=True)

    def _unjudged(self, source: Source | SourceFailure, words: str) -> Verdict:
        row = self._screener.scan(SourceFailure(source.name, FAILED_HERE, f"{source.name}: {words}"))
        path = source.path if isinstance(source, Source) else None
        return row if path is None else replace(row, sha256=sha256_of(path))


def scan_all(
    inputs: Sequence[Source | SourceFailure],
    settings: ScanSettings,
    checkpoint: Path | None,
    progress: ScanProgress,
    folder: ReportFolder | None = None,
    journal: Journal | None = None,
    workers: int | None = 1,
    left_out: int = 0,
) -> Batch:
    """Load the models and return the run; nothing is judged until its `run` is called. workers: None for as many as fit the cores."""
    # A journal may be continued with more inputs, whose scores are then computed alike.
    screener = Screener(settings, checkpoint, once=len(inputs) == 1 and journal is None)
    if workers is None:
        workers = fitting_workers(len(inputs), screener.cores)
    screener.cores = max(1, screener.cores // workers)
    return Batch(inputs, screener, progress, folder, journal, workers, left_out)


def fitting_workers(inputs: int, cores: int) -> int:
    """How many inputs to judge at once. One scan keeps about 1.4 cores busy (`screener bench`: its stages at once against the slowest
    alone); more than that many would only take memory, 0.1 to 0.3 GB each.
    """
    return max(1, min(inputs, ceil(cores / CORES_BUSY), MOST_WORKERS))


def _facts_of(screener: Screener) -> dict[str, object]:
    """Everything that a verdict depends on besides the input."""
    row = screener.scan(SourceFailure("nothing", "not_found", ""))  # a verdict without opening anything
    return {
        "schema_version": SCHEMA_VERSION,
        "checkpoint": row.checkpoint["sha256"],
        "threshold": row.threshold,
        "settings": row.settings,
        "versions": row.versions,
    }


def _stamped(path: Path, stamps: dict[Path, Stamp]) -> str | None:
    """SHA-256 of a file, whose stamp is kept."""
    stamp = stamps[path] = stamp_of(path)
    return None if stamp is None else str(stamp[3])


def _with_hash(verdict: Verdict, source: Source | SourceFailure, stamps: Mapping[Path, Stamp]) -> Verdict:
    """A scan with a time budget may end before its file is hashed. What it was hashed to before counts, unless it has changed."""
    path = source.path if isinstance(source, Source) else None
    stamp = None if path is None or verdict.sha256 is not None else stamps.get(path)
    if path is None or stamp is None or not is_same(path, stamp):
        return verdict
    return replace(verdict, sha256=stamp[3], size_bytes=stamp[0])


def _same_content(judged: Judged, key: InputKey) -> bool:
    """Whether the input still has the content that the key was made from; otherwise it must be judged again."""
    if isinstance(judged.source, Source) and judged.source.kind == "sequence":
        return key_of(judged.source, sha256_of) == key
    path = judged.source.path if isinstance(judged.source, Source) else None
    return path is None or key_of(judged.source, lambda _: judged.verdict.sha256) == key


def _fault_in_words(error: Exception) -> str:
    """One line that says what failed and where, for the bug report."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    words = f"{type(error).__name__}: {error}"[:LONGEST_WORDS]
    return f"screener itself failed on this{where} ({words}); please report it"
