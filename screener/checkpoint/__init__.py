"""A safetensors file in, weights and the contract for their use out, and back.

`contract` defines the contract, `json_fields` parses it strictly, `upgrading` converts older formats, `tensors` defines which weights are
valid and `storage` how they are stored, `reading` opens untrusted files, `store` loads and verifies, `saving` writes, `localisation` holds
the figures of the locator, `rates` those of verdicts, `description` describes it all in words.
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
