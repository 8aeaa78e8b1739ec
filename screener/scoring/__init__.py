"""Face crops in, fake logits out, and the locator's maps if asked for; in batches, on the available device and engine.

Knows tensors and devices. Does not know calibration, people, time or checkpoints: `scanning.engines` chooses an engine by the settings and
checks its file against the checkpoint. To add an engine, write a class with the members of `Engine`, or of `BeginningEngine` if its device
computes asynchronously. `RemoteEngine` leaves computing to other processes, where `Merging` computes what several of them send.
"""

from screener.runtime.in_flight import in_flight
from screener.scoring.devices import choose_device, choose_dtype, keep_float32_whole
from screener.scoring.engine import BeginningEngine, Engine, LogitsAndMaps, Pictures
from screener.scoring.merging import Merging
from screener.scoring.onnxruntime_engine import OnnxRuntimeEngine
from screener.scoring.remote_engine import RemoteEngine
from screener.scoring.scorer import TOLERANCE_P_FAKE, Begun, Scorer
from screener.scoring.torch_engine import Normalisation, TorchEngine, fold_batch_norm

__all__ = [
    "TOLERANCE_P_FAKE",
    "BeginningEngine",
    "Begun",
    "Engine",
    "LogitsAndMaps",
    "Merging",
    "Normalisation",
    "OnnxRuntimeEngine",
    "Pictures",
    "RemoteEngine",
    "Scorer",
    "TorchEngine",
    "choose_device",
    "choose_dtype",
    "fold_batch_norm",
    "in_flight",
    "keep_float32_whole",
]
