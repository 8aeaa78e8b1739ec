"""A safetensors file in, weights and the contract for using them out, and back.

`contract` says what is promised, `structure` reads it strictly, `tensors` and `quantisation` know how weights are stored, `reading` opens
files with distrust, `store` loads, verifies and saves, `localisation` says what the locator is worth, `description` puts it in words.
"""

from screener.checkpoint.contract import FORMAT_VERSION, SPLIT_POINT, Calibration, Contract, DataSet, OperatingPoint
from screener.checkpoint.description import describe
from screener.checkpoint.localisation import Localisation, Measured, localisation_of
from screener.checkpoint.store import (
    Checkpoint,
    attach_head,
    default_checkpoint_path,
    load_checkpoint,
    require_checkpoint_name,
    save_checkpoint,
    save_contract,
    scored_alike,
    verify_checkpoint,
)
from screener.checkpoint.tensors import backbone_fingerprint

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
    "attach_head",
    "backbone_fingerprint",
    "default_checkpoint_path",
    "describe",
    "load_checkpoint",
    "localisation_of",
    "require_checkpoint_name",
    "save_checkpoint",
    "save_contract",
    "scored_alike",
    "verify_checkpoint",
]
