"""Face crops -> fake logits, and where asked the locator's maps, in batches, with the engine and on the device there is.

Knows tensors and devices. Does not know calibration, people, time or checkpoints: `engines` chooses by the settings and holds an engine's
file against the checkpoint. A further engine is one class with the members of `Engine`.
"""

from screener.scoring.devices import choose_device, choose_dtype
from screener.scoring.engine import Engine
from screener.scoring.folding import fold_batch_norm
from screener.scoring.normalisation import Normalisation
from screener.scoring.onnxruntime_engine import OnnxRuntimeEngine
from screener.scoring.scorer import TOLERANCE_P_FAKE, Scorer
from screener.scoring.torch_engine import TorchEngine

__all__ = [
    "TOLERANCE_P_FAKE",
    "Engine",
    "Normalisation",
    "OnnxRuntimeEngine",
    "Scorer",
    "TorchEngine",
    "choose_device",
    "choose_dtype",
    "fold_batch_norm",
]
