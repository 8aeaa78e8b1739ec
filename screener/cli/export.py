"""The export command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from screener.cli.app import CheckpointOption, app
from screener.cli.exits import exits
from screener.cli.overwriting import refuse_overwriting
from screener.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from screener.checkpoint import Checkpoint
    from screener.export import Exported

DYNAMIC = "dynamic"


@app.command()
def export(
    clips: Annotated[
        list[str] | None, typer.Argument(metavar="CLIP", help="With --int8: files, folders or globs with faces to calibrate on.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .onnx file to write.")] = ...,  # type: ignore[assignment]
    checkpoint: CheckpointOption = None,
    batch: Annotated[str, typer.Option("--batch", help="Crops per batch: a number, or dynamic.")] = DYNAMIC,
    int8: Annotated[bool, typer.Option("--int8", help="Quantise to 8 bits: a quarter of the size, and faster on most processors.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Export the network as ONNX, or in 8 bits for scan's --engine, and check it against the checkpoint.

    --engine onnxruntime uses a file made with --int8 that lies next to its checkpoint as NAME.int8.onnx. With --engine auto, scan uses it
    too if it needed at least a sixth less processor time than PyTorch when it was exported.
    """
    with exits():
        from screener.checkpoint import load_checkpoint
        from screener.export import export_model, require_possible

        refuse_overwriting({"-o": output}, [*(clips or []), checkpoint])
        size = None if batch == DYNAMIC else _number(batch)
        if clips and not int8:
            raise SettingsError("export: clips are for calibrating an 8-bit model; add --int8, or leave them out")
        if int8 and not clips:
            raise SettingsError("export: --int8 needs clips with faces to calibrate on; name some, such as those you scan")
        if output.suffix != ".onnx":
            raise SettingsError(f"export: {output}: expected a name that ends in .onnx")
        require_possible(output, size)
        loaded = load_checkpoint(checkpoint)
        crops = _crops(clips, loaded, quiet) if clips else None
        sys.stdout.write(_text(export_model(output, loaded, size, crops), loaded))


def _number(batch: str) -> int:
    from screener.export.writing import LARGEST_BATCH

    if not batch.isdecimal() or len(batch) > 9:
        raise SettingsError(f"batch: expected a whole number from 1 to {LARGEST_BATCH}, or {DYNAMIC}, got {batch[:20]!r}")
    return int(batch)


def _crops(clips: list[str], checkpoint: Checkpoint, quiet: bool) -> NDArray[np.uint8]:
    from screener.export import crops_of
    from screener.export.writing import CALIBRATION_CROPS, TRIAL_CROPS
    from screener.report.wording import counted, spelt_out, visible
    from screener.video import expand_sources

    def told(name: str, kept: int, why: tuple[str, ...]) -> None:
        if not quiet:
            sys.stderr.write(f"{visible(name)}: {'; '.join([counted(kept, 'face'), *spelt_out(why)])}\n")

    return crops_of(expand_sources(clips), checkpoint, CALIBRATION_CROPS + TRIAL_CROPS, told)


def _text(exported: Exported, checkpoint: Checkpoint) -> str:
    from screener.model.reference import NO_REFERENCE
    from screener.report.wording import visible

    found, alone = exported.agreement, checkpoint.contract.reference == NO_REFERENCE
    rows = [("written", f"{exported.path}, {exported.bytes / 1e6:.1f} MB, {exported.dtype}, of {checkpoint.contract.name}")]
    if exported.calibrated_on:
        rows.append(("calibrated", f"on {exported.calibrated_on} {'faces' if alone else 'crops: faces and their recompressed copies'}"))
    if found is None:
        rows.append(("tried", 'not tried: ONNX Runtime is missing; pip install "screener-video[onnxruntime]"'))
    else:
        rows.append(
            ("tried", f"p_fake of {found.crops} crops is {found.mean:.2g} from the checkpoint's on average, {found.worst:.2g} at worst")
        )
        rows.append(("speed", f"{found.ms:.1f} processor ms a crop with ONNX Runtime, {found.torch_ms:.1f} with PyTorch"))
    if exported.dtype == "int8" and found is not None:
        proved = "beside its checkpoint it is taken unasked" if found.proved else "not faster enough to be taken unasked"
        rows.append(("use", f"screener scan --engine {exported.path} ...; {proved}"))
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {visible(value)}\n" for name, value in rows)
