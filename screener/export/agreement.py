"""Measures whether a written model agrees with its checkpoint, and how fast it is. Knows engines and probabilities."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from screener.checkpoint import Checkpoint
from screener.doctor.specimen import make_specimen
from screener.errors import CheckpointError
from screener.model.preprocessing import crop_face
from screener.scoring import Engine, OnnxRuntimeEngine, TorchEngine, relative

MOST_APART: dict[str, tuple[float, float]] = {"float32": (1e-4, 1e-3), "int8": (0.02, 0.1)}
"""dtype -> largest mean and worst difference of p_fake from the float32 network. See `scripts/measure_engines.py`."""

WORTH = 1.2
"""An 8-bit model is used by default if it needs at most 1 / WORTH of PyTorch's CPU time."""

TIMED_CROPS, TIMES = 16, 3


@dataclass(frozen=True)
class Agreement:
    """crops: number of crops compared. mean, worst: differences of p_fake. ms, torch_ms: CPU milliseconds per crop, of the model and of
    PyTorch in its default dtype.
    """

    crops: int
    mean: float
    worst: float
    ms: float
    torch_ms: float

    @property
    def proved(self) -> bool:
        """Whether it is fast enough to be used by default."""
        return self.torch_ms >= WORTH * self.ms


def measure_agreement(path: Path, checkpoint: Checkpoint, crops_rgb: NDArray[np.uint8]) -> Agreement:
    """Run the model and the checkpoint's network on the same crops. Raises CheckpointError if their results differ too much."""
    contract = checkpoint.contract
    model = OnnxRuntimeEngine(path, contract.preprocessing)
    plain = TorchEngine(checkpoint.build_network(), contract.preprocessing, "cpu", "float32")
    usual = TorchEngine(checkpoint.build_network(), contract.preprocessing, "cpu", "auto")
    found, expected = (_p_fake(engine, crops_rgb, checkpoint) for engine in (model, plain))
    apart = np.abs(found - expected)
    dtype = str(model.description["dtype"])
    for name, value, most in zip(("on average", "at worst"), (apart.mean(), apart.max()), MOST_APART[dtype], strict=True):
        if not value <= most:
            advice = "calibrate it on more clips, like those it is to scan" if dtype == "int8" else "try other versions of torch and onnx"
            raise CheckpointError(f"the {dtype} model's p_fake lies {value:.4f} from the network's {name}, more than {most}; {advice}")
    # Whole batches: a model of a fixed batch size computes as many crops, however few it is given.
    batch = model.description.get("batch") or 1
    ms, torch_ms = (
        _cpu_ms(engine, np.resize(crops_rgb, (-(-TIMED_CROPS // size) * size, *crops_rgb.shape[1:])))
        for engine, size in ((model, batch), (usual, 1))
    )
    return Agreement(len(crops_rgb), float(apart.mean()), float(apart.max()), ms, torch_ms)


def specimen_crops(checkpoint: Checkpoint, noise: int = 4) -> NDArray[np.uint8]:
    """Crops for the comparison if none are given: generated faces, and noise."""
    rules = checkpoint.contract.preprocessing
    specimen = make_specimen()
    faces = [crop_face(picture, box, rules) for picture, box in zip(specimen.genuine, specimen.boxes_xyxy, strict=True)]
    return np.concatenate([np.stack(faces), noise_crops(checkpoint, noise)])


def noise_crops(checkpoint: Checkpoint, count: int) -> NDArray[np.uint8]:
    """(count, S, S, 3) uint8 crops of noise, the same in every run."""
    side = checkpoint.contract.preprocessing.input_size
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def _p_fake(engine: Engine, crops_rgb: NDArray[np.uint8], checkpoint: Checkpoint) -> NDArray[Any]:
    calibration = checkpoint.contract.calibration
    scored = relative(engine, checkpoint.contract.reference)
    logits = np.concatenate([scored.logits(crops_rgb[i : i + TIMED_CROPS]) for i in range(0, len(crops_rgb), TIMED_CROPS)])
    return np.asarray(expit(logits / calibration.temperature + calibration.bias))


def _cpu_ms(engine: Engine, crops_rgb: NDArray[np.uint8]) -> float:
    engine.logits(crops_rgb)
    taken = []
    for _ in range(TIMES):
        started = time.process_time()
        engine.logits(crops_rgb)
        taken.append(time.process_time() - started)
    return 1000 * min(taken) / len(crops_rgb)
