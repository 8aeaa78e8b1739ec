"""The evaluate command: a checkpoint's figures on labelled data, and the comparison of two checkpoints."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from screener.cli.app import CheckpointOption, DeviceOption, app, checkpoint_typed, stops
from screener.cli.configuration import found_file, scan_settings
from screener.cli.exits import exits
from screener.cli.labelled_data import read_labelled
from screener.cli.overwriting import refuse_overwriting
from screener.cli.perturb import PerturbOption, StrengthsOption, check_perturb, perturbed
from screener.errors import SettingsError
from screener.runtime.stop_signals import Terminated

if TYPE_CHECKING:
    from screener.datasets import LabelledItem
    from screener.evaluation.checkpoint_comparison import Side
    from screener.evaluation.results import Origin, Row
    from screener.report import ScanProgress
    from screener.settings import ScanSettings


@app.command()
def evaluate(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder or CSV manifest of labelled videos and pictures.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder for the JSON, the page, and results as they come, to resume after a stop."
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="Layout of DATA: faceforensics, celeb-df, dfdc, manifest or folders; detected by default."),
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only the items of this split: train, validation or test.")] = None,
    limit_per_method: Annotated[
        int | None, typer.Option("--limit-per-method", help="At most this many items of each method, and reals of each kind.")
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="Results of `scan --jsonl` or an earlier evaluation for DATA, instead of scanning.")
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", metavar="A B", help="Compare two checkpoints, or two files of results: the difference of each figure."),
    ] = None,
    perturb: PerturbOption = None,
    strengths: StrengthsOption = None,
    checkpoint: CheckpointOption = None,
    fpr: Annotated[
        float | None, typer.Option("--fpr", help="Operating point: a false-positive rate that the checkpoint was calibrated for (0.05).")
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="Decide at this p_fake instead of at an operating point.")] = None,
    frames: Annotated[int | None, typer.Option("--frames", help="Number of evenly spaced frames to judge in each video (32).")] = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file with a [tool.screener] table of settings.")] = None,
    model_card: Annotated[
        Path | None, typer.Option("--model-card", metavar="PATH", help="Write the checkpoint's model card from this evaluation.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="The whole evaluation as one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Evaluate a checkpoint on labelled data: AUC and the field's other figures, each with its interval.

    Exit status: 0 done, 2 could not run, 130 interrupted, 143 terminated; results so far are kept in FOLDER, and
    the same command resumes.
    """
    given = {"frames": frames, "fpr": fpr, "threshold": threshold, "device": device, "dtype": dtype}
    with exits():
        _refuse_contradictions(given, config, results, compare, checkpoint if checkpoint_typed(context) else None, model_card)
        read = [data, results, *(compare or ()), checkpoint, config or found_file()]
        refuse_overwriting({"--model-card": model_card}, read)
        check_perturb(perturb, strengths, {"--results": results, "--compare": compare})
        settings = scan_settings(
            config, {**{name: value for name, value in given.items() if value is not None}, "thumbnails": 0, "stress": False}
        )
        items, name = _items(data, layout, split, limit_per_method)
        wanted = Wanted(items, name, settings, _made(output, model_card), json_, quiet)
        if compare is not None:
            _compare(wanted, *compare)
        else:
            _evaluate(wanted, results, checkpoint, model_card, perturb, strengths)


@dataclass(frozen=True)
class Wanted:
    """What evaluation and comparison both need. name: of the data. folder: for output files, or None."""

    items: list[LabelledItem]
    name: str
    settings: ScanSettings
    folder: Path | None
    as_json: bool
    quiet: bool

    def file(self, name: str) -> Path | None:
        """A file in the output folder; None without a folder."""
        return None if self.folder is None else self.folder / name


def _refuse_contradictions(
    given: dict[str, Any],
    config: Path | None,
    results: Path | None,
    compare: tuple[Path, Path] | None,
    checkpoint: Path | None,
    model_card: Path | None,
) -> None:
    settled = [name for name, value in {**given, "config": config}.items() if value is not None]
    if results is not None and settled:
        raise SettingsError(f"--{settled[0]}: was settled when the results were made; leave it out, or leave --results out to scan again")
    others = {"--results": results, "--checkpoint": checkpoint, "--model-card": model_card}
    if compare is not None and (also := [name for name, value in others.items() if value is not None]):
        raise SettingsError(f"choose one of --compare and {also[0]}, not both; --compare names checkpoints or results itself")


def _items(data: Path, layout: str | None, split: str | None, limit_per_method: int | None) -> tuple[list[LabelledItem], str]:
    from screener.evaluation.selection import data_name, select

    return select(read_labelled(data, layout)[0], split, limit_per_method), data_name(data)


def _made(folder: Path | None, model_card: Path | None) -> Path | None:
    """The folder, made; raises OutputError if it or the model card cannot be written, before anything is scanned."""
    from screener.runtime.files import make_folder, require_place

    if folder is not None:
        make_folder(folder)
    if model_card is not None:
        require_place(model_card)
    return folder


def _evaluate(
    wanted: Wanted,
    results: Path | None,
    checkpoint: Path | None,
    model_card: Path | None,
    perturb: str | None = None,
    strengths: str | None = None,
) -> None:
    from screener.evaluation.assembly import evaluation_of
    from screener.evaluation.mistaken import mistaken_faces
    from screener.evaluation.model_card import write_model_card
    from screener.evaluation.page import write_evaluation_page
    from screener.evaluation.results import RESULTS_NAME
    from screener.evaluation.robustness_report import robustness_section, robustness_text
    from screener.evaluation.table import evaluation_text

    rows, origin = _read(wanted, results, checkpoint) if results else _scanned(wanted, checkpoint, wanted.file(RESULTS_NAME))
    evaluation = evaluation_of(wanted.items, rows, origin, wanted.name)
    document, sections, more = evaluation.to_dict(), [], ""
    if perturb is not None:
        found = perturbed(
            wanted.items, wanted.settings, checkpoint, perturb, strengths, (rows, origin), wanted.folder, wanted.quiet
        )  # fmt: skip
        document["robustness"], sections, more = found.to_dict(), [robustness_section(found)], "\n" + robustness_text(found)
    if wanted.folder is not None:
        _write_json(wanted.folder / "evaluation.json", document)
        faces = mistaken_faces(evaluation, wanted.items, rows)
        write_evaluation_page(evaluation, wanted.folder / "evaluation.html", sections, faces)
    if model_card is not None:
        from screener.checkpoint import load_checkpoint

        write_model_card(evaluation, load_checkpoint(checkpoint), model_card)
    width, colour = _terminal()
    sys.stdout.write(_json(document) if wanted.as_json else evaluation_text(evaluation, width, colour) + more)


def _compare(wanted: Wanted, a: Path, b: Path) -> None:
    from screener.evaluation.checkpoint_comparison import comparison_of
    from screener.evaluation.page import write_comparison_page
    from screener.evaluation.table import comparison_text

    comparison = comparison_of(wanted.items, _side(wanted, a, "results-a.jsonl"), _side(wanted, b, "results-b.jsonl"), wanted.name)
    if wanted.folder is not None:
        _write_json(wanted.folder / "comparison.json", comparison.to_dict())
        write_comparison_page(comparison, wanted.folder / "comparison.html")
    width, colour = _terminal()
    sys.stdout.write(_json(comparison.to_dict()) if wanted.as_json else comparison_text(comparison, width, colour))


def _side(wanted: Wanted, path: Path, kept: str) -> Side:
    """One side, from a file of results or by scanning with a checkpoint."""
    from screener.evaluation.checkpoint_comparison import Side
    from screener.evaluation.results import is_results

    rows, origin = _read(wanted, path, None) if is_results(path) else _scanned(wanted, path, wanted.file(kept))
    return Side(str(path), tuple(rows), origin)


def _read(wanted: Wanted, results: Path, checkpoint: Path | None) -> tuple[list[Row], Origin]:
    """The results in a file; if they do not state their pooling, the checkpoint's is used."""
    from screener.checkpoint import load_checkpoint
    from screener.evaluation.run import read_results

    rows, origin = read_results(wanted.items, results, load_checkpoint(checkpoint) if checkpoint is not None else None)
    if "pooling" not in origin.checkpoint:
        default = load_checkpoint()
        if default.sha256 == origin.sha256:
            origin.checkpoint["pooling"] = default.contract.pooling
    return rows, origin


def _scanned(wanted: Wanted, checkpoint: Path | None, results: Path | None) -> tuple[list[Row], Origin]:
    from screener.evaluation.run import judge
    from screener.report import progress_for
    from screener.scanning.screener import Screener

    def start(judged: int, waiting: int) -> ScanProgress:
        if judged and not wanted.quiet:
            sys.stderr.write(f"{judged} of {len(wanted.items)} are judged already; {waiting} to go\n")
        return progress_for(sys.stderr, wanted.quiet, waiting)

    try:
        return judge(wanted.items, Screener(wanted.settings, checkpoint), start, results, stops.held_back)
    except (KeyboardInterrupt, Terminated):
        kept = f"what was judged is kept in {results}; the same command goes on from there" if results else "without -o nothing was kept"
        sys.stderr.write(f"screener: {kept}\n")
        raise


def _terminal() -> tuple[int, bool]:
    """Width of the terminal, and whether colours may be used."""
    from screener.evaluation.table import PIPED_WIDTH

    if not sys.stdout.isatty():
        return PIPED_WIDTH, False
    return shutil.get_terminal_size().columns, "NO_COLOR" not in os.environ


def _write_json(path: Path, content: dict[str, Any]) -> None:
    from screener.runtime.files import write_whole

    write_whole(path, _json(content))


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
