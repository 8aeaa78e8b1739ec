"""The command line: parse, call the library, print, exit. The only place that prints or exits, and the only one that catches ScreenerError.

Heavy libraries are imported inside the commands, so that help answers at once.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import tomllib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from screener.errors import ExitStatus, OutputError, ScreenerError, SettingsError
from screener.stop_signals import StopSignals, Terminated

if TYPE_CHECKING:
    from screener.report import Output
    from screener.settings import ScanSettings

app = typer.Typer(
    name="screener",
    help="Screens video for face forgery: which person, when, how sure, or why it cannot tell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
weights_app = typer.Typer(help="The checkpoint's contract.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(weights_app, name="weights")

CheckpointOption = Annotated[Path | None, typer.Option("--checkpoint", help="Weights to use; the default ones ship with screener.")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")]


RIVALS = (("frames", "fps", "all_frames"), ("fpr", "threshold"))
"""Settings of which one overrules the others."""

_stops = StopSignals()


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
        "frames": frames, "fps": fps, "all_frames": all_frames, "fpr": fpr, "threshold": threshold, "min_face_px": min_face_px,
        "time_limit_seconds": time_limit, "stream_seconds": stream_seconds, "batch_size": batch_size, "device": device, "dtype": dtype,
    }  # fmt: skip
    with _exits():
        settings = _settings(config, {name: value for name, value in given.items() if value is not None})
        format_name = _one_of({"json": json_, "jsonl": jsonl, "csv": csv})
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
                    with _stops.held_back():
                        run.keep(verdict)
                        out.write(writer.one(verdict))
        except (KeyboardInterrupt, Terminated) as stop:
            status = ExitStatus.TERMINATED if isinstance(stop, Terminated) else ExitStatus.INTERRUPTED
        else:
            status = run.exit_status(allow_incomplete)
        _stops.ignore()
        out.write(writer.end(run.summary))
        if folder:
            folder.finish()
    return int(status)


@app.command()
def doctor(checkpoint: CheckpointOption = None, device: DeviceOption = None) -> None:
    """Prove on this machine that decoding, faces, weights, polarity and device work, and say what to do where they do not."""
    with _exits():
        from screener.doctor import diagnose, render

        findings = diagnose(checkpoint, device or "auto")
        sys.stdout.write(render(findings))
        sys.exit(ExitStatus.GENUINE if all(finding.ok for finding in findings) else ExitStatus.COULD_NOT_RUN)


@weights_app.command("show")
def weights_show(checkpoint: Annotated[Path | None, typer.Argument(help="A checkpoint; the default one if left out.")] = None) -> None:
    """What a checkpoint promises: shape, preprocessing, calibration, thresholds, training data, figures, licence."""
    with _exits():
        from screener.checkpoint import describe, load_checkpoint

        _print_rows(describe(load_checkpoint(checkpoint)))


@weights_app.command("verify")
def weights_verify(checkpoint: Annotated[Path | None, typer.Argument(help="A checkpoint; the default one if left out.")] = None) -> None:
    """Check a checkpoint's file, contract, shapes, values and fingerprint; exit 2 at the first fault."""
    with _exits():
        from screener.checkpoint import verify_checkpoint

        _print_rows(verify_checkpoint(checkpoint))


@app.command()
def version() -> None:
    """Versions of screener and of the libraries that its results depend on."""
    from screener.versions import versions

    _print_rows(list(versions().items()))


def run() -> NoReturn:
    """Entry point of the `screener` command: `main`, and out.

    Unloading the numerical libraries takes about a second after everything is done; whoever pressed Ctrl-C need not wait for it.
    """
    status: int = ExitStatus.GENUINE
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else ExitStatus.COULD_NOT_RUN if end.code else ExitStatus.GENUINE
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def main() -> NoReturn:
    """The command, ending in SystemExit."""
    _stops.listen()
    with _exits():
        app(prog_name="screener")
    sys.exit(ExitStatus.GENUINE)


def _print_rows(rows: list[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows))


def _settings(config: Path | None, given: dict[str, Any]) -> ScanSettings:
    """Settings from the TOML file, overridden by the options that were given, and by those that answer the same question."""
    from screener.settings import ScanSettings

    for rivals in RIVALS:
        chosen = [name for name in rivals if name in given]
        if len(chosen) > 1:
            raise SettingsError(f"choose one of {' and '.join('--' + name.replace('_', '-') for name in chosen)}, not both")
    overruled = {name for rivals in RIVALS if any(name in given for name in rivals) for name in rivals}
    table = _config_table(config) if config else {}
    return ScanSettings.from_mapping({**{name: value for name, value in table.items() if name not in overruled}, **given})


def _config_table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; give a TOML file with a [tool.screener] table") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    tools = content.get("tool")
    table = tools.get("screener", content.get("screener")) if isinstance(tools, dict) else content.get("screener")
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: has neither a [tool.screener] nor a [screener] table")
    return table


def _one_of(chosen: dict[str, bool]) -> str:
    names = [name for name, wanted in chosen.items() if wanted]
    if len(names) > 1:
        raise SettingsError(f"choose one of --{' and --'.join(names)}, not both")
    return names[0] if names else "text"


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[Output]:
    from screener.report import Output, atomic_output

    if path is None:
        yield Output(sys.stdout, "standard output")
    else:
        with atomic_output(path) as out:
            yield out


@contextlib.contextmanager
def _exits() -> Iterator[None]:
    """Turns every end that is not a result into its exit status and one clear line on standard error."""
    try:
        yield
    except ScreenerError as error:
        _fail(str(error), ExitStatus.COULD_NOT_RUN)
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep Python from complaining about it once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitStatus.COULD_NOT_RUN)
    except ImportError as error:
        advice = (
            "; a server or container needs OpenCV's system libraries: apt-get install libgl1 libglib2.0-0" if "lib" in str(error) else ""
        )
        _fail(f"a library cannot be loaded: {error}{advice}", ExitStatus.COULD_NOT_RUN)
    except KeyboardInterrupt:
        _fail("interrupted", ExitStatus.INTERRUPTED)
    except Terminated:
        _fail("terminated", ExitStatus.TERMINATED)
    except OSError as error:
        _fail(str(OutputError(error.strerror or str(error))), ExitStatus.COULD_NOT_RUN)
    except Exception as error:
        # Left to Python, this would exit 1, which says that an input is fake.
        traceback.print_exc()
        _fail(f"stopped by a fault of its own ({type(error).__name__}); please report it with the lines above", ExitStatus.COULD_NOT_RUN)


def _fail(message: str, status: ExitStatus) -> NoReturn:
    sys.stderr.write(f"screener: {message}\n")
    sys.exit(status)
