"""Loads and verifies checkpoints, and finds the default one.

Knows the file, the contract and the weights together. Does not choose devices, and runs the network only for a trial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from screener.checkpoint.contract import Contract
from screener.checkpoint.json_fields import to_plain
from screener.checkpoint.localisation import FIGURE, localisation_of
from screener.checkpoint.reading import SEAL, open_checkpoint, seal
from screener.checkpoint.storage import from_stored, named_shapes
from screener.checkpoint.tensors import Array, as_array, backbone_fingerprint, require_shapes, shapes_of
from screener.checkpoint.upgrading import FORMAT_VERSION, SEALED_SINCE
from screener.errors import CheckpointError
from screener.model.copies import NO_COPIES

if TYPE_CHECKING:
    from torch import Tensor

    from screener.model.network import Backbone, Network

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent
DEFAULT_NAME = "default.safetensors"

Note = Callable[[str, str], None]
"""Called with (check, result in words)."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights and the contract for their use.

    weights: float32 arrays, or tensors that become arrays, with the names of `Network.state_dict()`, each channel once, as described by
    `contract.copies`. path: where it was read from. sha256: of that file. format_version: of that file; its contract is converted to
    the present one.
    """

    contract: Contract
    weights: Mapping[str, Any]
    path: Path | None
    sha256: str
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", {name: as_array(values) for name, values in self.weights.items()})

    @cached_property
    def distinct(self) -> dict[str, Tensor]:
        """The weights as tensors of PyTorch, which share their memory."""
        import torch

        return {name: torch.from_numpy(values) for name, values in self.weights.items()}

    @property
    def state(self) -> dict[str, Tensor]:
        """The weights of the whole network in the contract's architecture, with copies expanded anew at each call."""
        from screener.model.widening import widen

        return self.distinct if self.contract.copies == NO_COPIES else widen(self.distinct, self.contract.copies)

    def build_network(self, *, trainable: bool = False) -> Network:
        """The network with these weights, in `eval()`, on the CPU; it computes each distinct channel once.

        Its weights share memory with `distinct` and take no gradients; `trainable=True` copies them and enables gradients. Raises
        CheckpointError if the weights do not fit the architecture.
        """
        import torch

        from screener.model.network import Network

        contract = self.contract
        backbone, head = contract.copies.narrowed(contract.architecture)
        with torch.device("meta"):
            network = Network(backbone, head=head)
        require_shapes(shapes_of(self.weights), contract.architecture, contract.copies)
        weights = {name: tensor.clone() for name, tensor in self.distinct.items()} if trainable else self.distinct
        network.load_state_dict(weights, strict=True, assign=True)
        return network.requires_grad_(trainable).eval()

    def build_backbone(self) -> Backbone:
        """The backbone of `build_network`, with all the feature channels of the architecture in its output."""
        backbone = self.build_network().backbone
        backbone.copies = self.contract.copies.backbone.outer
        return backbone

    def written_out(self) -> Checkpoint:
        """The same weights as if all channels were distinct: every channel is stored and computed. For comparisons of speed."""
        return Checkpoint(replace(self.contract, copies=NO_COPIES), self.state, None, self.sha256)

    def summary(self) -> dict[str, Any]:
        """What a verdict says about its checkpoint; small and ready for JSON. `localisation` only if its map may be shown."""
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
    """The checkpoint that ships with screener: inside the installed package, else in the repository that contains the package."""
    packaged = PACKAGE_FOLDER / "_weights" / DEFAULT_NAME
    repository = PACKAGE_FOLDER.parent
    candidates = [packaged]
    # Next to an installed package is site-packages, where a folder called weights would belong to something else.
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
    """Read a checkpoint (the default one if `path` is None) and check it against its contract and its stored hash.

    Raises CheckpointError with file, field or tensor, and what to do, if anything about it is wrong.
    """
    return _load(path, lambda check, result: None)


def verify_checkpoint(path: str | Path | None = None) -> list[tuple[str, str]]:
    """(check, result in words) of everything that loading checks, the backbone's fingerprint and a trial run, in order.

    Raises CheckpointError at the first failure.
    """
    results: list[tuple[str, str]] = []
    checkpoint = _load(path, lambda check, result: results.append((check, result)))
    if "fingerprint" not in dict(results):
        results.append(("fingerprint", require_fingerprint(checkpoint)))
    import torch

    size = checkpoint.contract.preprocessing.input_size
    with torch.inference_mode():
        logits = checkpoint.build_network()(torch.zeros(1, 3, size, size))
    if not bool(torch.isfinite(logits).all()):
        raise CheckpointError(f"{checkpoint.path}: the network answers a grey picture with {logits.tolist()}, not with finite numbers")
    results.append(("network", f"runs on a grey picture of {size} x {size} pixels and answers with finite numbers"))
    return results


def require_fingerprint(checkpoint: Checkpoint) -> str:
    """Raise CheckpointError unless the backbone is the one that the contract names; returns the result in words.

    Takes longer than the rest of loading, and detects a file that was made wrongly rather than one that was damaged, so a scan skips it.
    """
    said = checkpoint.contract.backbone_fingerprint
    actual = backbone_fingerprint(checkpoint.weights, checkpoint.contract.copies)
    if actual != said:
        place = f"{checkpoint.path}: " if checkpoint.path else ""
        raise CheckpointError(
            f"{place}backbone_fingerprint: the contract says {said!r}, the weights give {actual!r}; copy or download the file again, or "
            "make it again"
        )
    return f"the backbone is {actual}, as the contract says"


def _load(path: str | Path | None, note: Note) -> Checkpoint:
    """Read and check step by step; `note` is called after each step that passed."""
    source = default_checkpoint_path() if path is None else Path(path)
    with open_checkpoint(source) as stored:
        note("file", f"a safetensors file of {source.stat().st_size / 1e6:.1f} MB, header and length agree")
        with _advice("take the version of screener that made this checkpoint, or make it again"):
            values, said = stored.contract_and_seal()
            contract = Contract.from_dict(values)
        version = values["format_version"]
        note("contract", f"format version {version}, every field present and in range")
        note("preprocessing", "this screener cuts, resizes and normalises faces by the checkpoint's rules")
        with _advice("copy or download the file again, or make it again"):
            layout = stored.layout()
            require_shapes(named_shapes(layout), contract.architecture, contract.copies)
            note("tensors", f"{len(layout)}, with the names, types and shapes of {contract.architecture.name}")
            tensors = stored.tensors()
            if version >= SEALED_SINCE:
                note("seal", _require_seal(values, tensors, said))
            weights = from_stored(tensors)
            note("values", f"{sum(values.size for values in weights.values()):,} numbers, all finite")
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        note("sha256", sha256)
    checkpoint = Checkpoint(contract, weights, source, sha256, version)
    if version >= SEALED_SINCE:
        return checkpoint
    # Files of version 1 have no hash to check, and contain their copies.
    note("fingerprint", require_fingerprint(checkpoint))
    from screener.model.widening import each_once

    copies, distinct = each_once(checkpoint.distinct, contract.architecture)
    return Checkpoint(replace(contract, copies=copies), distinct, source, sha256, version)


def _require_seal(contract: dict[str, Any], tensors: dict[str, Array], said: Any) -> str:
    """Raise CheckpointError unless the seal in the file matches contract and tensors; returns the result in words."""
    found = seal(contract, tensors)
    if found != said:
        raise CheckpointError(f"{SEAL}: contract and weights are not as they were written, the file says {said!r}, they give {found!r}")
    return f"contract and weights are as they were written, their SHA-256 is {found}"


@contextmanager
def _advice(advice: str) -> Iterator[None]:
    """Append advice to the message of a CheckpointError."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{error}; {advice}") from error
