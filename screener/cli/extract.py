"""The extract command: labelled videos and pictures -> feature folds."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from screener.cli.app import CheckpointOption, DeviceOption, app, checkpoint_typed
from screener.cli.audit import AuditOption, StrictOption, warn_of_leaks
from screener.cli.configuration import command_settings
from screener.cli.exits import exits
from screener.cli.labelled_data import read_labelled
from screener.errors import SettingsError

if TYPE_CHECKING:
    from screener.datasets import LabelledItem
    from screener.settings import ExtractSettings
    from screener.training.crops import BadFile
    from screener.training.extraction import ExtractionProgress, ExtractionReport, OnProgress

LINE_EVERY_SECONDS = 30.0
"""Seconds between progress lines where no bar can be drawn."""

MOST_NAMED = 20
"""Most bad files that are printed; `fold.json` names them all."""


@app.command()
def extract(
    context: typer.Context,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder or CSV manifest of labelled videos or pictures, or a data set as published.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDS", help="Folder for the feature folds.")],
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="Layout of DATA: faceforensics, celeb-df, dfdc, manifest or folders; detected by default."),
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", help="Number of folds, if DATA has no validation split (1).")] = None,
    validation_share: Annotated[
        float | None, typer.Option("--validation-share", help="Share held out for validation, with a single fold (0.2).")
    ] = None,
    test_share: Annotated[
        float | None, typer.Option("--test-share", help="Share held out of all folds for testing, if DATA has no test split (0).")
    ] = None,
    augment: Annotated[int | None, typer.Option("--augment", help="Augmented copies of each training crop (0).")] = None,
    frames: Annotated[int | None, typer.Option("--frames", help="Number of evenly spaced frames of each video (32).")] = None,
    min_face_px: Annotated[int | None, typer.Option("--min-face-px", help="Leave out smaller faces (40).")] = None,
    cropped: Annotated[bool | None, typer.Option("--cropped", help="The pictures are face crops already: skip face detection.")] = None,
    checkpoint: CheckpointOption = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="Instead of a checkpoint: imagenet, or a .pth file of torchvision's weights.")
    ] = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Crops per batch (16).")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Random seed of splits and augmentation (0).")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file with a [tool.screener.extract] table of settings.")] = None,
    audit: AuditOption = True,
    strict: StrictOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Crop the faces of labelled videos and pictures and store the backbone's features of them, split for training.

    Bad files are counted and named, and do not stop the run. After an interruption, the same command resumes.
    """
    given = {
        "folds": folds, "validation_share": validation_share, "test_share": test_share, "augment": augment, "frames": frames,
        "min_face_px": min_face_px, "cropped": cropped, "device": device, "dtype": dtype, "batch_size": batch_size, "seed": seed,
    }  # fmt: skip
    with exits():
        if backbone and checkpoint_typed(context):
            raise SettingsError("choose one of --checkpoint and --backbone, not both")
        chosen = {name: value for name, value in given.items() if value is not None}
        if strict and not audit:
            raise SettingsError("choose one of --strict and --no-audit, not both")
        settings = _settings(config, chosen)
        _extract(data, output, layout, backbone or checkpoint, settings, {"strict": strict} if audit else None, quiet)


def _settings(config: Path | None, given: dict[str, Any]) -> ExtractSettings:
    from screener.settings import ExtractSettings

    return command_settings(ExtractSettings, "extract", config, given)


def _extract(
    data: Path,
    output: Path,
    layout: str | None,
    backbone: str | Path | None,
    settings: ExtractSettings,
    audit: dict[str, bool] | None,
    quiet: bool,
) -> None:
    from screener.training.extraction import extract as extract_items
    from screener.training.starting_points import backbone_named

    items, layout = read_labelled(data, layout)
    if audit is not None and (audit["strict"] or not _is_begun(output)):
        warn_of_leaks(items, quiet=quiet, **audit)
    with _progress(quiet) as on_progress:
        report = extract_items(items, backbone_named(backbone), settings, output, on_progress)
    sys.stdout.write(_summary(data, layout, items, report))


def _is_begun(folder: Path) -> bool:
    """Whether an extraction was begun or finished there. Its warnings were printed then; only `--strict` must hold whatever was said."""
    from screener.training.folds import FOLD_FILE, UNFINISHED

    return any((folder / name).is_file() for name in (UNFINISHED, FOLD_FILE, f"fold-1/{FOLD_FILE}"))


@contextmanager
def _progress(quiet: bool) -> Iterator[OnProgress | None]:
    """A bar with the remaining time on a terminal, a line now and then elsewhere."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar() as on_progress:
            yield on_progress
    else:
        yield _Lines().show


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("files"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False, redirect_stderr=False, speed_estimate_period=120) as bar:
        tasks: list[TaskID] = []

        def show(progress: ExtractionProgress) -> None:
            rate = _rate(progress, time.monotonic() - started)
            # Work of an earlier run must not count towards this run's speed.
            if not tasks:
                tasks.append(bar.add_task("", completed=progress.files_done, total=progress.files, rate=rate))
            bar.update(tasks[0], completed=progress.files_done, rate=rate)

        yield show


class _Lines:
    """`extract: 410 of 2041 files, 398 crops, 12 bad, 31.2 crops/s, 1:02 left`."""

    def __init__(self) -> None:
        self._started = self._shown = time.monotonic()
        self._first_files: int | None = None

    def show(self, progress: ExtractionProgress) -> None:
        from screener.report.wording import clock

        now = time.monotonic()
        if self._first_files is None:
            self._first_files, self._started = progress.files_done, now
        if now - self._shown < LINE_EVERY_SECONDS:
            return
        self._shown = now
        files_now = progress.files_done - self._first_files
        left = clock((now - self._started) / files_now * (progress.files - progress.files_done), 0) if files_now else "?"
        rate = _rate(progress, now - self._started)
        sys.stderr.write(f"extract: {progress.files_done} of {progress.files} files, {rate}, {left} left\n")
        sys.stderr.flush()


def _rate(progress: ExtractionProgress, seconds: float) -> str:
    bad = f", {progress.bad_files} bad" if progress.bad_files else ""
    return f"{progress.crops} crops{bad}, {progress.crops_now / max(seconds, 1e-3):.1f} crops/s"


def _summary(data: Path, layout: str, items: list[LabelledItem], report: ExtractionReport) -> str:
    from screener.report.wording import clock, counted

    reals = sum(item.label == 0 for item in items)
    fold = report.folds[0]
    shape = " x ".join(map(str, fold.feature_shape))
    lines = [
        f"{data}: {counted(len(items), 'file')}, {reals} real and {len(items) - reals} fake, layout {layout}",
        f"{report.folder}: {counted(report.crops, 'crop')} of {shape}, backbone {fold.backbone_fingerprint[:12]}, "
        f"{report.dtype} on {report.device}",
        *_table(report),
        *_bad_files(report.bad_files),
    ]
    if report.left_out:
        lines.append(f"{counted(report.left_out, 'file')} left out of some fold, because it would connect its splits")
    if report.crops_now:
        rate = report.crops_now / max(report.seconds, 1e-3)
        lines.append(f"{counted(report.crops_now, 'crop')} in {clock(report.seconds, 0)}, {rate:.1f} crops/s")
    else:
        lines.append("nothing was left to do")
    return "\n".join(lines) + "\n"


def _table(report: ExtractionReport) -> Iterator[str]:
    yield f"{'fold':>6}  {'split':<12}{'real':>8}{'fake':>8}"
    for fold in report.folds:
        for name, split in fold.splits.items():
            fakes = int(split.labels.sum())
            yield f"{fold.number:>6}  {name:<12}{len(split) - fakes:>8}{fakes:>8}"


def _bad_files(bad_files: list[BadFile]) -> Iterator[str]:
    from screener.report.wording import counted, visible

    if not bad_files:
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in Counter(bad.reason for bad in bad_files).most_common())
    nothing = sum(not bad.crops for bad in bad_files)
    part = f", {len(bad_files) - nothing} less than they should" if nothing < len(bad_files) else ""
    yield f"{counted(nothing, 'file')} gave nothing{part} ({reasons}):"
    for bad in bad_files[:MOST_NAMED]:
        yield f"  {visible(bad.detail)}" + (f" ({counted(bad.crops, 'crop')} taken)" if bad.crops else "")
    if len(bad_files) > MOST_NAMED:
        yield f"  and {len(bad_files) - MOST_NAMED} more, all named in fold.json"
