"""Face crops -> fake logits, and where asked the locator's maps, in batches, with the engine and on the device there is.

Knows tensors and devices. Does not know calibration, people, time or checkpoints: `engines` chooses by the settings and holds an engine's
file against the checkpoint. A further engine is one class with the members of `Engine`, or of `BeginningEngine` where its device computes
while the processor goes on.
"""

from screener.runtime.in_flight import in_flight
from screener.scoring.devices import choose_device, choose_dtype, keep_float32_whole
from screener.scoring.engine import BeginningEngine, Engine, LogitsAndMaps, Pictures
from screener.scoring.onnxruntime_engine import OnnxRuntimeEngine
from screener.scoring.scorer import TOLERANCE_P_FAKE, Begun, Scorer
from screener.scoring.torch_engine import Normalisation, TorchEngine, fold_batch_norm

__all__ = [
    "TOLERANCE_P_FAKE",
    "BeginningEngine",
    "Begun",
    "Engine",
    "LogitsAndMaps",
    "Normalisation",
    "OnnxRuntimeEngine",
    "Pictures",
    "Scorer",
    "TorchEngine",
    "choose_device",
    "choose_dtype",
    "fold_batch_norm",
    "in_flight",
    "keep_float32_whole",
]
