"""The scan command."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.cli.app import CheckpointOption, DeviceOption, app, stops
from screener.cli.configuration import one_of, scan_settings
from screener.cli.exits import exits
from screener.errors import ExitStatus, SettingsError
from screener.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.report import Output
    from screener.settings import ScanSettings


@app.command()
def scan(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="File, folder, glob, list file (@list.txt), http(s) or rtsp URL, camera index.")
    ],
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One line of JSON per input, as each is done.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="One table row per input.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there instead of standard output; the file appears when it is whole.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Folder for one web page per input and an index.")] = None,
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
    stream_seconds: Annotated[float | None, typer.Option("--stream-seconds", help="How long to watch an endless stream (30).")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Faces scored together (16).")] = None,
    checkpoint: CheckpointOption = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with a [tool.screener] or [screener] table of settings.")
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Exit 0, not 3, when something is undecided or partial.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Judge videos and pictures: a line per input, then a summary.

    Exit status: 0 all genuine, 1 something is fake, 3 something is undecided, partial or unreadable, 2 could not run, 130 interrupted.
    """
    given = {
        "frames": frames, "fps": fps, "all_frames": all_frames, "until_sure": until_sure, "budget_seconds": budget,
        "fpr": fpr, "threshold": threshold, "min_face_px": min_face_px,
        "time_limit_seconds": time_limit, "stream_seconds": stream_seconds, "batch_size": batch_size, "device": device, "dtype": dtype,
    }  # fmt: skip
    with exits():
        settings = scan_settings(config, {name: value for name, value in given.items() if value is not None})
        format_name = one_of({"json": json_, "jsonl": jsonl, "csv": csv})
        sys.exit(_scan(sources, settings, checkpoint, format_name, output, report, allow_incomplete, quiet))


def _scan(
    arguments: list[str],
    settings: ScanSettings,
    checkpoint: Path | None,
    format_name: str,
    output_path: Path | None,
    report_path: Path | None,
    allow_incomplete: bool,
    quiet: bool,
) -> int:
    from screener.batch import scan_all
    from screener.report import WRITERS, ReportFolder, progress_for
    from screener.video import expand_sources

    inputs = expand_sources(arguments)
    if not inputs:
        raise SettingsError(f"{' '.join(arguments)}: names no input; an empty list judges nothing")
    folder = ReportFolder(report_path) if report_path else None
    writer = WRITERS[format_name](len(inputs), output_path is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    with _output(output_path) as out:
        progress = progress_for(sys.stderr, quiet, len(inputs))
        run = scan_all(inputs, settings, checkpoint, progress, folder)
        out.write(writer.begin())
        try:
            with progress:
                for verdict in run.verdicts():
                    with stops.held_back():
                        run.keep(verdict)
                        out.write(writer.one(verdict))
        except (KeyboardInterrupt, Terminated) as stop:
            status = ExitStatus.TERMINATED if isinstance(stop, Terminated) else ExitStatus.INTERRUPTED
        else:
            status = run.exit_status(allow_incomplete)
        stops.ignore()
        out.write(writer.end(run.summary))
        if folder:
            folder.finish()
    return int(status)


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[Output]:
    from screener.report import Output, atomic_output

    if path is None:
        yield Output(sys.stdout, "standard output")
    else:
        with atomic_output(path) as out:
            yield out
