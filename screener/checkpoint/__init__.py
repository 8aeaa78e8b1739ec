"""A safetensors file in, weights and the contract for using them out, and back.

`contract` says what is promised, `json_fields` reads it strictly, `upgrading` brings older formats up to date, `tensors` knows which
weights are right and `storage` how they lie in a file, `reading` opens files with distrust, `store` loads and verifies, `saving` writes,
`localisation` says what the locator is worth, `rates` what a verdict is, `description` puts it in words.
"""

from screener.checkpoint.contract import SPLIT_POINT, Calibration, Contract, DataSet, OperatingPoint
from screener.checkpoint.description import describe
from screener.checkpoint.localisation import Localisation, Measured, localisation_of
from screener.checkpoint.rates import Rates, rates_of
from screener.checkpoint.saving import attach_head, require_checkpoint_name, save_checkpoint, save_contract, scored_alike
from screener.checkpoint.store import Checkpoint, default_checkpoint_path, load_checkpoint, require_fingerprint, verify_checkpoint
from screener.checkpoint.tensors import backbone_fingerprint
from screener.checkpoint.upgrading import FORMAT_VERSION

__all__ = [
    "FORMAT_VERSION",
    "SPLIT_POINT",
    "Calibration",
    "Checkpoint",
    "Contract",
    "DataSet",
    "Localisation",
    "Measured",
    "OperatingPoint",
    "Rates",
    "attach_head",
    "backbone_fingerprint",
    "default_checkpoint_path",
    "describe",
    "load_checkpoint",
    "localisation_of",
    "rates_of",
    "require_checkpoint_name",
    "require_fingerprint",
    "save_checkpoint",
    "save_contract",
    "scored_alike",
    "verify_checkpoint",
]
