"""Load, verify and save checkpoints; the default one; putting a head on a backbone.

Knows the file, the contract and the weights together. Does not choose devices, and does not use the network for more than a trial run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from screener.checkpoint.contract import Contract
from screener.checkpoint.json_fields import refuse, to_plain
from screener.checkpoint.localisation import FIGURE, localisation_of
from screener.checkpoint.reading import METADATA_KEY, open_checkpoint
from screener.checkpoint.tensors import (
    BACKBONE,
    HEAD,
    backbone_fingerprint,
    empty_network,
    from_stored,
    require_layout,
    require_shapes,
    require_values,
    to_stored,
    weights_of,
)
from screener.errors import CheckpointError, OutputError
from screener.model.network import Network
from screener.runtime.files import write_whole

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent
DEFAULT_NAME = "default.safetensors"

SUFFIX = ".safetensors"

SCORES_REST_ON = ("architecture", "class_names", "split_point", "preprocessing", "detector", "backbone_fingerprint")
"""Fields of a contract that say, with the weights, which logit a picture gets."""

SAME_WEIGHTS = "same_weights"
"""Name of the entry in a contract's figures that lists the SHA-256 of the files whose weights it took over."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights and the contract for using them.

    state: float32 tensors on the CPU under the names of `Network.state_dict()`. path: where it was read from. sha256: of that file.
    """

    contract: Contract
    state: dict[str, Tensor]
    path: Path | None
    sha256: str

    def build_network(self, *, trainable: bool = False) -> Network:
        """The network with these weights, in `eval()`, on the CPU.

        Its weights are those of `state`, not copies, and take no gradients; `trainable=True` copies them first and lets them learn.
        Raises CheckpointError when the weights are not those of the architecture.
        """
        network = empty_network(self.contract.architecture)
        require_shapes({name: tuple(tensor.shape) for name, tensor in self.state.items()}, self.contract.architecture)
        weights = {name: tensor.clone() for name, tensor in self.state.items()} if trainable else self.state
        network.load_state_dict(weights, strict=True, assign=True)
        return network.requires_grad_(trainable).eval()

    def summary(self) -> dict[str, Any]:
        """What a verdict says of the checkpoint it rests on; small and ready for JSON. `localisation` only where its map may be shown."""
        contract = self.contract
        located = localisation_of(contract.figures)
        return {
            "name": contract.name,
            "sha256": self.sha256,
            "architecture": contract.architecture.name,
            "licence": contract.licence,
            "training_data": [data.name for data in contract.training_data],
            "limits": contract.limits,
            "calibration": to_plain(contract.calibration),
            "pooling": contract.pooling,
            **({FIGURE: located.summary()} if located and located.earned else {}),
        }


def default_checkpoint_path() -> Path:
    """The checkpoint that ships with screener: inside the installed package, else in the repository that the package lies in."""
    packaged = PACKAGE_FOLDER / "_weights" / DEFAULT_NAME
    repository = PACKAGE_FOLDER.parent
    candidates = [packaged]
    # Beside an installed package lies site-packages, where a folder called weights would be someone else's.
    if (repository / "pyproject.toml").is_file():
        candidates.append(repository / "weights" / DEFAULT_NAME)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = " and ".join(str(candidate) for candidate in candidates)
    raise CheckpointError(
        f"the default checkpoint is missing (looked for {looked}); install screener again or name a checkpoint with --checkpoint"
    )


def load_checkpoint(path: str | Path | None = None) -> Checkpoint:
    """Read a checkpoint (the default one if `path` is None) and hold it against its contract.

    Raises CheckpointError with file, field or tensor, and what to do, when anything about it is wrong.
    """
    return _load(path, lambda check, result: None)


def verify_checkpoint(path: str | Path | None = None) -> list[tuple[str, str]]:
    """(check, result in words) of all that loading checks and of a trial run, in order; raises CheckpointError at the first failure."""
    results: list[tuple[str, str]] = []
    checkpoint = _load(path, lambda check, result: results.append((check, result)))
    size = checkpoint.contract.preprocessing.input_size
    with torch.inference_mode():
        logits = checkpoint.build_network()(torch.zeros(1, 3, size, size))
    if not bool(torch.isfinite(logits).all()):
        raise CheckpointError(f"{checkpoint.path}: the network answers a grey picture with {logits.tolist()}, not with finite numbers")
    results.append(("network", f"runs on a grey picture of {size} x {size} pixels and answers with finite numbers"))
    return results


def require_checkpoint_name(path: Path) -> None:
    """Raise OutputError unless `path` may become a checkpoint: not a folder, and no name that a list or features could lie under.

    For whoever is about to work for hours, and would replace what lies there.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name the checkpoint file to write, such as {path / f'own{SUFFIX}'}")
    if path.suffix != SUFFIX:
        raise OutputError(f"{path}: expected the name of a checkpoint, which ends in {SUFFIX}, such as {path.with_name(f'own{SUFFIX}')}")


def save_checkpoint(path: str | Path, contract: Contract, state: Mapping[str, Tensor], *, quantise: bool = True) -> None:
    """Write a checkpoint so that `path` always holds either what it held before or the whole new file.

    state: as `Network.state_dict()` gives it. quantise: store convolutions in 8 bits, a quarter of the size; the rest stays float32.
    The contract's backbone fingerprint is filled in, from the values as they will be read back.
    Raises CheckpointError when contract or state are wrong, OutputError when the file cannot be written.
    """
    target = Path(path)
    stored = to_stored(state, contract.architecture, quantise)
    backbone = from_stored(stored, stored.__getitem__, BACKBONE)
    filled = replace(contract, backbone_fingerprint=backbone_fingerprint(backbone))
    _write(target, filled, stored)


def save_contract(path: str | Path, contract: Contract, weights: str | Path) -> None:
    """Write the weights of the checkpoint file `weights` under another contract to `path`, which may be the same file.

    Every tensor stays as it is stored, bit for bit, and `scored_alike` knows the new file by the old. Raises CheckpointError when `weights`
    is no sound checkpoint, when the contract is wrong or speaks of another network or other pixels, OutputError when the file cannot be
    written.
    """
    source = load_checkpoint(weights)
    for field in SCORES_REST_ON:
        present, wanted = getattr(source.contract, field), getattr(contract, field)
        if wanted != present:
            refuse(field, f"{present!r}, which the weights in {weights} were made with", wanted)
    with open_checkpoint(Path(weights)) as stored:
        tensors = stored.tensors()
    figures = {**contract.figures, SAME_WEIGHTS: sorted(scored_alike(source))}
    _write(Path(path), replace(contract, figures=figures), tensors)


def scored_alike(checkpoint: Checkpoint) -> set[str]:
    """SHA-256 of the files that give every picture the logit that this one gives: its own, and those that its weights were taken from."""
    earlier = checkpoint.contract.figures.get(SAME_WEIGHTS)
    return {checkpoint.sha256, *(map(str, earlier) if isinstance(earlier, list) else ())}


def attach_head(backbone: Checkpoint, head_state: Mapping[str, Tensor], fingerprint: str) -> dict[str, Tensor]:
    """The backbone's weights under another head -> a whole state, for `save_checkpoint`.

    head_state: the `head.` tensors, and perhaps the `locator.`, as `Network.state_dict()` names them. fingerprint: of the backbone that the
    head was trained on. Raises CheckpointError when that is not this backbone, or the head does not fit it.
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
    state = {name: tensor for name, tensor in backbone.state.items() if not name.startswith(HEAD)} | head
    require_shapes({name: tuple(tensor.shape) for name, tensor in state.items()}, backbone.contract.architecture)
    return state


def _load(path: str | Path | None, note: Callable[[str, str], None]) -> Checkpoint:
    """Read and check step by step; `note` hears (check, result) after each step that passed."""
    source = default_checkpoint_path() if path is None else Path(path)
    with open_checkpoint(source) as stored:
        note("file", f"a safetensors file of {source.stat().st_size / 1e6:.1f} MB, header and length agree")
        with _advice("take the version of screener that made this checkpoint, or make it again"):
            contract = Contract.from_dict(stored.contract_dict())
        note("contract", f"format version {contract.format_version}, every field present and in range")
        note("preprocessing", "this screener cuts, resizes and normalises faces by the checkpoint's rules")
        with _advice("copy or download the file again, or make it again"):
            layout = stored.layout()
            require_layout(layout, contract.architecture)
            note("tensors", f"{len(layout)}, with the names, types and shapes of {contract.architecture.name}")
            state = stored.state()
            note("values", f"{sum(tensor.numel() for tensor in state.values()):,} numbers, all finite")
            actual = backbone_fingerprint(state)
            if actual != contract.backbone_fingerprint:
                raise CheckpointError(
                    f"backbone_fingerprint: the contract says {contract.backbone_fingerprint!r}, the weights give {actual!r}"
                )
        note("fingerprint", f"the backbone is {actual}, as the contract says")
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        note("sha256", sha256)
    return Checkpoint(contract, state, source, sha256)


@contextmanager
def _advice(advice: str) -> Iterator[None]:
    """End the message of a CheckpointError with what to do about it."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{error}; {advice}") from error


def _write(target: Path, contract: Contract, stored: Mapping[str, Tensor]) -> None:
    checked = Contract.from_dict(contract.to_dict())
    text = json.dumps(checked.to_dict(), ensure_ascii=True, allow_nan=False)
    write_whole(target, to_safetensors(dict(stored), metadata={METADATA_KEY: text}), follow=False)
