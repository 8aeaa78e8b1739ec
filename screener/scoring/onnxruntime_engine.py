"""The network as written by `screener export`, run by ONNX Runtime on the CPU; in 8-bit integers if the file is quantised.

Knows the file's inputs, outputs and metadata. Does not know checkpoints: `scanning.engines` compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import CheckpointError, DeviceError
from screener.model.preprocessing import Preprocessing
from screener.runtime.cores import core_count
from screener.runtime.file_hash import sha256_of
from screener.scoring.engine import PROCESSOR, Device

METADATA_KEY = "screener"
"""The only key of the file's metadata; its value is JSON, see `export.description`."""

INPUT, LOGIT, P_FAKE, BLEND_MAP = "crops_rgb", "logit", "p_fake", "blend_map"
"""Names of the graph's input and outputs."""


class OnnxRuntimeEngine:
    """An open model file. description: its metadata. sha256: of the file."""

    name = "onnxruntime"

    def __init__(self, path: Path, contract: Preprocessing, threads: int | None = None) -> None:
        """threads: None for all cores.

        Raises DeviceError without ONNX Runtime, and CheckpointError for a file that `screener export` did not write or that takes other
        crops.
        """
        self._path = path
        self.sha256 = sha256_of(path)
        self._session = open_session(path, threads)
        self.description = described(path, self._session)
        self.device: Device = PROCESSOR
        self.dtype_name = str(self.description["dtype"])
        self._batch: int | None = self.description.get("batch")
        taken = self._session.get_inputs()[0].shape  # sizes that the file leaves open are names
        expected = [self._batch or taken[0], contract.input_size, contract.input_size, 3]
        if [size if isinstance(size, int) else wanted for size, wanted in zip(taken, expected, strict=False)] != expected:
            raise CheckpointError(f"{path}: takes crops of shape {taken}, the checkpoint's are {expected}; export it again")

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        """See `Engine.logits`."""
        (logits,) = self._run([LOGIT], crops_rgb)
        return np.asarray(logits, np.float64)

    def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See `Engine.logits_and_maps`."""
        logits, maps = self._run([LOGIT, BLEND_MAP], crops_rgb)
        return np.asarray(logits, np.float64), np.asarray(maps, np.float32)

    def bare_pass(self, crops_rgb: NDArray[np.uint8]) -> Callable[[], object]:
        """See `Engine.bare_pass`; includes normalisation, which is part of the file's graph."""
        return lambda: self._run([LOGIT], crops_rgb)

    def _run(self, names: list[str], crops_rgb: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """The named outputs. If the file has a fixed batch size, runs in parts of that size, the last one padded with black."""
        size = self._batch or len(crops_rgb)
        parts = []
        for start in range(0, len(crops_rgb), size):
            crops = np.ascontiguousarray(crops_rgb[start : start + size])
            count = len(crops)
            if count < size:
                crops = np.concatenate([crops, np.zeros((size - count, *crops.shape[1:]), np.uint8)])
            parts.append([output[:count] for output in self._session.run(names, {INPUT: crops})])
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def open_session(path: Path, threads: int | None = None) -> Any:
    """An ONNX Runtime session on the CPU. Raises DeviceError if ONNX Runtime is missing, CheckpointError if the file cannot be used."""
    try:
        import onnxruntime
    except ImportError as error:
        raise DeviceError(f'engine onnxruntime: it cannot be loaded ({error}); pip install "screener-video[onnxruntime]"') from error
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; make one with screener export")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or core_count()
    # Spinning threads would take CPU time that decoding and finding faces need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no other common base class
        raise CheckpointError(f"{path}: ONNX Runtime cannot load it ({str(error)[:200]}); make it again with screener export") from error


def described(path: Path, session: Any) -> dict[str, Any]:
    """The metadata of an open file. Raises CheckpointError if `screener export` did not write it."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("weights_sha256"), list) or values.get("dtype") not in ("float32", "int8"):
        raise CheckpointError(f"{path}: its metadata has no sound {METADATA_KEY!r} entry: give a file that screener export wrote")
    return values
