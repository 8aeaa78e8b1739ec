"""Chooses the scoring engine by the settings, opens it, and checks it against the checkpoint.

Connects checkpoint and scoring. To add an engine, write a function and add one line to `ENGINES`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from screener.checkpoint import Checkpoint, scored_alike
from screener.checkpoint.tensors import require_shapes, shapes_of
from screener.errors import CheckpointError, SettingsError
from screener.runtime.accelerators import has_accelerator
from screener.scoring import Engine, OnnxRuntimeEngine, OpenCvEngine, Scorer, relative
from screener.settings import ScanSettings

MODEL_SUFFIX = ".onnx"
"""A value of the setting `engine` with this suffix is the path of a file, not a name."""

BESIDE = ".int8.onnx"
"""Suffix, after a checkpoint's stem, of the 8-bit model that is looked for beside it."""


NARROW_WEIGHTS, FEW_FRAMES = 16_000_000, 64
"""OpenCV computes networks of up to so many weights, for one input of up to so many frames. It is ready a second sooner than PyTorch, which
then needs less time a face: half where the processor computes in bfloat16. The default weights have a third of that size, Wide ResNet50-2
four times as many. `scripts/measure_engines.py` measures both.
"""


def build_scorer(checkpoint: Checkpoint, settings: ScanSettings, once: bool = False) -> Scorer:
    """The scorer that the settings ask for. once: for a single input, where what starts quickly may be better than what computes quickly.

    Raises SettingsError for an engine that is unknown or incompatible with device or dtype, DeviceError if it is not installed, and
    CheckpointError if its model is missing or was made from other weights.
    """
    name = settings.engine
    if name.endswith(MODEL_SUFFIX):
        engine: Engine = _onnxruntime_from(Path(name), checkpoint, settings)
    elif name == "auto" and once and _starts_quickly(checkpoint, settings):
        engine = _opencv(checkpoint, settings)
    elif name in ENGINES:
        engine = ENGINES[name](checkpoint, settings)
    else:
        raise SettingsError(f"engine: expected one of {', '.join(ENGINES)} or the path of a {MODEL_SUFFIX} file, got {name!r}")
    contract = checkpoint.contract
    model = engine.sha256 if isinstance(engine, OnnxRuntimeEngine) else None
    return Scorer(relative(engine, contract.reference), contract.preprocessing, batch_size=settings.batch_size, model_sha256=model)


def model_beside(checkpoint: Checkpoint) -> Path | None:
    """Where the 8-bit model of a checkpoint is looked for; None if the checkpoint has no file."""
    return checkpoint.path.with_name(checkpoint.path.stem + BESIDE) if checkpoint.path else None


def _starts_quickly(checkpoint: Checkpoint, settings: ScanSettings) -> bool:
    """Whether OpenCV has judged one input before PyTorch is ready."""
    asks_much = settings.all_frames or settings.fps is not None or settings.frames > FEW_FRAMES or settings.stress
    asks_more = settings.dtype == "bfloat16" or not _on_processor(settings) or _model_beside(checkpoint, settings) is not None
    return not asks_much and not asks_more and sum(values.size for values in checkpoint.weights.values()) <= NARROW_WEIGHTS


def _auto(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
    """The 8-bit model, if there is one beside the checkpoint that was faster when it was made; else PyTorch."""
    beside = _model_beside(checkpoint, settings)
    if beside is not None and _on_processor(settings):
        engine = _onnxruntime_from(beside, checkpoint, settings)
        if engine.description.get("proved"):
            return engine
    return _torch(checkpoint, settings)


def _model_beside(checkpoint: Checkpoint, settings: ScanSettings) -> Path | None:
    """The 8-bit model beside the checkpoint, if there is one that these settings may use here."""
    beside = model_beside(checkpoint)
    usable = settings.dtype == "auto" and beside and beside.is_file() and importlib.util.find_spec("onnxruntime")
    return beside if usable else None


def _on_processor(settings: ScanSettings) -> bool:
    if settings.device == "auto" and has_accelerator():
        from screener.scoring import choose_device  # which loads PyTorch, to see what it can use

        return choose_device("auto").type == "cpu"
    return settings.device in ("auto", "cpu")


def _torch(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
    from screener.scoring import TorchEngine

    return TorchEngine(checkpoint.build_network(), checkpoint.contract.preprocessing, settings.device, settings.dtype)


def _opencv(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
    if settings.device not in ("auto", "cpu") or settings.dtype not in ("auto", "float32"):
        raise SettingsError("engine opencv: it computes in float32 on the CPU; leave --device and --dtype out or take --engine torch")
    contract = checkpoint.contract
    require_shapes(shapes_of(checkpoint.weights), contract.architecture, contract.copies)
    return OpenCvEngine(checkpoint.weights, *contract.copies.narrowed(contract.architecture), contract.preprocessing)


def _onnxruntime(checkpoint: Checkpoint, settings: ScanSettings) -> Engine:
    beside = model_beside(checkpoint)
    if beside is None:
        raise SettingsError("engine onnxruntime: this checkpoint has no file to look beside; give the path of the model as the engine")
    return _onnxruntime_from(beside, checkpoint, settings)


def _onnxruntime_from(path: Path, checkpoint: Checkpoint, settings: ScanSettings) -> OnnxRuntimeEngine:
    if settings.device not in ("auto", "cpu"):
        raise SettingsError(f"engine onnxruntime: it runs on the CPU, not on {settings.device}; leave --device out or take --engine torch")
    if settings.dtype != "auto":
        raise SettingsError(f"engine onnxruntime: its dtype is that of its file, not {settings.dtype}; leave --dtype out")
    engine = OnnxRuntimeEngine(path, checkpoint.contract.preprocessing)
    made_from = set(map(str, engine.description["weights_sha256"]))
    if not made_from & scored_alike(checkpoint):
        raise CheckpointError(
            f"{path}: made from the weights {', '.join(sorted(name[:12] for name in made_from))}..., the checkpoint is "
            f"{checkpoint.sha256[:12]}...; delete it, or export it again from this checkpoint"
        )
    return engine


ENGINES: dict[str, Callable[[Checkpoint, ScanSettings], Engine]] = {
    "auto": _auto, "torch": _torch, "opencv": _opencv, "onnxruntime": _onnxruntime,
}  # fmt: skip
"""Engines by name; each takes the checkpoint and the settings."""
