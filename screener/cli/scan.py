"""The scan command."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from screener.cli.app import CheckpointOption, DecoderOption, DeviceOption, app, stops
from screener.cli.companion_options import CompanionOptions
from screener.cli.configuration import one_of, scan_settings
from screener.cli.exits import exits
from screener.cli.logs import LogFileOption, VerboseOption, log_to
from screener.errors import ExitStatus, SettingsError
from screener.runtime.importing import uncollected
from screener.runtime.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.report import Output, ReportFolder, Summary, Writer
    from screener.scanning.batch import Batch, Judged
    from screener.settings import ScanSettings


class Places(NamedTuple):
    """Where a run writes. output: None for standard output. report, journal: None for none. companions: further files per verdict."""

    output: Path | None
    report: Path | None
    journal: Path | None
    companions: CompanionOptions


@app.command()
def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="File, folder, glob, list of names (@list.txt; @- reads it from standard input, @-0 NUL-separated), http(s) or rtsp URL, "
            "camera index, or - for a file on standard input.",
        ),
    ],
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON per input, as soon as it is judged.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print a CSV table with a row per input.")] = False,
    people_csv: Annotated[bool, typer.Option("--people-csv", help="Print a CSV table with a row per person.")] = False,
    no_frames: Annotated[bool, typer.Option("--no-frames", help="Omit the scores of single frames from JSON.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output; it appears when the run ends.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Folder for a web page per input and an index.")] = None,
    markers: Annotated[
        Path | None,
        typer.Option("--markers", help="Folder for markers of suspicious intervals: WebVTT, CSV, EDL, FCPXML and xmeml for each video."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option("--annotate", help="Folder for copies with boxes, numbers and scores drawn on them; videos keep their sound."),
    ] = None,
    stills: Annotated[
        Path | None, typer.Option("--stills", help="Folder for the most suspicious frames of each person, with the face marked.")
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", help="Sign the files of -o and --report with this SSH key; the signature of FILE is FILE.sig.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep a journal next to -o or --report; after an interruption, judge only the remaining inputs."),
    ] = False,
    journal: Annotated[Path | None, typer.Option("--journal", help="The same as --resume, with the journal in this file.")] = None,
    frames: Annotated[int | None, typer.Option("--frames", help="Number of evenly spaced frames to judge (32).")] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Judge this many frames per second of video instead.")] = None,
    all_frames: Annotated[bool | None, typer.Option("--all-frames", help="Judge every frame.")] = None,
    until_sure: Annotated[
        bool | None,
        typer.Option("--until-sure", help="Start with few frames of a file, and judge more only until every person's score is clear."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", help="Time budget per file in seconds; as many frames are judged as fit in.")
    ] = None,
    fpr: Annotated[
        float | None, typer.Option("--fpr", help="Operating point: a false-positive rate that the checkpoint was calibrated for (0.05).")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Decide at this p_fake instead of at an operating point.")] = None,
    min_face_px: Annotated[int | None, typer.Option("--min-face-px", help="Do not judge smaller faces (40).")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", help="Time limit per input, in seconds.")] = None,
    allow_private: Annotated[
        bool | None, typer.Option("--allow-private", help="Allow addresses in private networks and on this machine.")
    ] = None,
    stream_seconds: Annotated[float | None, typer.Option("--stream-seconds", help="Seconds to watch an endless stream (30).")] = None,
    trust_anchors: Annotated[
        Path | None, typer.Option("--trust-anchors", help="PEM file with the certificates whose content credentials (C2PA) are trusted.")
    ] = None,
    stress: Annotated[
        bool | None,
        typer.Option("--stress", help="Judge each face again, compressed, smaller and blurred: does the outcome hold?"),
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Faces per batch (16).")] = None,
    workers: Annotated[
        str,
        typer.Option("--workers", metavar="N", help="Inputs judged in parallel, with shared models; auto for as many as fit the cores."),
    ] = "1",
    detect_every: Annotated[
        int | None, typer.Option("--detect-every", help="In dense sampling, detect faces in every Nth frame, and track them between (1).")
    ] = None,
    checkpoint: CheckpointOption = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="auto, torch, onnxruntime, or the path of an .onnx file from screener export.")
    ] = None,
    decoder: DecoderOption = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with a [tool.screener] or [screener] table of settings.")
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Exit 0 instead of 3 if something is undecided or partial.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
    verbose: VerboseOption = 0,
    log_file: LogFileOption = None,
) -> None:
    """Judge videos and pictures: a line per input, then a summary.

    Exit status: 0 all genuine, 1 something is fake, 3 something is undecided, partial or unreadable, 2 could not run, 130 interrupted.
    """
    given = {
        "frames": frames, "fps": fps, "all_frames": all_frames, "until_sure": until_sure, "budget_seconds": budget,
        "fpr": fpr, "threshold": threshold, "min_face_px": min_face_px, "time_limit_seconds": time_limit, "allow_private": allow_private,
        "stream_seconds": stream_seconds, "batch_size": batch_size, "detect_every": detect_every, "device": device, "dtype": dtype,
        "engine": engine, "decoder": decoder, "trust_anchors": trust_anchors, "stress": stress,
    }  # fmt: skip
    with exits():
        log_to(verbose, log_file)
        if trust_anchors is not None:
            given["trust_anchors"] = _certificates(trust_anchors)
        settings = scan_settings(config, {name: value for name, value in given.items() if value is not None})
        format_name = one_of({"json": json_, "jsonl": jsonl, "csv": csv, "people-csv": people_csv})
        places = Places(output, report, _journal_path(resume, journal, output, report), CompanionOptions(markers, annotate, stills, sign))
        if sign is not None and output is None and report is None:
            raise SettingsError("--sign signs files; name one with -o, or a folder with --report")
        sys.exit(_scan(sources, settings, checkpoint, format_name, places, _workers(workers), allow_incomplete, quiet, not no_frames))


def _workers(given: str) -> int | None:
    """None for `auto`."""
    if given == "auto":
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 1024:
        raise SettingsError(f"--workers: expected auto, or a number from 1 to 1024, got {given}")
    return int(given)


def _certificates(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--trust-anchors {path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no PEM file'}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SettingsError(f"--trust-anchors {path}: holds no certificate; give a PEM file")
    return text


def _journal_path(resume: bool, journal: Path | None, output: Path | None, report: Path | None) -> Path | None:
    """The journal's path: next to the output and named after it, so that the repeated command finds it."""
    if resume and journal is None:
        if (beside := output or report) is None:
            raise SettingsError("--resume keeps its journal beside the output; name one with -o or --report, or the journal with --journal")
        journal = beside.absolute().with_name(f"{beside.absolute().name}.journal")
    if journal is not None and output is not None and os.path.realpath(journal) == os.path.realpath(output):
        raise SettingsError(f"{journal}: given for both --journal and -o; they must be two files")
    return journal


def _scan(
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
    from screener.video import expand_sources, start_decoder

    left_out: list[str] = []
    inputs = expand_sources(arguments, left_out.append)
    if not inputs:
        raise SettingsError(f"{' '.join(arguments)}: names no input; an empty list judges nothing")
    start_decoder(settings)  # before PyTorch is loaded, so that both start in parallel

    with uncollected():
        from screener.cli.companions import Companions, tell_cost
        from screener.journal import Journal
        from screener.report import WRITERS, progress_for
        from screener.report.wording import visible
        from screener.scanning.batch import scan_all

    if left_out:
        _tell_left_out(left_out)
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


def _tell_left_out(paths: list[str]) -> None:
    """Report left-out files, even when quiet, because no row mentions them."""
    from screener.report import counted, visible

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
