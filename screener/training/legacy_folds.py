"""Feature files of the older format: `{fake,real}/<n>.flatten`, each a `torch.save`d 1 x 200704 float32 tensor.

Knows these files and their shape. Does not know folds. The files are pickles, so they are read with `weights_only=True`.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from screener.datasets.item import LABELS
from screener.errors import DatasetError

SUFFIX = ".flatten"
LARGEST_BYTES = 4 << 20
"""Maximum size of a file, packed and unpacked; a feature takes less than one MiB."""


class LegacyFeatures:
    """(n, 1024, 14, 14) float16 features, each read from its own file when requested."""

    feature_shape = (1024, 14, 14)

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        _read(self._files[0])

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: slice | NDArray[np.int64]) -> NDArray[np.float16]:
        positions = np.arange(len(self._files))[index]
        found = np.empty((len(positions), *self.feature_shape), np.float16)
        for place, position in enumerate(positions):
            found[place] = _read(self._files[position])
        return found

    @property
    def files(self) -> Sequence[Path]:
        """The feature files, one per row."""
        return self._files

    def path_of(self, position: int) -> Path:
        """The file of a row."""
        return self._files[position]


def legacy_files(folder: Path) -> list[Path]:
    """The feature files of both classes under `folder`, real first, by number. Raises DatasetError for a name that is not a number."""
    found: list[Path] = []
    for label in LABELS:
        files = [path for path in (folder / label).glob(f"*{SUFFIX}") if not path.name.startswith(".")]
        for path in files:
            if not re.fullmatch(r"\d+", path.stem):
                raise DatasetError(f"{path}: expected a number before {SUFFIX}; remove or rename it")
        found += sorted(files, key=lambda path: int(path.stem))
    return found


def _require_small(path: Path) -> None:
    """Raise DatasetError for something that is not a file, or that contains, or unpacks to, more than any feature."""
    if not path.is_file():
        raise DatasetError(f"{path}: not a regular file; remove it")
    size = path.stat().st_size
    if size <= LARGEST_BYTES and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(entry.file_size for entry in archive.infolist()))
    if size > LARGEST_BYTES:
        raise DatasetError(f"{path}: {size} bytes are more than a feature takes ({LARGEST_BYTES} at most); remove it or extract again")


def _read(path: Path) -> NDArray[np.float16]:
    try:
        _require_small(path)
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except DatasetError:
        raise
    except Exception as error:  # whatever a crafted pickle makes the reader raise
        raise DatasetError(f"{path}: cannot be read as a saved tensor ({type(error).__name__}); remove it or copy it again") from error
    count = int(np.prod(LegacyFeatures.feature_shape))
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32 or tuple(tensor.shape) != (1, count):
        got = f"{tensor.dtype} of shape {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise DatasetError(f"{path}: expected a float32 tensor of shape (1, {count}), got {got}; remove it or extract again")
    # Values beyond float16's range become infinite, which `require_finite` reports with the file's name.
    with np.errstate(over="ignore"):
        return tensor.numpy().reshape(LegacyFeatures.feature_shape).astype(np.float16)
