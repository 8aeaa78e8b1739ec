"""Writes checkpoints: newly trained weights, existing weights with another contract, or a backbone with another head.

A file holds each distinct channel once, whatever form the weights were given in. Knows files, contracts and weights together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.numpy import save as to_safetensors

from screener.checkpoint.contract import Contract
from screener.checkpoint.json_fields import refuse
from screener.checkpoint.reading import METADATA_KEY, SEAL, open_checkpoint, seal
from screener.checkpoint.storage import DEFAULT_STORAGE, Storage, exact_storage, from_stored, to_stored
from screener.checkpoint.store import Checkpoint, load_checkpoint
from screener.checkpoint.tensors import (
    HEAD,
    Array,
    backbone_fingerprint,
    expected_shapes,
    require_shapes,
    require_values,
    shapes_of,
    weights_of,
)  # fmt: skip
from screener.checkpoint.upgrading import SEALED_SINCE
from screener.errors import CheckpointError, OutputError
from screener.model.copies import BACKBONE, NO_COPIES
from screener.runtime.file_hash import sha256_of
from screener.runtime.files import write_whole

SUFFIX = ".safetensors"

SCORES_REST_ON = (
    "architecture",
    "copies",
    "class_names",
    "split_point",
    "preprocessing",
    "reference",
    "detector",
    "backbone_fingerprint",
)
"""Fields of a contract that, with the weights, determine the logit of a picture."""

REPLACED = "it was replaced since its weights were read, and the new contract is not of those that it holds now; start again"

SAME_WEIGHTS = "same_weights"
"""Key in a contract's figures that lists the SHA-256 of the files whose weights were taken over."""


def require_checkpoint_name(path: Path) -> None:
    """Raise OutputError unless `path` may become a checkpoint: not a folder, and not with a suffix of lists or features.

    To be called before hours of work whose result would replace that file.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name the checkpoint file to write, such as {path / f'own{SUFFIX}'}")
    if path.suffix != SUFFIX:
        raise OutputError(f"{path}: expected the name of a checkpoint, which ends in {SUFFIX}, such as {path.with_name(f'own{SUFFIX}')}")


def save_checkpoint(path: str | Path, contract: Contract, state: Mapping[str, Any], *, storage: Storage = DEFAULT_STORAGE) -> None:
    """Write a checkpoint atomically: `path` always holds either its old content or the whole new file.

    state: as from `Network.state_dict()`, with the distinct channels described by `contract.copies`, or of the whole architecture; then its
    copies are searched for and the contract is filled in accordingly. storage: how convolutions are stored, see `STORAGES`. The contract's
    backbone fingerprint is filled in, from the values as they will be read back. Raises CheckpointError if contract or state are invalid,
    OutputError if the file cannot be written.
    """
    contract, distinct = _each_once(contract, weights_of(state))
    stored = to_stored(distinct, storage)
    fingerprint = backbone_fingerprint(from_stored(stored, BACKBONE), contract.copies)
    _write(Path(path), replace(contract, backbone_fingerprint=fingerprint), stored)


def save_contract(path: str | Path, contract: Contract, weights: str | Path, sha256: str | None = None) -> None:
    """Write the weights of the checkpoint file `weights` with another contract to `path`, which may be the same file.

    Every tensor is kept as stored, bit for bit, and `scored_alike` links the new file to the old one; the copies in a file of version 1 are
    left out. sha256: of the file that the contract was measured with, where that is known. Raises CheckpointError if `weights` is not a
    valid checkpoint or no longer that file, or if the contract is invalid or describes another network or preprocessing, OutputError if the
    file cannot be written.
    """
    source = load_checkpoint(weights)
    if sha256 is not None and source.sha256 != sha256:
        raise CheckpointError(f"{weights}: {REPLACED}")
    for field in SCORES_REST_ON:
        present, wanted = getattr(source.contract, field), getattr(contract, field)
        if wanted != present:
            refuse(field, f"{present!r}, which the weights in {weights} were made with", wanted)
    with open_checkpoint(Path(weights)) as file:
        is_old = source.format_version < SEALED_SINCE
        stored = to_stored(source.weights, exact_storage(source.weights)) if is_old else file.tensors()
        if sha256_of(Path(weights)) != source.sha256:
            raise CheckpointError(REPLACED)
    figures = {**contract.figures, SAME_WEIGHTS: sorted(scored_alike(source))}
    _write(Path(path), replace(contract, figures=figures), stored)


def scored_alike(checkpoint: Checkpoint) -> set[str]:
    """SHA-256 of the files that give every picture the same logit as this one: its own, and those whose weights it took over."""
    earlier = checkpoint.contract.figures.get(SAME_WEIGHTS)
    return {checkpoint.sha256, *(map(str, earlier) if isinstance(earlier, list) else ())}


def attach_head(backbone: Checkpoint, head_state: Mapping[str, Any], fingerprint: str) -> dict[str, Array]:
    """A backbone's weights and another head -> the state of a whole network, for `save_checkpoint`.

    head_state: the `head.` tensors, and optionally the `locator.` tensors, with their names in a whole network. fingerprint: of the
    backbone that the head was trained on. Raises CheckpointError if that is another backbone, or the head does not fit.
    """
    if fingerprint != backbone.contract.backbone_fingerprint:
        raise CheckpointError(
            f"head: it was trained on the backbone {fingerprint!r}, this is {backbone.contract.backbone_fingerprint!r} (checkpoint "
            f"{backbone.contract.name!r}); take the checkpoint that the features were extracted with, or extract and train again"
        )
    if stray := sorted(name for name in head_state if not name.startswith((HEAD, "locator."))):
        raise CheckpointError(f"head: expected names that start with 'head.' or 'locator.', got {stray[0]!r}")
    head = weights_of(head_state)
    for name, tensor in head.items():
        require_values(name, tensor)
    state = {name: values for name, values in weights_of(backbone.state).items() if not name.startswith(HEAD)} | head
    require_shapes(shapes_of(state), backbone.contract.architecture)
    return state


def _each_once(contract: Contract, weights: dict[str, Array]) -> tuple[Contract, dict[str, Array]]:
    """The contract with its copies, and the weights of the distinct channels."""
    shapes = shapes_of(weights)
    if contract.copies != NO_COPIES and shapes != expected_shapes(contract.architecture):
        require_shapes(shapes, contract.architecture, contract.copies)
        return contract, weights
    require_shapes(shapes, contract.architecture)
    import torch

    from screener.model.widening import each_once

    copies, distinct = each_once({name: torch.from_numpy(values) for name, values in weights.items()}, contract.architecture)
    return replace(contract, copies=copies), weights_of(distinct)


def _write(target: Path, contract: Contract, stored: Mapping[str, Array]) -> None:
    fields = Contract.from_dict(contract.to_dict()).to_dict()
    text = json.dumps({**fields, SEAL: seal(fields, stored)}, ensure_ascii=True, allow_nan=False)
    write_whole(target, to_safetensors(dict(stored), metadata={METADATA_KEY: text}), follow=False)
