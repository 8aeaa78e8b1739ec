"""Commands that inspect the installation and checkpoints: doctor, weights, version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from screener.cli.app import CheckpointOption, DeviceOption, InOrder, app, checkpoint_typed, named_checkpoint
from screener.cli.exits import exits
from screener.errors import ExitStatus, SettingsError

weights_app = typer.Typer(cls=InOrder, help="Show or verify a checkpoint's contract.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(weights_app, name="weights")


@app.command()
def doctor(checkpoint: CheckpointOption = None, device: DeviceOption = None) -> None:
    """Check that decoding, face detection, weights, polarity and device work on this machine, and say how to fix what does not."""
    with exits():
        from screener.doctor import diagnose, render

        findings = diagnose(checkpoint, device or "auto")
        sys.stdout.write(render(findings))
        sys.exit(ExitStatus.GENUINE if all(finding.ok for finding in findings) else ExitStatus.COULD_NOT_RUN)


CheckpointArgument = Annotated[
    Path | None, typer.Argument(metavar="CHECKPOINT", help="The same as --checkpoint; the default weights if neither is given.")
]


@weights_app.command("show")
def weights_show(context: typer.Context, named: CheckpointArgument = None, checkpoint: CheckpointOption = None) -> None:
    """Show a checkpoint's contract: shape, preprocessing, calibration, thresholds, training data, figures, licence."""
    with exits():
        from screener.checkpoint import describe, load_checkpoint

        _print_rows(describe(load_checkpoint(_chosen(context, named, checkpoint))))


@weights_app.command("verify")
def weights_verify(context: typer.Context, named: CheckpointArgument = None, checkpoint: CheckpointOption = None) -> None:
    """Check a checkpoint's file, contract, shapes, hash, values and fingerprint, and run it once; exit 2 at the first fault."""
    with exits():
        from screener.checkpoint import verify_checkpoint

        _print_rows(verify_checkpoint(_chosen(context, named, checkpoint)))


def _chosen(context: typer.Context, named: Path | None, checkpoint: Path | None) -> Path | None:
    """The argument or the option. Raises SettingsError for both, of which one would go unread."""
    if named is not None and checkpoint_typed(context):
        raise SettingsError("choose one of CHECKPOINT and --checkpoint, not both; one checkpoint is read at a time")
    return named_checkpoint(named or checkpoint)


@app.command()
def version() -> None:
    """Show the versions of screener and of the libraries that its results depend on."""
    from screener.runtime.versions import versions

    _print_rows(list(versions().items()))


def _print_rows(rows: list[tuple[str, str]]) -> None:
    """A line a row; what a file says of itself must neither look like another row nor steer the terminal."""
    from screener.report.wording import visible

    rows = [(visible(name), visible(value)) for name, value in rows]
    width = max(len(name) for name, _ in rows)
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows))
