"""The live command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from screener.cli.app import CheckpointOption, DeviceOption, app, stops
from screener.cli.configuration import command_settings, found_file
from screener.cli.exits import exits
from screener.cli.live_outputs import LiveOutputOptions, LiveOutputs, tell
from screener.cli.logs import LogFileOption, VerboseOption, log_to
from screener.cli.overwriting import refuse_overwriting
from screener.errors import ExitStatus, SettingsError, exit_status
from screener.runtime.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.settings import LiveSettings
    from screener.watching.watch import Watch


@app.command()
def live(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Camera index, /dev/video0, screen:0, named pipe, http(s) or rtsp URL, or a file.")
    ] = "0",
    list_: Annotated[bool, typer.Option("--list", help="List the cameras, and which of them open.")] = False,
    realtime: Annotated[bool, typer.Option("--realtime", help="Do not remark that a file is played in real time.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show the picture in a window; q closes it.")] = False,
    record: Annotated[Path | None, typer.Option("--record", help="Record the annotated picture to this mp4 file.")] = None,
    snapshot: Annotated[Path | None, typer.Option("--snapshot", help="Folder for the faces that raised an alarm.")] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one line of JSON per event, as it happens.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, line by line, instead of standard output.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Folder for a web page on the whole watch, written at its end.")] = None,
    exec_: Annotated[
        str | None,
        typer.Option("--exec", metavar="CMD", help="Run this command on an alarm, without a shell, with the event on standard input."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="POST the event to this URL on an alarm (http or https).")
    ] = None,
    duration: Annotated[float | None, typer.Option("--duration", help="Stop after this many seconds.")] = None,
    heartbeat: Annotated[
        float | None, typer.Option("--heartbeat", help="Seconds between heartbeat events, which show that the watch is running.")
    ] = None,
    window: Annotated[float | None, typer.Option("--window", help="Judge each person over the last this many seconds (10).")] = None,
    judged_fps: Annotated[float | None, typer.Option("--judged-fps", help="Judge at most this many frames per second (10).")] = None,
    fpr: Annotated[
        float | None, typer.Option("--fpr", help="Operating point: a false-positive rate that the checkpoint was calibrated for (0.05).")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Decide at this p_fake instead of at an operating point.")] = None,
    min_face_px: Annotated[int | None, typer.Option("--min-face-px", help="Do not judge smaller faces (40).")] = None,
    allow_private: Annotated[
        bool | None, typer.Option("--allow-private", help="Allow a public address to redirect into a private network.")
    ] = None,
    checkpoint: CheckpointOption = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with a [tool.screener.live] or [screener.live] table of settings.")
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Exit 0 instead of 3 if something is undecided or partial.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live view on standard error.")] = False,
    verbose: VerboseOption = 0,
    log_file: LogFileOption = None,
) -> None:
    """Watch a camera or stream: a steady, current verdict on each person in view. q or Ctrl-C ends it.

    Exit status: 0 all genuine, 1 there was an alarm, 3 something is undecided or time was lost, 2 could not run, 130 interrupted,
    143 terminated.
    If a recording or snapshot cannot be written, the watch goes on, and the exit status is 2.
    """
    given = {
        "duration_seconds": duration, "heartbeat_seconds": heartbeat, "window_seconds": window, "judged_fps": judged_fps,
        "fpr": fpr, "threshold": threshold, "min_face_px": min_face_px, "allow_private": allow_private, "device": device, "dtype": dtype,
    }  # fmt: skip
    with exits():
        read = [source, checkpoint, config or found_file()]
        refuse_overwriting({"--record": record, "-o": output, "--log-file": log_file}, read)
        log_to(verbose, log_file)
        if list_:
            _list_cameras()
            sys.exit(ExitStatus.GENUINE)
        settings = _settings(config, {name: value for name, value in given.items() if value is not None})
        options = LiveOutputOptions(jsonl, output, show, record, snapshot, exec_, webhook, quiet, report)
        sys.exit(_watch(source, realtime, settings, checkpoint, options, allow_incomplete))


def _settings(config: Path | None, given: dict[str, Any]) -> LiveSettings:
    from screener.settings import LiveSettings

    return command_settings(LiveSettings, "live", config, given)


def _list_cameras() -> None:
    from screener.video.live.cameras import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        state = "" if camera.opens else "  gives no picture: in use, or not a camera"
        sys.stdout.write(f"{camera.index}  {camera.name or 'camera'}{state}\n")
    if not cameras:
        sys.stderr.write("screener: no camera was found\n")


def _watch(
    argument: str, realtime: bool, settings: LiveSettings, checkpoint: Path | None, options: LiveOutputOptions, allow_incomplete: bool
) -> int:
    from screener.video.live.one_source import live_source

    stops.only_first()
    source = live_source(argument)
    if realtime and source.kind != "file":
        raise SettingsError(f"--realtime: {source.name} is not a file; everything else runs in real time anyway")
    if not realtime and source.kind == "file" and not options.quiet:
        sys.stderr.write(f"screener: {source.name} is a file and is played in real time; `screener scan` reads files whole, and faster\n")

    from screener.scanning.models import Models
    from screener.watching.watch import Watch

    models = Models(settings.judging(), checkpoint)
    with LiveOutputs(options, source.name) as outputs, Watch(models, source, settings, options.pictures) as watch:
        status = _follow(watch, outputs)
        verdict = watch.verdict
        outputs.close_view()
        if verdict is not None and not options.jsonl:
            from screener.report import WRITERS

            outputs.write(WRITERS["text"](1, False, None).one(verdict))
        if verdict is not None:
            outputs.report(verdict, watch.scores)
    for error in outputs.failures.values():
        tell(f"not everything was kept: {error}")
    if status is not None:
        return int(status)
    if outputs.failures:
        return int(ExitStatus.COULD_NOT_RUN)
    assert verdict is not None
    return int(exit_status([(verdict.outcome, verdict.coverage)], allow_incomplete))


def _follow(watch: Watch, outputs: LiveOutputs) -> ExitStatus | None:
    """Run the watch to its end; the exit status if a signal ended it."""
    status, wanted = None, True
    try:
        while wanted:
            # Signals are deferred for both steps, because the watch reports each update only once; that takes 0.25 s at most.
            with stops.held_back():
                update = next(watch, None)
                wanted = update is not None and outputs.show(update)
    except (KeyboardInterrupt, Terminated) as stop:
        status = ExitStatus.TERMINATED if isinstance(stop, Terminated) else ExitStatus.INTERRUPTED
    stops.ignore()
    if watch.verdict is None:
        outputs.show(watch.finish())
        outputs.hurry()
    return status
