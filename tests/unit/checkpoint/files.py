"""Checkpoint files not written by `save_checkpoint`: modified ones, and those of format version 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load, save_file
from torch import Tensor

from screener.checkpoint import Contract, backbone_fingerprint
from screener.checkpoint.reading import seal
from screener.checkpoint.storage import from_stored, quantise


def rewrite(
    path: Path,
    change_tensors: Callable[[dict[str, Tensor]], object] = lambda tensors: None,
    change_contract: Callable[[dict[str, Any]], object] = lambda contract: None,
    change_seal: Callable[[str | None], str | None] = lambda said: said,
) -> None:
    """Change a saved checkpoint in place, with safetensors' own writer."""
    tensors = load(path.read_bytes())
    with safe_open(path, "pt") as handle:
        contract = json.loads(handle.metadata()["screener"])
    change_tensors(tensors)
    said = change_seal(contract.pop("sha256", None))
    change_contract(contract)
    save_file(tensors, path, metadata={"screener": json.dumps(contract | ({} if said is None else {"sha256": said}))})


def reseal(path: Path, **changes: Callable[[dict[str, Any]], object]) -> None:
    """Change a saved checkpoint as if it had been written so."""
    rewrite(path, **changes)
    tensors = load(path.read_bytes())
    with safe_open(path, "pt") as handle:
        contract = json.loads(handle.metadata()["screener"])
    del contract["sha256"]
    try:
        said = seal(contract, tensors)
    except ValueError:  # a contract that could not have been written
        return
    rewrite(path, change_seal=lambda _: said)


def write_version_1(path: Path, contract: Contract, whole: Mapping[str, Tensor], *, in_8_bits: bool, with_stem: bool = True) -> None:
    """As screener wrote checkpoints before: every channel, float32 or convolutions in 8 bits; at first without a width of the stem."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in whole.items():
        if name.endswith("num_batches_tracked"):
            continue
        if in_8_bits and tensor.dim() == 4:
            tensors[name], tensors[f"{name}.scale"] = (torch.from_numpy(values) for values in quantise(tensor))
        else:
            tensors[name] = tensor.to(torch.float32).clone()
    fields = {**contract.to_dict(), "format_version": 1, "backbone_fingerprint": backbone_fingerprint(from_stored(tensors))}
    del fields["copies"]
    if not with_stem:
        del fields["architecture"]["stem_width"]
    save_file(tensors, path, metadata={"screener": json.dumps(fields)})
