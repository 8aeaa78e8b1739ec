"""The scan command: its options, and where a run with them takes place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from screener.cli.app import CheckpointOption, DecoderOption, DeviceOption, app
from screener.cli.cluster_run import (
    AttemptsOption,
    ClusterOption,
    ClusterRun,
    CoresOption,
    DryRunOption,
    LeastOption,
    ManifestOption,
    MostOption,
    ScorersOption,
    ShardOption,
    Ways,
    scan_on_cluster,
)  # fmt: skip
from screener.cli.companion_options import CompanionOptions
from screener.cli.configuration import found_file, one_of, scan_settings
from screener.cli.exits import exits
from screener.cli.logs import LogFileOption, VerboseOption, log_to
from screener.cli.overwriting import refuse_overwriting
from screener.cli.scan_run import Places, run_scan
from screener.errors import SettingsError


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
        str | None, typer.Option("--output", "-o", help="Write to this file instead of standard output; it appears when the run ends.")
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
        str | None,
        typer.Option("--workers", metavar="N", help="Inputs judged in parallel, with shared models; auto: as many as fit the cores (1)."),
    ] = None,
    detect_every: Annotated[
        int | None,
        typer.Option("--detect-every", help="Search at least every Nth frame whole for faces; the others quickly (4)."),
    ] = None,
    checkpoint: CheckpointOption = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="auto, torch, opencv, onnxruntime, or the path of an .onnx file from screener export.")
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
    gpu_scorers: ScorersOption = None,
    max_attempts: AttemptsOption = None,
    dry_run: DryRunOption = False,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Exit 0 instead of 3 if something is undecided or partial.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
    verbose: VerboseOption = 0,
    log_file: LogFileOption = None,
) -> None:
    """Judge videos and pictures: a line per input, then a summary.

    Exit status: 0 all genuine, 1 something is fake, 3 something is undecided, partial or unreadable, 2 could not run, 130 interrupted,
    143 terminated.
    """
    given = {
        "frames": frames, "fps": fps, "all_frames": all_frames, "until_sure": until_sure, "budget_seconds": budget,
        "fpr": fpr, "threshold": threshold, "min_face_px": min_face_px, "time_limit_seconds": time_limit, "allow_private": allow_private,
        "stream_seconds": stream_seconds, "batch_size": batch_size, "detect_every": detect_every, "device": device, "dtype": dtype,
        "engine": engine, "decoder": decoder, "trust_anchors": trust_anchors, "stress": stress,
    }  # fmt: skip
    with exits():
        to = None if output is None else Path(output)
        kept = None if cluster is not None else _journal_path(resume, journal, to, report)
        read = [*sources, sign, checkpoint, config or found_file(), trust_anchors]
        refuse_overwriting({"-o": to, "--journal": kept, "--log-file": log_file}, read)
        log_to(verbose, log_file)
        if trust_anchors is not None:
            given["trust_anchors"] = _certificates(trust_anchors)
        settings = scan_settings(config, {name: value for name, value in given.items() if value is not None})
        format_name = one_of({"json": json_, "jsonl": jsonl, "csv": csv, "people-csv": people_csv})
        many = {
            "shard_videos": shard_videos, "actor_cpus": actor_cpus, "min_actors": min_actors, "max_actors": max_actors,
            "gpu_scorers": gpu_scorers, "max_attempts": max_attempts,
        }  # fmt: skip
        on_many = ClusterRun(cluster, output, manifest, dry_run, many)
        if on_many.asked:
            if workers is not None:
                raise SettingsError("--workers: belongs to scans on this machine; runs on many machines are sized by --max-actors")
            _refuse(
                {"--report": report, "--markers": markers, "--annotate": annotate, "--stills": stills, "--sign": sign, "--journal": journal}
            )
            ways = Ways(format_name, not no_frames, allow_incomplete, quiet)
            sys.exit(scan_on_cluster(sources, settings, checkpoint, config, on_many, ways))
        places = Places(to, report, kept, CompanionOptions(markers, annotate, stills, sign), log_file)
        if sign is not None and to is None and report is None:
            raise SettingsError("--sign signs files; name one with -o, or a folder with --report")
        sys.exit(run_scan(sources, settings, checkpoint, format_name, places, _workers(workers), allow_incomplete, quiet, not no_frames))


def _workers(given: str | None) -> int | None:
    """None for `auto`."""
    if given is None:
        return 1
    if given == "auto":
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 1024:
        raise SettingsError(f"--workers: expected auto, or a number from 1 to 1024, got {given}")
    return int(given)


def _refuse(files: dict[str, Path | None]) -> None:
    """What is written beside verdicts needs their pictures, which stay on the machines that judge."""
    for option, path in files.items():
        if path is not None:
            raise SettingsError(f"{option}: is not written by runs on many machines; scan the inputs that need it by themselves")


def _certificates(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")  # notes may be in any script
    except OSError as error:
        raise SettingsError(f"--trust-anchors {path}: cannot be read: {error.strerror}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise SettingsError(f"--trust-anchors {path}: holds no certificate; give a PEM file")
    return text


def _journal_path(resume: bool, journal: Path | None, output: Path | None, report: Path | None) -> Path | None:
    """The journal's path: next to the output and named after it, so that the repeated command finds it."""
    if resume and journal is None:
        if (beside := output or report) is None:
            raise SettingsError("--resume keeps its journal beside the output; name one with -o or --report, or the journal with --journal")
        journal = beside.absolute().with_name(f"{beside.absolute().name}.journal")
    return journal
