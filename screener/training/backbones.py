"""Published backbones for making features: torchvision's ImageNet weights, or a file of the same format.

Each becomes a checkpoint with an untrained linear layer, so that it is handled like any other. Knows torchvision's names. The files are
pickles, so they are read with `weights_only=True`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from torch import Tensor

from screener.checkpoint import FORMAT_VERSION, SPLIT_POINT, Calibration, Checkpoint, Contract, backbone_fingerprint
from screener.checkpoint.tensors import expected_shapes, require_shapes, require_values, shapes_of, weights_of
from screener.errors import CheckpointError
from screener.faces import MtcnnDetector
from screener.model.architecture import CLASS_NAMES, WIDE_RESNET50_2, Architecture
from screener.model.preprocessing import Preprocessing
from screener.runtime.versions import versions

IMAGENET = "imagenet"
"""Name of torchvision's published weights, IMAGENET1K_V1."""

UNTRAINED = ("head.fc.", "locator.")
"""Prefixes of tensors that published weights do not have, and that start at random."""

SAMPLING, POOLING = {"frames": 32}, "trimmed_mean"


def published_backbone(name: str) -> Checkpoint:
    """`imagenet`, or the path of a state dict (`.pth`) with torchvision's names -> a checkpoint whose linear layer is not trained yet.

    Its `layer4` is the starting point of a head. Raises CheckpointError if the weights cannot be downloaded, read or used.
    """
    return backbone_from_state(_imagenet_state(), "wide_resnet50_2-imagenet1k_v1") if name == IMAGENET else _from_file(Path(name))


def backbone_from_state(published: Mapping[str, Tensor], name: str) -> Checkpoint:
    """A state dict of a ResNet with bottlenecks, with torchvision's names -> a checkpoint. Raises CheckpointError if it is
    something else.
    """
    weights = weights_of(published)
    architecture = architecture_of(published)
    shapes = expected_shapes(architecture)
    known = {key: key.removeprefix("backbone.").removeprefix("head.") for key in shapes if not key.startswith(UNTRAINED)}
    if missing := [name for name in known.values() if name not in weights]:
        raise CheckpointError(f"tensor {missing[0]}: missing ({len(missing)} missing in all); give a whole state dict")
    generator = torch.Generator().manual_seed(0)
    state = {key: weights[known[key]] if key in known else _untrained(key, shape, generator).numpy() for key, shape in shapes.items()}
    for key, values in state.items():
        require_values(key, values)
    require_shapes(shapes_of(state), architecture)
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(state[key].data)
    return Checkpoint(_contract(name, architecture, backbone_fingerprint(state)), state, None, digest.hexdigest())


def _contract(name: str, architecture: Architecture, fingerprint: str) -> Contract:
    return Contract(
        name=name,
        format_version=FORMAT_VERSION,
        architecture=architecture,
        class_names=CLASS_NAMES,
        split_point=SPLIT_POINT,
        preprocessing=Preprocessing(),
        detector=MtcnnDetector().contract(),
        sampling=dict(SAMPLING),
        pooling=POOLING,
        calibration=Calibration(),
        operating_points=(),
        valid_range={},
        backbone_fingerprint=fingerprint,
        training_data=(),
        licence="that of the published weights",
        limits="A backbone to extract features with and to train a head on; its own answer is random.",
        figures={},
        code_version=versions()["screener"],
    )


def _untrained(key: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Like `Network.initialise`, without the seconds that initialising a whole network takes."""
    return torch.zeros(shape) if key.endswith("bias") else 0.01 * torch.randn(shape, generator=generator)


def architecture_of(weights: Mapping[str, Tensor]) -> Architecture:
    """The architecture of weights with torchvision's names. Raises CheckpointError if they are not of a ResNet with bottlenecks."""
    stem, first, last = (weights.get(f"{name}.weight") for name in ("conv1", "layer1.0.conv1", "layer1.0.conv3"))
    names = [re.match(r"layer([1-4])\.(\d+)\.conv3\.weight", key) for key in weights]
    found = [(int(match[1]), int(match[2])) for match in names if match]
    blocks = [sum(layer == number for layer, _ in found) for number in (1, 2, 3, 4)]
    if stem is None or first is None or last is None or not all(blocks):
        raise CheckpointError("not the state dict of a ResNet with bottlenecks, such as torchvision's wide_resnet50_2; give one of these")
    try:
        name, shape = f"resnet{'_'.join(map(str, blocks))}", (blocks[0], blocks[1], blocks[2], blocks[3])
        architecture = Architecture(name, shape, first.shape[0], last.shape[0] // 4, stem.shape[0])
    except ValueError as error:
        raise CheckpointError(f"not a network of a shape that screener knows: {error}") from error
    return WIDE_RESNET50_2 if replace(architecture, name=WIDE_RESNET50_2.name) == WIDE_RESNET50_2 else architecture


def _imagenet_state() -> Mapping[str, Tensor]:
    from torchvision.models import Wide_ResNet50_2_Weights

    try:
        state: Mapping[str, Tensor] = Wide_ResNet50_2_Weights.IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True, weights_only=True, map_location="cpu"
        )
    except (URLError, OSError, RuntimeError, UnpicklingError) as error:
        url = Wide_ResNet50_2_Weights.IMAGENET1K_V1.url
        raise CheckpointError(
            f"the ImageNet weights cannot be had from {url} ({error}); try again with a network, or fetch that file elsewhere and "
            "give its path as the backbone"
        ) from error
    return state


def _from_file(path: Path) -> Checkpoint:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path}: there is no such file; give {IMAGENET}, or the path of a state dict such as torchvision's"
        ) from error
    except Exception as error:  # whatever a crafted pickle makes the reader raise
        raise CheckpointError(f"{path}: cannot be read as a state dict ({type(error).__name__}); save it with torch.save") from error
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise CheckpointError(f"{path}: expected a state dict, tensors by name, got {type(state).__name__}; save model.state_dict()")
    try:
        return backbone_from_state(state, path.stem)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
