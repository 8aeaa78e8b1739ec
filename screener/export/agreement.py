"""Does a written model answer as the checkpoint does, and how fast? Knows engines and probabilities."""

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
from screener.scoring import Engine, OnnxRuntimeEngine, TorchEngine

MOST_APART: dict[str, tuple[float, float]] = {"float32": (1e-4, 1e-3), "int8": (0.02, 0.1)}
"""dtype -> how far p_fake may lie from that of the float32 network: on average, and at worst. See `scripts/measure_engines.py`."""

WORTH = 1.2
"""An 8-bit model is taken unasked where it needs at most 1 / WORTH of the processor's time that PyTorch needs."""

TIMED_CROPS, TIMES = 16, 3


@dataclass(frozen=True)
class Agreement:
    """crops: how many were compared. mean, worst: differences of p_fake. ms, torch_ms: processor milliseconds a crop, of the model and of
    PyTorch in the dtype that it would choose."""

    crops: int
    mean: float
    worst: float
    ms: float
    torch_ms: float

    @property
    def proved(self) -> bool:
        """Whether it is worth taking unasked."""
        return self.torch_ms >= WORTH * self.ms


def measure_agreement(path: Path, checkpoint: Checkpoint, crops_rgb: NDArray[np.uint8]) -> Agreement:
    """Run the model and the checkpoint's network on the same crops; raises CheckpointError when their answers lie too far apart."""
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
    timed = np.resize(crops_rgb, (TIMED_CROPS, *crops_rgb.shape[1:]))
    return Agreement(len(crops_rgb), float(apart.mean()), float(apart.max()), _cpu_ms(model, timed), _cpu_ms(usual, timed))


def specimen_crops(checkpoint: Checkpoint, noise: int = 4) -> NDArray[np.uint8]:
    """Crops to compare on where nobody gave any: generated faces, and noise."""
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
    logits = np.concatenate([engine.logits(crops_rgb[i : i + TIMED_CROPS]) for i in range(0, len(crops_rgb), TIMED_CROPS)])
    return np.asarray(expit(logits / calibration.temperature + calibration.bias))


def _cpu_ms(engine: Engine, crops_rgb: NDArray[np.uint8]) -> float:
    engine.logits(crops_rgb)
    taken = []
    for _ in range(TIMES):
        started = time.process_time()
        engine.logits(crops_rgb)
        taken.append(time.process_time() - started)
    return 1000 * min(taken) / len(crops_rgb)
