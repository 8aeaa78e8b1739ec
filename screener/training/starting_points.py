"""What training starts from: a checkpoint, published weights, or random weights.

Knows where weights come from. Does not know how they are trained.
"""

from __future__ import annotations

from pathlib import Path

import torch

from screener.checkpoint import FORMAT_VERSION, SPLIT_POINT, Calibration, Checkpoint, Contract, load_checkpoint
from screener.checkpoint.tensors import weights_of
from screener.faces import MtcnnDetector
from screener.model.architecture import CLASS_NAMES, WIDE_RESNET50_2
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.runtime.versions import versions
from screener.settings import ScanSettings
from screener.training.backbones import IMAGENET, POOLING, published_backbone

UNKNOWN_LICENCE = "not stated with the data; that of the pictures applies"

PUBLISHED_SUFFIXES = (".pth", ".pt")


def backbone_named(name: str | Path | None) -> Checkpoint:
    """None is the default checkpoint, `imagenet` or a `.pth` file are published weights, anything else is the path of a checkpoint.

    Raises CheckpointError if it cannot be loaded.
    """
    if name is not None and (str(name) == IMAGENET or Path(name).suffix in PUBLISHED_SUFFIXES):
        return published_backbone(str(name))
    return load_checkpoint(name)


def starting_point(init: str, seed: int) -> Checkpoint:
    """`default`, `random`, or a name as in `backbone_named`. Raises CheckpointError if it cannot be loaded."""
    if init == "random":
        return _random_start(seed)
    return backbone_named(None if init == "default" else init)


def _random_start(seed: int) -> Checkpoint:
    state = weights_of(Network(WIDE_RESNET50_2).initialise(torch.Generator().manual_seed(seed)).state_dict())
    contract = Contract(
        name="random",
        format_version=FORMAT_VERSION,
        architecture=WIDE_RESNET50_2,
        class_names=CLASS_NAMES,
        split_point=SPLIT_POINT,
        preprocessing=Preprocessing(),
        detector=MtcnnDetector().contract(),
        sampling={"frames": ScanSettings().frames},
        pooling=POOLING,
        calibration=Calibration(),
        operating_points=(),
        valid_range={},
        backbone_fingerprint="",
        training_data=(),
        licence=UNKNOWN_LICENCE,
        limits="Random weights.",
        figures={},
        code_version=versions()["screener"],
    )
    return Checkpoint(contract, state, None, f"random, seed {seed}")
