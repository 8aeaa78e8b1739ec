"""The bench command."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from screener.cli.app import CheckpointOption, DecoderOption, DeviceOption, app
from screener.cli.configuration import scan_settings
from screener.cli.exits import exits


@app.command()
def bench(
    clip: Annotated[Path | None, typer.Argument(help="A clip with faces; by default a 720p clip of one face is generated.")] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Runs of each stage; medians are shown.")] = 5,
    frames: Annotated[int | None, typer.Option("--frames", help="Number of evenly spaced frames to judge (32).")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Faces per batch (16).")] = None,
    checkpoint: CheckpointOption = None,
    device: DeviceOption = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="auto, float32 or bfloat16.")] = None,
    decoder: DecoderOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure where the time goes on this machine: decoding, face detection, scoring, total, and the unavoidable part of it."""
    given = {"frames": frames, "batch_size": batch_size, "device": device, "dtype": dtype, "decoder": decoder}
    with exits():
        settings = scan_settings(None, {name: value for name, value in given.items() if value is not None})
        from screener.bench import SIZES_WH, make_clip, render
        from screener.bench import bench as measure

        with tempfile.TemporaryDirectory() as folder:
            if clip is None:
                clip = Path(folder) / "one-person-720p.mp4"
                make_clip(clip, SIZES_WH["720p"], 1, 10.0)
                measured = replace(measure(clip, settings, checkpoint, repeats), clip=clip.name)  # the folder is irrelevant
            else:
                measured = measure(clip, settings, checkpoint, repeats)
        sys.stdout.write(json.dumps(asdict(measured)) + "\n" if json_ else render(measured))
