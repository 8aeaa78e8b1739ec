"""The calibrate command: fits a checkpoint's probabilities and thresholds to labelled videos; its weights do not change."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.cli.app import DeviceOption, app, stops
from screener.cli.exits import exits
from screener.cli.labelled_data import read_labelled
from screener.errors import CheckpointError, OutputError, SettingsError

if TYPE_CHECKING:
    from screener.checkpoint import Checkpoint, Rates
    from screener.datasets import LabelledItem
    from screener.evaluation.recalibration import CalibrateSettings, HeldOutError, Recalibration
    from screener.evaluation.results import Row

RANGES_LIFTED = ", valid ranges lifted"
"""Appended to the checkpoint's name in the results of a scan that also judged faces outside of its valid ranges."""

MOST_NAMED = 5
"""Most unscored videos that are named; `--json` names them all."""


@app.command()
def calibrate(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="The weights to calibrate.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder or CSV manifest of labelled videos that the weights were not trained on.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="NEW_CHECKPOINT", help="File to write; may be CHECKPOINT itself, which is replaced at the end."
        ),
    ],
    layout: Annotated[str | None, typer.Option("--layout", help="Layout of DATA on disk; detected by default.")] = None,
    results: Annotated[
        Path | None,
        typer.Option("--results", help="Results of `scan --jsonl` or `evaluate` for DATA, instead of scanning."),
    ] = None,
    fprs: Annotated[str | None, typer.Option("--fprs", help="False-positive rates to find thresholds for (0.01,0.05,0.10).")] = None,
    families: Annotated[
        str | None, typer.Option("--families", help="blending: fit to fakes with a generated part in a real picture; all: to every fake.")
    ] = None,
    missed: Annotated[float | None, typer.Option("--missed", help="Largest share of fakes that may be called genuine (0.10).")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Split to fit to, if DATA has splits (validation).")] = None,
    device: DeviceOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Fit temperature, bias and thresholds to labelled videos, and store them with the number of videos behind each.

    A false-positive rate for which there are too few real videos is refused. Exit status: 0 written, 2 could not run.
    """
    with exits():
        from screener.evaluation.recalibration import CalibrateSettings

        if results is not None and device is not None:
            raise SettingsError("--device: was settled when the results were made; leave it out, or leave --results out to scan again")
        given = {"fprs": None if fprs is None else _rates(fprs), "families": families, "missed": missed, "split": split}
        settings = CalibrateSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        found, written = _calibrate(checkpoint, data, layout, results, output, settings, device, quiet)
        sys.stdout.write(json.dumps({**written, **found.to_dict()}) + "\n" if json_ else _text(found, written))


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"fprs: expected rates between 0 and 1 with commas between them, such as 0.01,0.05, got {text!r}") from error


def _calibrate(
    path: Path,
    data: Path,
    layout: str | None,
    results: Path | None,
    output: Path,
    settings: CalibrateSettings,
    device: str | None,
    quiet: bool,
) -> tuple[Recalibration, dict[str, str]]:
    """The fit, and the files read and written."""
    from screener.checkpoint import load_checkpoint, require_checkpoint_name, save_contract
    from screener.evaluation.recalibration import of_split, recalibrate, recalibrated
    from screener.evaluation.selection import data_name
    from screener.evaluation.videos import scores_of

    require_checkpoint_name(output)
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: cannot be written: there is no folder {output.parent}; make it first")
    checkpoint = load_checkpoint(path)
    contract = checkpoint.contract
    items = of_split(read_labelled(data, layout)[0], settings.split)
    kept = results or output.with_name(f"{output.stem}.{checkpoint.sha256[:10]}.results.jsonl")
    rows, scanned_with = _read(checkpoint, items, kept) if results else _scanned(checkpoint, items, kept, device, quiet)
    found = recalibrate(scores_of(items, rows), contract.calibration, contract.pooling, settings)
    save_contract(output, recalibrated(contract, found, data_name(data), scanned_with), path, checkpoint.sha256)
    return found, {"checkpoint": str(output), "sha256": load_checkpoint(output).sha256, "data": str(data), "results": str(kept)}


def _read(checkpoint: Checkpoint, items: list[LabelledItem], results: Path) -> tuple[list[Row], str]:
    """The results of all items from a file, and the SHA-256 of the checkpoint that made them, which must have the same weights."""
    from screener.checkpoint import scored_alike
    from screener.evaluation.run import read_results

    rows, origin = read_results(items, results, None)
    if origin.sha256 not in scored_alike(checkpoint):
        raise CheckpointError(
            f"{results}: was made with the checkpoint {origin.name!r}, sha256 {origin.sha256[:16]}, not with {checkpoint.path}, sha256 "
            f"{checkpoint.sha256[:16]}; leave --results out to scan with this one"
        )
    return rows, origin.sha256


def _scanned(checkpoint: Checkpoint, items: list[LabelledItem], results: Path, device: str | None, quiet: bool) -> tuple[list[Row], str]:
    """The same from a scan, which writes results as they come, so that a stopped run can be resumed."""
    from screener.evaluation.run import judge
    from screener.report import progress_for
    from screener.scanning.screener import Screener
    from screener.settings import ScanSettings

    # Score every face, because the valid ranges are to be fitted. The name records this for later evaluations of these results.
    name = checkpoint.contract.name + (RANGES_LIFTED if checkpoint.contract.valid_range else "")
    unbounded = replace(checkpoint, contract=replace(checkpoint.contract, name=name, valid_range={}))
    screener = Screener(ScanSettings(threshold=0.5, device=device or "auto", thumbnails=0), unbounded)
    rows, origin = judge(items, screener, lambda done, waiting: progress_for(sys.stderr, quiet, waiting), results, stops.held_back)
    return rows, origin.sha256


def _text(found: Recalibration, written: dict[str, str]) -> str:
    calibration = found.calibration
    rows = [
        ("videos", f"{found.real_videos} real and {found.fake_videos} fake with a score: {found.fakes_named}"),
        *_shortfalls(found),
        ("calibration", f"p_fake = sigmoid(logit / {calibration.temperature:.4g} {calibration.bias:+.4g})"),
        ("held-out ECE", _held_out(found.held_out)),
        *[
            (
                f"at {point.fpr:.3g} FPR",
                f"fake from {point.threshold:.4f}, genuine below {point.genuine_below:.4f}; {point.real_videos} real videos behind it",
            )
            for point in found.operating_points
        ],
        *[(f"at {rates.fpr:.3g} FPR", _on_left_out_folds(rates)) for rates in found.rates],
        *[(f"at {fpr:.3g} FPR", f"REFUSED: {why}") for fpr, why in found.refused.items()],
        *[(f"valid {name}", f"{low:g} to {high:g}") for name, (low, high) in found.valid_range.items()],
        ("results", f"{written['results']} (with calibrate --results nothing is scanned again)"),
        ("written", f"{written['checkpoint']}, sha256 {written['sha256']}; the weights are the same, bit for bit"),
    ]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows)


def _on_left_out_folds(rates: Rates) -> str:
    from screener.verdict.proportion import wilson_interval

    def share(found: int, count: int) -> str:
        low, high = wilson_interval(found / count, count)
        return f"{found} of {count} ({100 * low:.0f} to {100 * high:.0f} %)"

    fakes, reals = share(rates.fakes_found, rates.fakes), share(rates.reals_called_fake, rates.reals)
    return f"on folds that were left out {fakes} fakes found, {reals} real videos called fake"


def _shortfalls(found: Recalibration) -> list[tuple[str, str]]:
    """Rows about videos that were not used."""
    from screener.report.wording import counted, visible

    rows = []
    if found.not_scored:
        names = ", ".join(visible(name) for name in found.not_scored[:MOST_NAMED])
        more = f" and {len(found.not_scored) - MOST_NAMED} more" if len(found.not_scored) > MOST_NAMED else ""
        rows.append(("not scored", f"{counted(len(found.not_scored), 'video')}, nobody in them could be judged: {names}{more}"))
    if found.copies:
        rows.append(("copies", f"{counted(found.copies, 'file')} left out, each a copy or another name of one that counts"))
    if found.left_out:
        methods = ", ".join(f"{visible(method) or 'unnamed'} {count}" for method, count in sorted(found.left_out.items()))
        rows.append(("left out", f"{counted(sum(found.left_out.values()), 'fake')} of other kinds: {methods}; --families all takes them"))
    return rows


def _held_out(errors: HeldOutError) -> str:
    if not errors.after:
        return f"not measured: {errors.note}"
    (before, _), (after, spread) = (
        (sum(values) / len(values), f"{min(values):.3f} to {max(values):.3f}") for values in (errors.before, errors.after)
    )
    return (
        f"{before:.3f} before, {after:.3f} after ({spread}): fitted to half of the groups, tested on the other half, "
        f"{len(errors.after)} divisions"
    )
