"""A scan on this machine, from the named inputs to the exit status: reads, judges, writes, and says what came of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from screener.cli.app import stops
from screener.cli.companion_options import CompanionOptions
from screener.cli.overwriting import refuse_overwriting
from screener.cli.own_outputs import in_outputs
from screener.errors import ExitStatus, SettingsError
from screener.runtime.importing import uncollected
from screener.runtime.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.report import Output, ReportFolder, Summary, Writer
    from screener.scanning.batch import Batch, Judged
    from screener.settings import ScanSettings
    from screener.video import Source, SourceFailure


class Places(NamedTuple):
    """Where a run writes. output: None for standard output. report, journal, log: None for none. companions: further files per verdict."""

    output: Path | None
    report: Path | None
    journal: Path | None
    companions: CompanionOptions
    log: Path | None = None


def run_scan(
    arguments: list[str],
    settings: ScanSettings,
    checkpoint: Path | None,
    format_name: str,
    places: Places,
    workers: int | None,
    allow_incomplete: bool,
    quiet: bool,
    with_frames: bool,
) -> int:
    """Judge all inputs and write what is asked for; returns the exit status. Raises ScreenerError. workers: None for as many as fit."""
    from screener.video import start_decoder

    inputs, left_out, own = _inputs(arguments, places)
    model = settings.engine if settings.engine.endswith(".onnx") else None
    read = chain([model], *map(_files, inputs))
    refuse_overwriting({"-o": places.output, "--journal": places.journal, "--log-file": places.log}, read)
    start_decoder(settings)  # before the models are loaded, so that both start in parallel

    with uncollected():
        from screener.cli.companions import Companions, tell_cost
        from screener.journal import Journal
        from screener.report import WRITERS, progress_for
        from screener.report.wording import visible
        from screener.scanning.batch import scan_all

    _tell_left_out(left_out, own)
    if settings.stress and not quiet:
        tell_cost()
    with Journal(places.journal) if places.journal else contextlib.nullcontext() as journal:
        folder = _report_folder(places.report, len(left_out))
        # The document of a single input has no field for left-out files.
        writer = WRITERS[format_name](None if left_out else len(inputs), *_terminal(places.output))
        companions = Companions(places.companions, settings)
        with _output(places.output) as out:
            progress = progress_for(sys.stderr, quiet, len(inputs))
            with progress.loading():
                run = scan_all(inputs, settings, checkpoint, progress, folder, journal, workers, len(left_out))
            status = _write_rows(run, writer, out, with_frames, companions.add)
            out.write(writer.end(run.summary))
            index = folder.finish() if folder else None
        if journal and status is None:
            journal.finish()
    if places.output is not None and not quiet:
        _tell_totals(run.summary, places.output)
    if index is not None and not quiet:
        sys.stderr.write(f"screener: report: {visible(str(index))}\n")
    companions.sign([*([places.output] if places.output else []), *(folder.written if folder else [])])
    if not quiet:
        companions.tell()
    if status is not None:
        _tell_stop(status, run.summary.inputs, len(inputs), places)
    if run.known and not quiet:
        sys.stderr.write(
            f"screener: {run.known} of {len(inputs)} inputs were judged before and taken from {visible(str(places.journal))}\n"
        )
    return int(run.exit_status(allow_incomplete) if status is None else status)


def _inputs(arguments: list[str], places: Places) -> tuple[list[Source | SourceFailure], list[str], int]:
    """The inputs; the files of folders that are none; and how many inputs are left out because this command writes to their folder."""
    from screener.video import expand_sources

    left_out: list[str] = []
    found = expand_sources(arguments, left_out.append)
    beside = places.companions
    is_own = in_outputs([places.report, beside.markers, beside.annotate, beside.stills], arguments)
    inputs = [one for one in found if not any(map(is_own, _files(one)))]
    if not inputs:
        raise SettingsError(f"{' '.join(arguments)}: names no input; an empty list judges nothing")
    return inputs, [path for path in left_out if not is_own(path)], len(found) - len(inputs)


def _files(one: Source | SourceFailure) -> Sequence[Path]:
    """The files of an input on the disk: several for a series of pictures, none for a stream or a failure."""
    target = getattr(one, "target", None)
    path = getattr(one, "path", None)
    return target if isinstance(target, tuple) else [path] if isinstance(path, Path) else []


def _report_folder(path: Path | None, left_out: int) -> ReportFolder | None:
    if path is None:
        return None
    from screener.report import ReportFolder

    return ReportFolder(path, left_out)


def _terminal(output: Path | None) -> tuple[bool, int | None]:
    """Whether results may be coloured, and the width of the terminal, None if they do not go to one."""
    if output is not None or not sys.stdout.isatty():
        return False, None
    return not os.environ.get("NO_COLOR"), shutil.get_terminal_size().columns


def _write_rows(run: Batch, writer: Writer, out: Output, with_frames: bool, accompany: Callable[[Judged], None]) -> ExitStatus | None:
    """Judge and write until all inputs are done or a signal arrives, whose exit status is returned. Further signals are ignored.

    accompany: writes a verdict's other files, before its row.
    """

    def write(judged: Judged) -> None:
        accompany(judged)
        out.write(writer.one(judged.verdict if with_frames else replace(judged.verdict, frames=())))
        if judged.fault is not None:
            _show_fault(judged.fault)

    try:
        stops.only_first()
        with stops.held_back():
            out.write(writer.begin())
        run.run(write, stops.held_back)
        stops.ignore()
    except (KeyboardInterrupt, Terminated) as stop:
        return ExitStatus.TERMINATED if isinstance(stop, Terminated) else ExitStatus.INTERRUPTED
    return None


def _tell_left_out(paths: list[str], own: int) -> None:
    """Report left-out files, even when quiet, because no row mentions them. own: number of those in folders that are written to."""
    from screener.report import counted, visible

    if own:
        sys.stderr.write(f"screener: {counted(own, 'input')} left out, in folders that this command writes to\n")
    if not paths:
        return
    shown = ", ".join([*map(visible, paths[:3]), *(["..."] if len(paths) > 3 else [])])
    files = counted(len(paths), "file")
    sys.stderr.write(
        f"screener: {files} left out, neither video nor picture by name and first bytes: {shown}; name a file itself to have it tried\n"
    )


def _tell_totals(summary: Summary, output: Path) -> None:
    """Print the totals when results went to a file and only progress was shown."""
    from screener.report import counted, visible

    outcomes = f"{summary.fake} fake, {summary.genuine} genuine, {summary.undecided} undecided"
    unreadable = f" ({summary.unreadable} unreadable)" if summary.unreadable else ""
    sys.stderr.write(f"screener: {counted(summary.inputs, 'input')}: {outcomes}{unreadable}; written to {visible(str(output))}\n")


def _tell_stop(status: ExitStatus, judged: int, inputs: int, places: Places) -> None:
    """Report an interruption, even when quiet, because an incomplete result looks like a complete one."""
    word = "terminated" if status is ExitStatus.TERMINATED else "interrupted"
    advice = "the same command judges the rest" if places.journal else "the result lacks the rest; with --resume a run can go on"
    sys.stderr.write(f"screener: {word} after {judged} of {inputs} inputs; {advice}\n")


def _show_fault(fault: Exception) -> None:
    from screener.report import visible

    lines = [*"".join(traceback.format_exception(fault)).splitlines(), "screener: internal error on this input; please report these lines"]
    sys.stderr.write("".join(f"{visible(line)}\n" for line in lines))


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[Output]:
    from screener.report import Output, atomic_output
    from screener.runtime.files import make_folder, remove_leftovers

    if path is None:
        yield Output(sys.stdout, "standard output")
    else:
        make_folder(path.parent)
        remove_leftovers(path.parent)
        with atomic_output(path) as out:
            yield out
