"""What training starts from: a checkpoint, published weights, or random weights, and the network to be trained from there.

Knows where weights come from, and that channels which occur several times need to be trained only once. Does not know how they are trained.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from screener.checkpoint import FORMAT_VERSION, SPLIT_POINT, Calibration, Checkpoint, Contract, load_checkpoint
from screener.checkpoint.tensors import weights_of
from screener.faces import MtcnnDetector
from screener.model.architecture import CLASS_NAMES, WIDE_RESNET50_2, Architecture
from screener.model.copies import NO_COPIES, Widening
from screener.model.network import Network
from screener.model.preprocessing import Preprocessing
from screener.model.widening import widen
from screener.runtime.versions import versions
from screener.settings import ScanSettings
from screener.training.backbones import IMAGENET, POOLING, published_backbone

NOISE = 0.05
"""Of the weights of repeated channels, as a share of each tensor's standard deviation."""

UNKNOWN_LICENCE = "not stated with the data; that of the pictures applies"

ATTRIBUTION = "attribution"
"""Key in a contract's figures for the notice that weights of others come with; it stays with whatever is trained from them."""

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


def network_to_train(start: Checkpoint, inner_times: int, seed: int) -> tuple[Network, Architecture]:
    """The network of the distinct channels of `start`, each inner channel repeated `inner_times` times with noise, and the architecture
    that its weights are widened into when they are saved.

    Exact copies would learn the same, at many times the cost. inner_times: a power of two.
    """
    whole, copies = start.contract.architecture, start.contract.copies
    # A head of its own reads each copy with other weights, so they will not stay copies. No head has a stem to be copied.
    is_alike = replace(copies.backbone, stem=1) == copies.head
    by, state = (copies.backbone, start.distinct) if is_alike else (NO_COPIES.backbone, start.state)
    shape = by.narrowed(whole)
    network = Network(replace(shape, inner_width=shape.inner_width * inner_times), dropout=0.0)
    network.load_state_dict(widen(state, Widening(inner=inner_times), NOISE, torch.Generator().manual_seed(seed)))
    if inner_times > by.inner:
        whole = replace(whole, name=f"{whole.name}, wider", inner_width=network.architecture.inner_width)
    return network, whole


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
