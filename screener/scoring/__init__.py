"""Face crops in, fake logits out, and the locator's maps if asked for; in batches, on the available device and engine.

Knows pictures and devices. Does not know calibration, people, time or checkpoints: `scanning.engines` chooses an engine by the settings and
checks its file against the checkpoint. To add an engine, write a class with the members of `Engine`, or of `BeginningEngine` if its device
computes asynchronously. `RemoteEngine` leaves computing to other processes, where `Merging` computes what several of them send, and
`relative` puts the comparison with a recompressed copy around any engine.

What needs PyTorch loads when it is first named, so that scoring without it starts in a moment.
"""

import importlib
from typing import TYPE_CHECKING, Any

from screener.runtime.in_flight import in_flight
from screener.scoring.engine import PROCESSOR, BeginningEngine, Device, Engine, LogitsAndMaps, NamedDevice, Pictures
from screener.scoring.merging import Merging
from screener.scoring.onnxruntime_engine import OnnxRuntimeEngine
from screener.scoring.opencv_engine import OpenCvEngine
from screener.scoring.relative_engine import RelativeEngine, relative
from screener.scoring.remote_engine import RemoteEngine
from screener.scoring.scorer import TOLERANCE_P_FAKE, Begun, Scorer

if TYPE_CHECKING:
    from screener.scoring.devices import choose_device, choose_dtype, keep_float32_whole
    from screener.scoring.torch_engine import Normalisation, TorchEngine, fold_batch_norm

_WITH_PYTORCH = {
    **dict.fromkeys(["choose_device", "choose_dtype", "keep_float32_whole"], "devices"),
    **dict.fromkeys(["Normalisation", "TorchEngine", "fold_batch_norm"], "torch_engine"),
}

__all__ = [
    "PROCESSOR",
    "TOLERANCE_P_FAKE",
    "BeginningEngine",
    "Begun",
    "Device",
    "Engine",
    "LogitsAndMaps",
    "Merging",
    "NamedDevice",
    "Normalisation",
    "OnnxRuntimeEngine",
    "OpenCvEngine",
    "Pictures",
    "RelativeEngine",
    "RemoteEngine",
    "Scorer",
    "TorchEngine",
    "choose_device",
    "choose_dtype",
    "fold_batch_norm",
    "in_flight",
    "keep_float32_whole",
    "relative",
]


def __getattr__(name: str) -> Any:
    if name not in _WITH_PYTORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WITH_PYTORCH[name]}"), name)
