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
from screener.cli.cluster_run import (
    AttemptsOption,
    ClusterOption,
    ClusterRun,
    CoresOption,
    DryRunOption,
    LeastOption,
    ManifestOption,
    MostOption,
    ShardOption,
    Ways,
    scan_on_cluster,
)  # fmt: skip
from screener.cli.configuration import one_of, scan_settings
from screener.cli.exits import exits
from screener.cli.logs import LogFileOption, VerboseOption, log_to
from screener.cli.wishes import Wishes
from screener.errors import ExitStatus, SettingsError
from screener.runtime.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.report import Output, Summary, Writer
    from screener.scanning.batch import Batch, Judged
    from screener.settings import ScanSettings


class Places(NamedTuple):
    """Where a run writes. output: None for standard output. report, journal: None for none. wishes: what goes with the verdicts."""

    output: Path | None
    report: Path | None
    journal: Path | None
    wishes: Wishes


@app.command()
def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="File, folder, glob, list file (@list.txt; @- on standard input, @-0 of names that end in NUL), http(s) or rtsp URL, "
            "camera index, - for a file on standard input.",
        ),
    ],
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One line of JSON per input, as each is done.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="One table row per input.")] = False,
    people_csv: Annotated[bool, typer.Option("--people-csv", help="One table row per person.")] = False,
    no_frames: Annotated[bool, typer.Option("--no-frames", help="Leave the scores of single frames out of JSON.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write there instead of standard output; the file appears when the run ends.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Folder for one web page per input and an index.")] = None,
    markers: Annotated[
        Path | None,
        typer.Option("--markers", help="Folder for suspicious stretches as markers: WebVTT, CSV, EDL, FCPXML and xmeml of each video."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option("--annotate", help="Folder for copies with boxes, numbers and scores drawn in; videos with their sound."),
    ] = None,
    stills: Annotated[Path | None, typer.Option("--stills", help="Folder for the frames that decided, whole, the face marked.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep a journal beside -o or --report; repeated after any stop, judge only what it lacks.")
    ] = False,
    journal: Annotated[Path | None, typer.Option("--journal", help="The same, with the journal kept in this file.")] = None,
    frames: Annotated[int | None, typer.Option("--frames", help="Judge so many evenly spaced frames (32).")] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Judge so many frames per second of video instead.")] = None,
    all_frames: Annotated[bool | None, typer.Option("--all-frames", help="Judge every frame.")] = None,
    until_sure: Annotated[
        bool | None, typer.Option("--until-sure", help="Look at few frames of a file first, at more only until everyone's score is clear.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", help="Seconds to answer in for each file; the more time, the more frames are judged.")
    ] = None,
    fpr: Annotated[
        float | None, typer.Option("--fpr", help="Operating point, as a false-positive rate the checkpoint was measured at (0.05).")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Decide at this p_fake instead of an operating point.")] = None,
    min_face_px: Annotated[int | None, typer.Option("--min-face-px", help="Do not judge smaller faces (40).")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", help="Seconds that one input may take.")] = None,
    allow_private: Annotated[
        bool | None, typer.Option("--allow-private", help="Follow addresses into private networks and to this machine.")
    ] = None,
    stream_seconds: Annotated[float | None, typer.Option("--stream-seconds", help="How long to watch an endless stream (30).")] = None,
    trust_anchors: Annotated[
        Path | None, typer.Option("--trust-anchors", help="PEM file of the signers whose content credentials (C2PA) are trusted.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Faces scored together (16).")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Inputs judged at once, with one set of models.")] = 1,
    detect_every: Annotated[
        int | None, typer.Option("--detect-every", help="Of close frames, search every so many for faces and follow them between (1).")
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
    cluster: ClusterOption = None,
    manifest: ManifestOption = None,
    shard_videos: ShardOption = None,
    actor_cpus: CoresOption = None,
    min_actors: LeastOption = None,
    max_actors: MostOption = None,
    max_attempts: AttemptsOption = None,
    dry_run: DryRunOption = False,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Exit 0, not 3, when something is undecided or partial.")
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
        "engine": engine, "decoder": decoder, "trust_anchors": trust_anchors,
    }  # fmt: skip
    with exits():
        log_to(verbose, log_file)
        if trust_anchors is not None:
            given["trust_anchors"] = _certificates(trust_anchors)
        settings = scan_settings(config, {name: value for name, value in given.items() if value is not None})
        format_name = one_of({"json": json_, "jsonl": jsonl, "csv": csv, "people-csv": people_csv})
        many = {
            "shard_videos": shard_videos, "actor_cpus": actor_cpus, "min_actors": min_actors, "max_actors": max_actors,
            "max_attempts": max_attempts,
        }  # fmt: skip
        on_many = ClusterRun(cluster, output, manifest, dry_run, many)
        if on_many.asked:
            _refuse({"--report": report, "--markers": markers, "--annotate": annotate, "--stills": stills, "--journal": journal})
            ways = Ways(format_name, not no_frames, allow_incomplete, quiet)
            sys.exit(scan_on_cluster(sources, settings, checkpoint, config, on_many, ways))
        to = None if output is None else Path(output)
        places = Places(to, report, _journal_path(resume, journal, to, report), Wishes(markers, annotate, stills))
        sys.exit(_scan(sources, settings, checkpoint, format_name, places, workers, allow_incomplete, quiet, not no_frames))


def _refuse(files: dict[str, Path | None]) -> None:
    """What is written beside verdicts needs their pictures, which stay on the machines that judge."""
    for option, path in files.items():
        if path is not None:
            raise SettingsError(f"{option}: is not written by runs on many machines; scan the inputs that need it by themselves")


def _certificates(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--trust-anchors {path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no PEM file'}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SettingsError(f"--trust-anchors {path}: holds no certificate; give a PEM file")
    return text


def _journal_path(resume: bool, journal: Path | None, output: Path | None, report: Path | None) -> Path | None:
    """Beside the output, where the command that is repeated finds it again; its name says whose it is."""
    if resume and journal is None:
        if (beside := output or report) is None:
            raise SettingsError("--resume keeps its journal beside the output; name one with -o or --report, or the journal with --journal")
        journal = beside.absolute().with_name(f"{beside.absolute().name}.journal")
    if journal is not None and output is not None and os.path.realpath(journal) == os.path.realpath(output):
        raise SettingsError(f"{journal}: named both by --journal and by -o; they are two files")
    return journal


def _scan(
    arguments: list[str],
    settings: ScanSettings,
    checkpoint: Path | None,
    format_name: str,
    places: Places,
    workers: int,
    allow_incomplete: bool,
    quiet: bool,
    with_frames: bool,
) -> int:
    from screener.video import expand_sources, start_decoder

    left_out: list[str] = []
    inputs = expand_sources(arguments, left_out.append)
    if not inputs:
        raise SettingsError(f"{' '.join(arguments)}: names no input; an empty list judges nothing")
    start_decoder(settings)  # before PyTorch is loaded, which takes as long

    from screener.cli.companions import Companions
    from screener.journal import Journal
    from screener.report import WRITERS, ReportFolder, progress_for, visible
    from screener.scanning.batch import scan_all

    if left_out:
        _tell_left_out(left_out)
    with Journal(places.journal) if places.journal else contextlib.nullcontext() as journal:
        folder = ReportFolder(places.report, len(left_out)) if places.report else None
        # The document of a single input has no place for what was left out.
        writer = WRITERS[format_name](None if left_out else len(inputs), *_terminal(places.output))
        companions = Companions(places.wishes, settings)
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
    if not quiet:
        companions.tell()
    if status is not None:
        _tell_stop(status, run.summary.inputs, len(inputs), places)
    if run.known and not quiet:
        sys.stderr.write(
            f"screener: {run.known} of {len(inputs)} inputs were judged before and taken from {visible(str(places.journal))}\n"
        )
    return int(run.exit_status(allow_incomplete) if status is None else status)


def _terminal(output: Path | None) -> tuple[bool, int | None]:
    """Whether results may hold colours, and how many columns they have; none where they do not go to a terminal."""
    if output is not None or not sys.stdout.isatty():
        return False, None
    return not os.environ.get("NO_COLOR"), shutil.get_terminal_size().columns


def _write_rows(run: Batch, writer: Writer, out: Output, with_frames: bool, accompany: Callable[[Judged], None]) -> ExitStatus | None:
    """Judge and write until all is done, or a signal says to stop, which then is the exit status. No further signal changes anything.

    accompany: writes what goes with a verdict, before its row.
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
    """Also when quiet: rows do not say it, and nothing was looked at."""
    from screener.report import counted, visible

    shown = ", ".join([*map(visible, paths[:3]), *(["..."] if len(paths) > 3 else [])])
    files = counted(len(paths), "file")
    sys.stderr.write(
        f"screener: {files} left out, named and beginning like neither video nor picture: {shown}; name a file itself to have it tried\n"
    )


def _tell_totals(summary: Summary, output: Path) -> None:
    """What came of all inputs, for whoever has only seen their progress."""
    from screener.report import counted, visible

    outcomes = f"{summary.fake} fake, {summary.genuine} genuine, {summary.undecided} undecided"
    unreadable = f" ({summary.unreadable} unreadable)" if summary.unreadable else ""
    sys.stderr.write(f"screener: {counted(summary.inputs, 'input')}: {outcomes}{unreadable}; written to {visible(str(output))}\n")


def _tell_stop(status: ExitStatus, judged: int, inputs: int, places: Places) -> None:
    """Also when quiet: a result that lacks inputs looks like one of a run that was given no more."""
    word = "terminated" if status is ExitStatus.TERMINATED else "interrupted"
    advice = "the same command judges the rest" if places.journal else "the result lacks the rest; with --resume a run can go on"
    sys.stderr.write(f"screener: {word} after {judged} of {inputs} inputs; {advice}\n")


def _show_fault(fault: Exception) -> None:
    from screener.report import visible

    lines = [*"".join(traceback.format_exception(fault)).splitlines(), "screener: failed itself on this input; please report these lines"]
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
