"""Writes one model file: made, tested, and only then moved to its destination."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint
from screener.errors import OutputError, ScreenerError, SettingsError
from screener.export.agreement import Agreement, measure_agreement, specimen_crops
from screener.export.graph import describe_file, description, write_graph
from screener.export.quantisation import CROPS_AT_ONCE, quantise_file
from screener.model.reference import NO_REFERENCE, recompressed
from screener.runtime.files import put_in_place, require_place, unwritable

CALIBRATION_CROPS = 64
"""Enough: with twice as many the scores hardly change."""

TRIAL_CROPS = 32
"""Number of crops for the test, separate from those for calibration."""

LEAST_CROPS = 4 * CROPS_AT_ONCE

LARGEST_BATCH = 1024
"""Of crops at once: the network's activations of so many take several gigabytes."""


@dataclass(frozen=True)
class Exported:
    """path, bytes: the file. dtype: float32 or int8. calibrated_on: number of crops. agreement: None if ONNX Runtime is missing."""

    path: Path
    bytes: int
    dtype: str
    calibrated_on: int
    agreement: Agreement | None


def export_model(path: Path, checkpoint: Checkpoint, batch: int | None = None, int8_crops: NDArray[np.uint8] | None = None) -> Exported:
    """Write the model of a checkpoint; `path` holds either its old content, or the whole new file after it passed its test.

    batch: crops at once, up to LARGEST_BATCH, None for any number. int8_crops: (N, S, S, 3) crops of real faces; if given, the model is
    quantised to 8 bits, calibrated on the first of them and tested on the rest. Raises DeviceError without ONNX's tools, SettingsError for
    too few crops or an impossible batch, CheckpointError if the model does not agree with the checkpoint, OutputError if it cannot be
    written.
    """
    require_possible(path, batch)
    if int8_crops is not None and len(int8_crops) < LEAST_CROPS:
        raise SettingsError(
            f"int8: expected at least {LEAST_CROPS} faces to calibrate on, the clips gave {len(int8_crops)}; name more clips"
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".screener-", dir=path.absolute().parent) as folder:
            made = Path(folder) / "model.onnx"
            if int8_crops is None:
                write_graph(checkpoint, made, batch)
                exported = _tried(made, checkpoint)
            else:
                exported = _quantised(made, checkpoint, batch, int8_crops)
            size = made.stat().st_size
            put_in_place(made, path)
    except ScreenerError:
        raise
    except OSError as error:
        raise unwritable(path, error) from error
    return Exported(path, size, *exported)


def require_possible(path: Path, batch: int | None) -> None:
    """Raise SettingsError for an impossible batch size, OutputError for a place that cannot be written; before minutes of work."""
    if batch is not None and not 1 <= batch <= LARGEST_BATCH:
        raise SettingsError(f"batch: expected a whole number from 1 to {LARGEST_BATCH}, or dynamic, got {batch}")
    if path.is_dir():
        raise OutputError(f"{path}: cannot be written: it is a folder; name the file to write")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {path.parent}; make it first")
    require_place(path)


def _tried(made: Path, checkpoint: Checkpoint) -> tuple[str, int, Agreement | None]:
    there = find_spec("onnxruntime") is not None
    return "float32", 0, measure_agreement(made, checkpoint, specimen_crops(checkpoint)) if there else None


def _quantised(made: Path, checkpoint: Checkpoint, batch: int | None, crops_rgb: NDArray[np.uint8]) -> tuple[str, int, Agreement | None]:
    """Calibrate with a variable batch size; a fixed one is set afterwards."""
    plain = made.with_name("float32.onnx")
    write_graph(checkpoint, plain, None)
    trial = min(TRIAL_CROPS, len(crops_rgb) // 4)
    calibration = crops_rgb[trial:][:CALIBRATION_CROPS]
    calibration = calibration[: len(calibration) // CROPS_AT_ONCE * CROPS_AT_ONCE]
    reference = checkpoint.contract.reference
    seen = [calibration, *([] if reference == NO_REFERENCE else [recompressed(calibration, reference)])]
    quantise_file(plain, made, seen)
    values = description(checkpoint, "int8", None)
    describe_file(made, values)
    agreement = measure_agreement(made, checkpoint, crops_rgb[:trial])
    values |= {"calibration_crops": sum(map(len, seen)), "p_fake_apart": [agreement.mean, agreement.worst], "proved": agreement.proved}
    if batch is not None:
        fix_batch(made, batch)
        values["batch"] = batch
    describe_file(made, values)
    return "int8", sum(map(len, seen)), agreement


def fix_batch(path: Path, batch: int) -> None:
    """Set a fixed batch size in the shapes of the model's input and outputs."""
    import onnx

    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    onnx.save(model, str(path))
