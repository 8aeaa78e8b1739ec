"""Opens an untrusted checkpoint file: its format, its header, its tensors one by one.

Only the safetensors format is read, and nothing is ever unpickled; types and shapes come from the header, before any tensor is read. Does
not know what a contract means or where checkpoints are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from safetensors import SafetensorError, safe_open

from screener.checkpoint.tensors import Array, Layout, as_array
from screener.errors import CheckpointError
from screener.runtime.absolute_paths import absolute_path

LARGEST_HEADER_BYTES = 16 * 2**20
METADATA_KEY = "screener"
"""The only key of the file's metadata; its value is the contract in JSON, which from format version 2 on includes the seal."""

SEAL = "sha256"
"""Key in that JSON, beside the contract's fields: the `seal` of what was written."""

PICKLES_ARE_REFUSED = "checkpoints are safetensors files only, for opening a pickle can run any program; give a safetensors checkpoint"


class StoredCheckpoint:
    """An open file: its contract, layout and weights. All methods raise CheckpointError without the file's name."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def contract_and_seal(self) -> tuple[dict[str, Any], Any]:
        """The contract as unchecked JSON, and the seal that was written with it, if any."""
        text = (self._handle.metadata() or {}).get(METADATA_KEY)
        if text is None:
            raise CheckpointError(f"its metadata has no {METADATA_KEY!r} entry: these are bare weights, not a checkpoint of screener")
        try:
            values = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unambiguous)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"contract: its metadata is not sound JSON ({error})") from error
        if not isinstance(values, dict):
            raise CheckpointError(f"contract: expected a JSON object, got {type(values).__name__}")
        return values, values.pop(SEAL, None)

    def layout(self) -> Layout:
        """Type and shape of every stored tensor, from the header alone."""
        slices = {name: self._handle.get_slice(name) for name in self._handle.keys()}  # noqa: SIM118 - the handle is no mapping
        return {name: (str(part.get_dtype()), tuple(part.get_shape())) for name, part in slices.items()}

    def tensors(self) -> dict[str, Array]:
        """Every tensor as stored, scales included; call after checking the layout.

        Copies, because safetensors' tensors may be mapped from the file, which can change or vanish.
        """
        return {name: np.array(self._handle.get_tensor(name)) for name in self._handle.keys()}  # noqa: SIM118 - the handle is no mapping


def seal(contract: Mapping[str, Any], tensors: Mapping[str, Any]) -> str:
    """SHA-256 over a contract as plain values and over tensors as stored: name, type, shape and bytes, by name.

    Guards against accidents, not against attackers, who could replace it too.
    """
    digest = hashlib.sha256(json.dumps(contract, sort_keys=True, ensure_ascii=True, allow_nan=False).encode())
    for name in sorted(tensors):
        values = as_array(tensors[name])
        digest.update(f"\n{name} torch.{values.dtype} {tuple(values.shape)}\n".encode())  # as files were sealed from the beginning
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


@contextmanager
def open_checkpoint(path: Path) -> Iterator[StoredCheckpoint]:
    """Open a checkpoint; a CheckpointError raised inside the block gets the file's name.

    Raises CheckpointError if the file is missing, unreadable, not safetensors, truncated, or has an impossible header, and at the
    end of the block if another file has taken its place meanwhile: what was read in several steps may be of both.
    """
    try:
        before = _require_safetensors(path)
        # The absolute path, so that a name like an option or a URL is still a file.
        with safe_open(absolute_path(path), framework="np") as handle:
            yield StoredCheckpoint(handle)
        if _identity(path.stat()) != before:
            raise CheckpointError("it was replaced while it was read; try again")
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except SafetensorError as error:
        raise CheckpointError(f"{path}: its safetensors header does not fit the file ({error}); copy or download it again") from error
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such file; give the path of a checkpoint") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}); check the path and its permissions") from error


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _require_safetensors(path: Path) -> tuple[int, ...]:
    """Raise CheckpointError unless the first bytes and the length are possible for a safetensors file; returns its identity."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise CheckpointError("it is not a regular file; give the path of a checkpoint")
    with path.open("rb") as file:
        start = file.read(9)
        status = os.fstat(file.fileno())
    size = status.st_size
    if not start:
        raise CheckpointError("the file is empty; copy or download it again")
    if start[8:] != b"{":
        _refuse_kind(start)
    header = int.from_bytes(start[:8], "little")
    if header > LARGEST_HEADER_BYTES:
        raise CheckpointError(
            f"its header says it is {header} bytes long, more than the {LARGEST_HEADER_BYTES} allowed; it is damaged or hostile"
        )
    if header > size - 8:
        raise CheckpointError(
            f"the file is truncated: its header should be {header} bytes, but only {size - 8} follow; copy or download it again"
        )
    return _identity(status)


def _refuse_kind(start: bytes) -> NoReturn:
    if start.startswith(b"PK"):
        raise CheckpointError(f"it is a zip archive such as torch.save writes; {PICKLES_ARE_REFUSED}")
    if start[:1] == b"\x80" and start[1:2] <= b"\x05":
        raise CheckpointError(f"it is a Python pickle; {PICKLES_ARE_REFUSED}")
    raise CheckpointError(f"it is not a safetensors file (it starts with {start!r}); {PICKLES_ARE_REFUSED}")


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without duplicate keys, whose meaning would depend on the parser."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(f"{next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))!r} stands in it twice")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")
