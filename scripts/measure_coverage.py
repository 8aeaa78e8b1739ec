"""Generates clips in which every frame carries its number, damages and joins them, and compares what a scan judged with what they contain.

    python scripts/measure_coverage.py                          # 1,000 files of seed 1
    python scripts/measure_coverage.py --only "edit list" --files 12
    python scripts/measure_coverage.py --first 137 --files 1 --keep FOLDER    # one file again, kept if it fails

Covers every container and codec that PyAV can write here, and the kinds of `truth.kinds`. A file fails
- as a false complete if a result with coverage `complete` missed, upright and in its own proportions, a frame that was written, or that a
  plain decode with PyAV sees (in a sample: an interval longer than its slices), or judged a picture without a readable number;
- for wrong times if a judged frame's time is off by more than one frame;
- if the scan crashed or hung, or gave no reason for incomplete coverage.
Damage that garbles a picture without any error from container or decoder is counted as mute, and not as a failure. A file that cannot be
written here is not counted. A file depends only on the seed and its number. Exits with 1 if any file failed.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from truth.facts import FAILURES, MUTE, Evidence, Made, Reading, verdict_on
from truth.kinds import KINDS, PLAIN, kind_of

STARTING_SECONDS = 600.0
MAKING_SECONDS = 60.0
READING_SECONDS = 240.0
"""Of one file, after which whoever makes or reads it is killed; screener's own limits lie far below."""

COLUMNS = ("files", "complete", "partial", "refused", MUTE, *FAILURES)


# The two processes beside each thread of this one: one makes files, the other reads them. Whatever ends one of them ends no run.


def serve_making(pipe: Connection) -> None:
    """(seed, number, folder) -> what was made and what PyAV sees of it, or why it could not be."""
    import av
    from truth.kinds import make
    from truth.oracle import evidence_of

    av.logging.set_level(None)
    _silence()
    pipe.send("ready")
    while True:
        seed, number, folder = pipe.recv()
        # A thread of its own, as SVT-AV1 makes the one that calls it real-time where it may.
        with ThreadPoolExecutor(1) as thread:
            try:
                made = thread.submit(make, seed, number, folder).result()
                pipe.send((made, Evidence()))
                pipe.send((made, thread.submit(evidence_of, made).result()))
            except Exception as error:
                pipe.send(f"{type(error).__name__}: {error}")


def serve_reading(pipe: Connection) -> None:
    import torch
    from truth.reading import Readers

    torch.set_num_threads(1)
    readers = Readers()
    pipe.send("ready")
    while True:
        path = pipe.recv()
        faulthandler.dump_traceback_later(0.9 * READING_SECONDS)  # where it hangs, before it is killed
        pipe.send(readers.read(path))
        faulthandler.cancel_dump_traceback_later()


def _silence() -> None:
    """Encoders print what they like."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


class Helper:
    """One such process, started anew after it died or was killed."""

    def __init__(self, serve: Any) -> None:
        self._serve = serve
        self._process: Any = None
        self._pipe: Any = None

    def ask(self, request: Any, seconds: float, answers: int = 1) -> tuple[list[Any], str]:
        """The answers that came, and what happened if it were too few: `crash` or `hang`."""
        if self._process is None:
            context = get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=self._serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
            if not self._pipe.poll(STARTING_SECONDS) or self._pipe.recv() != "ready":
                raise RuntimeError(f"{self._serve.__name__}: did not start within {STARTING_SECONDS:.0f} s")
        found: list[Any] = []
        deadline = time.monotonic() + seconds
        try:
            self._pipe.send(request)
            while len(found) < answers:
                if not self._pipe.poll(max(0.0, deadline - time.monotonic())):
                    self.stop()
                    return found, "hang"
                found.append(self._pipe.recv())
                if isinstance(found[-1], str):
                    return found, ""
        except (EOFError, OSError):
            self.stop()
            return found, "crash"
        return found, ""

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = None


# The run.


@dataclass(frozen=True)
class Outcome:
    """Of one file. column: of the table, empty for a file that could not be written."""

    number: int
    made: Made | None
    column: str
    words: str


class Trial:
    """Makes, reads and judges one file after the other, in one thread."""

    def __init__(self, seed: int, keep: Path | None) -> None:
        self._seed, self._keep = seed, keep
        self._maker, self._reader = Helper(serve_making), Helper(serve_reading)

    def run(self, number: int) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            answers, _ = self._maker.ask((self._seed, number, Path(folder)), MAKING_SECONDS, answers=2)
            if not answers or isinstance(answers[0], str):
                return Outcome(number, None, "", str(answers[:1]))
            made, evidence = answers[-1] if not isinstance(answers[-1], str) else answers[0]
            if made.kind == PLAIN and evidence.visible != {shot.label for shot in made.shots}:
                return Outcome(number, None, "", "a plain decode does not see what was written")
            column, words = self._judged(made, evidence)
            if column in FAILURES and self._keep is not None:
                self._keep_file(number, made)
            return Outcome(number, made, column, words)

    def _judged(self, made: Made, evidence: Evidence) -> tuple[str, str]:
        answers, failure = self._reader.ask(made.path, READING_SECONDS)
        readings = [Reading("scan", "none", failure=failure)] if failure else answers[0]
        return verdict_on(made, evidence, readings)

    def _keep_file(self, number: int, made: Made) -> None:
        assert self._keep is not None
        target = self._keep / f"{self._seed}-{number}-{made.kind.replace(' ', '_').replace(',', '')}{made.path.suffix}"
        self._keep.mkdir(parents=True, exist_ok=True)
        if made.path.is_dir():
            shutil.copytree(made.path, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(made.path, target)

    def close(self) -> None:
        self._maker.stop()
        self._reader.stop()


class Numbers:
    """Hands out the numbers of files to the threads, until enough were made."""

    def __init__(self, first: int, wanted: int, only: str) -> None:
        self._numbers = (number for number in itertools.count(first) if only in kind_of(number)[0])
        self._wanted, self._lock, self._fruitless = wanted, threading.Lock(), 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            if self._wanted <= 0 or self._fruitless > 600:
                raise StopIteration
            self._wanted -= 1
            return next(self._numbers)

    def not_made(self) -> None:
        with self._lock:
            self._wanted += 1
            self._fruitless += 1


def run(numbers: Numbers, seed: int, keep: Path | None, jobs: int) -> Iterator[Outcome]:
    """Outcomes as they come; each job is a thread with two processes."""
    found: list[Outcome] = []
    broken: list[Exception] = []
    news = threading.Condition()
    running = jobs

    def work() -> None:
        nonlocal running
        trial = Trial(seed, keep)
        try:
            for number in numbers:
                outcome = trial.run(number)
                if outcome.made is None:
                    numbers.not_made()
                with news:
                    found.append(outcome)
                    news.notify()
        except Exception as error:  # of this script itself
            broken.append(error)
        finally:
            trial.close()
            with news:
                running -= 1
                news.notify()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    while True:
        with news:
            news.wait_for(lambda: found or not running)
            ready, found[:] = list(found), []
        yield from ready
        if broken:
            raise broken[0]
        if not ready and not running:
            return


def table(counts: dict[tuple[str, ...], Counter[str]]) -> Iterator[str]:
    yield f"{'':54}" + "".join(f"{column:>15}" for column in COLUMNS)
    for row in sorted(counts):
        yield f"{'  '.join(row):54}" + "".join(f"{counts[row][column] or '.':>15}" for column in COLUMNS)


def rows_of(made: Made, kind: str, full: bool) -> list[tuple[str, ...]]:
    pair = (made.container, made.codec)
    rows: list[tuple[str, ...]] = [("all",), ("kind", kind), ("pair", *pair)]
    return [*rows, ("row", *pair, made.kind)] if full else rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="how many; those that cannot be written here are not counted")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", metavar="KIND", help="kinds whose name contains this")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where files that failed are kept")
    parser.add_argument("--jobs", type=int, default=2, help="files at once")
    parser.add_argument("--full", action="store_true", help="a row for each container, codec and kind too")
    arguments = parser.parse_args()
    if not any(arguments.only in kind for kind in (PLAIN, *KINDS)):
        parser.error(f"--only {arguments.only}: no kind is called so; there are {'; '.join((PLAIN, *KINDS))}")
    os.environ.setdefault("SVT_LOG", "0")
    counts: dict[tuple[str, ...], Counter[str]] = {("all",): Counter()}
    started = time.monotonic()
    numbers = Numbers(arguments.first, arguments.files, arguments.only)
    unmade = 0
    with suppress(KeyboardInterrupt):
        for outcome in run(numbers, arguments.seed, arguments.keep, arguments.jobs):
            if outcome.made is None:
                unmade += 1
                continue
            kind, _ = kind_of(outcome.number)
            for row in rows_of(outcome.made, kind, arguments.full):
                counts.setdefault(row, Counter()).update(["files", outcome.column])
            if outcome.column in (*FAILURES, MUTE):
                made = outcome.made
                where = f"seed {arguments.seed}, number {outcome.number}, {made.kind}, {made.container}, {made.codec}"
                print(f"{outcome.column}: {where}: {outcome.words}", flush=True)
    print("\n".join(table(counts)))
    print(f"{time.monotonic() - started:.0f} s; {unmade} more could not be written here")
    return int(any(counts[("all",)][column] for column in FAILURES))


if __name__ == "__main__":
    sys.exit(main())
