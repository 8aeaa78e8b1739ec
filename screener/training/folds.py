"""Feature folds on disk in, splits of rows with their memory-mapped `layer3` features out.

A native fold is a folder with `fold.json` and one float16 `.npy` array per split; several folds of one extraction are in `fold-<k>/` and
refer to shared arrays beside them, so that features are stored once. Knows the format. Does not know networks or how the features are made;
`legacy_folds` reads the older tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint.json_fields import read
from screener.datasets.item import LABELS, SPLITS
from screener.errors import CheckpointError, DatasetError
from screener.model.preprocessing import Preprocessing
from screener.training.legacy_folds import LegacyFeatures, legacy_files

FOLD_VERSION = 1
"""Version of `fold.json`."""

FOLD_FILE = "fold.json"
UNFINISHED = "extraction.journal"
"""File in a folder of folds that exists while an extraction is unfinished."""

LABEL_NAMES = {number: name for name, number in LABELS.items()}
COLUMNS = ("name", "label", "group", "source", "seconds", "augmentation", "method", "identities")
"""Columns of the rows in `fold.json`; the label is written by name."""

Index = slice | NDArray[np.int64]
Float16 = NDArray[np.float16]


class Features(Protocol):
    """(n, C, h, w) float16 features that stay on disk until requested."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Index, /) -> Float16:
        """A slice or an array of positions -> (m, C, h, w) float16, in the requested order."""
        ...


@dataclass(frozen=True)
class FoldRow:
    """Metadata of one sample.

    name: of the picture or video in the data set; shared by its frames and their copies. label: 1 is fake.
    group: samples of one group are never split. source: the original that a fake was made from, else the same as name.
    seconds: of the frame; None for a picture. augmentation: 0 is the plain crop, 1 and up are augmented copies of it.
    method: how a fake was made, or empty. identities: the people in it, if the data set names them.
    """

    name: str
    label: int
    group: str
    source: str
    seconds: float | None = None
    augmentation: int = 0
    method: str = ""
    identities: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FoldSplit:
    """One split of a fold. name: one of `SPLITS`. rows: metadata of each sample. features: in the same order."""

    name: str
    rows: tuple[FoldRow, ...]
    features: Features

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) 1 is fake."""
        return np.array([row.label for row in self.rows], np.int64)


@dataclass(frozen=True, eq=False)
class FeatureFold:
    """One fold: features of many crops, split such that the splits share nothing.

    number: from 1. backbone_fingerprint: of the backbone that made the features, empty for a legacy tree. preprocessing: of the crops, None
    for a legacy tree. feature_shape: (C, h, w) of one sample. splits: by name, those that exist and are not empty.
    """

    folder: Path
    number: int
    backbone_fingerprint: str
    preprocessing: Preprocessing | None
    feature_shape: tuple[int, int, int]
    splits: dict[str, FoldSplit]


class ArrayFeatures:
    """Rows of a float16 `.npy` file, or some of them by their indices; reopened in every process that it is sent to."""

    def __init__(self, path: Path, feature_shape: tuple[int, int, int], indices: NDArray[np.int64] | None = None) -> None:
        self.path = path
        self._feature_shape = feature_shape
        self._indices = indices
        self._array: Float16 | None = _open_array(path, feature_shape)
        self._count = len(self._array) if indices is None else len(indices)
        if indices is not None and len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self._array):
            raise DatasetError(f"{path}: holds {len(self._array)} rows, but its fold asks for row {int(indices.max())}; extract again")

    def __len__(self) -> int:
        return self._count

    @property
    def files(self) -> Sequence[Path]:
        """The file that contains the rows."""
        return [self.path]

    def __getitem__(self, index: Index) -> Float16:
        if self._array is None:
            self._array = _open_array(self.path, self._feature_shape)
        chosen: Index = index if self._indices is None else self._indices[index]
        return np.array(self._array[chosen], np.float16)

    def __getstate__(self) -> dict[str, Any]:
        # A memory map would be pickled with its whole content.
        return {**self.__dict__, "_array": None}


def open_folds(path: Path) -> list[FeatureFold]:
    """The folds in a folder, by number: one native fold, several `fold-<k>/`, or a legacy tree `train_<k>/` + `test/`.

    Features stay on disk. Raises DatasetError naming the file if something is missing, damaged or of the wrong shape.
    """
    if not path.is_dir():
        raise DatasetError(f"{path}: there is no such folder; give a folder that screener extract wrote")
    if (path / UNFINISHED).exists():
        raise DatasetError(f"{path}: its extraction is not finished; repeat the screener extract command, it goes on where it stopped")
    if (path / FOLD_FILE).is_file():
        return [read_fold(path)]
    numbered = sorted((int(found[1]), p) for p in path.iterdir() if (found := re.fullmatch(r"fold-(\d+)", p.name)) and p.is_dir())
    if numbered:
        return [read_fold(folder) for _, folder in numbered]
    legacy = sorted((int(found[1]), p) for p in path.iterdir() if (found := re.fullmatch(r"train_(\d+)", p.name)) and p.is_dir())
    if legacy:
        return [_legacy_fold(path, number, folder) for number, folder in legacy]
    raise DatasetError(f"{path}: holds no folds; expected {FOLD_FILE}, fold-1/{FOLD_FILE} or a tree train_1/fake, train_1/real, test/")


def feature_files(fold: FeatureFold) -> list[Path]:
    """The files with the features of a fold, each once; empty for features in memory."""
    files = [path for split in fold.splits.values() for path in getattr(split.features, "files", ())]
    return list(dict.fromkeys(files))


def require_backbone(fold: FeatureFold, fingerprint: str) -> None:
    """Raise DatasetError if the features were made by another backbone than the one with this fingerprint; a legacy tree does not say."""
    if fold.backbone_fingerprint and fold.backbone_fingerprint != fingerprint:
        raise DatasetError(
            f"{fold.folder / FOLD_FILE}: its features come from the backbone {fold.backbone_fingerprint[:12]}, the checkpoint's is "
            f"{fingerprint[:12]}; train with the checkpoint that they were extracted with, or extract again"
        )


def require_finite(split: FoldSplit, index: Index, features: Float16) -> None:
    """Raise DatasetError naming file and row if features just read from `split` at `index` contain NaN or infinity.

    For callers that read features anyway, so that nothing is read twice.
    """
    # All exponent bits set: the same as isfinite, but several times faster on float16.
    bad = ((features.view(np.uint16) & 0x7C00) == 0x7C00).reshape(len(features), -1).any(1)
    if not bad.any():
        return
    positions = np.arange(len(split.rows))[index]
    first = int(positions[int(bad.argmax())])
    source = split.features
    where = source.path_of(first) if isinstance(source, LegacyFeatures) else getattr(source, "path", split.name)
    raise DatasetError(
        f"{where}: the features of row {first} of split {split.name} ({split.rows[first].name}) hold NaN or infinity; extract again"
    )


def read_fold(folder: Path) -> FeatureFold:
    """One native fold. Raises DatasetError naming the file."""
    file = folder / FOLD_FILE
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: cannot be read as the description of a fold ({error}); extract again") from error
    try:
        return _fold_of(folder, document)
    except DatasetError:
        raise
    except (CheckpointError, KeyError, TypeError, ValueError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DatasetError(f"{file}: not a fold as this version of screener writes it: {what}; extract again") from error


def _fold_of(folder: Path, document: Mapping[str, Any]) -> FeatureFold:
    if document["fold_version"] != FOLD_VERSION:
        raise ValueError(f"fold_version: expected {FOLD_VERSION}, got {document['fold_version']!r}")
    shape: tuple[int, int, int] = read("feature_shape", tuple[int, int, int], document["feature_shape"])
    preprocessing: Preprocessing = read("preprocessing", Preprocessing, document["preprocessing"])
    splits = {name: _split_of(folder, name, shape, document["splits"][name]) for name in SPLITS if name in document["splits"]}
    return FeatureFold(
        folder=folder,
        number=read("number", int, document["number"]),
        backbone_fingerprint=read("backbone_fingerprint", str, document["backbone_fingerprint"]),
        preprocessing=preprocessing,
        feature_shape=shape,
        splits={name: split for name, split in splits.items() if split.rows},
    )


def _split_of(folder: Path, name: str, shape: tuple[int, int, int], entry: Mapping[str, Any]) -> FoldSplit:
    rows = tuple(row_from_list(values) for values in entry["rows"])
    path = (folder / read("array", str, entry["array"])).resolve()
    if path.parent not in (folder.resolve(), folder.resolve().parent):
        raise ValueError(f"splits.{name}.array: expected a file in this folder or the one above, got {entry['array']!r}")
    indices = np.array(entry["indices"], np.int64) if "indices" in entry else None
    features = ArrayFeatures(path, shape, indices)
    if len(features) != len(rows):
        raise DatasetError(f"{path}: split {name} has {len(rows)} rows in {FOLD_FILE} but {len(features)} features; extract again")
    return FoldSplit(name, rows, features)


def row_to_list(row: FoldRow) -> list[Any]:
    """A row as in `fold.json`, in the order of `COLUMNS`."""
    return [
        row.name, LABEL_NAMES[row.label], row.group, row.source, row.seconds, row.augmentation, row.method, list(row.identities),
    ]  # fmt: skip


def row_from_list(values: Sequence[Any]) -> FoldRow:
    """The inverse of `row_to_list`. Raises ValueError or KeyError for an invalid row."""
    name, label, group, source, seconds, augmentation, method, identities = values
    return FoldRow(name, LABELS[label], group, source, seconds, augmentation, method, tuple(identities))


def _open_array(path: Path, feature_shape: tuple[int, int, int]) -> Float16:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: the features are missing; copy the whole folder, or extract again") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be opened as an array of features ({error}); copy it again, or extract again") from error
    if array.dtype != np.float16 or array.shape[1:] != feature_shape:
        raise DatasetError(f"{path}: expected float16 of shape (n, *{feature_shape}), got {array.dtype} of shape {array.shape}")
    return array


def _legacy_fold(root: Path, number: int, folder: Path) -> FeatureFold:
    splits = {}
    for name, place in (("train", folder), ("test", root / "test")):
        files = legacy_files(place)
        if files:
            names = [(path.relative_to(root).as_posix(), LABELS[path.parent.name]) for path in files]
            rows = tuple(FoldRow(name, label, name, name) for name, label in names)
            splits[name] = FoldSplit(name, rows, LegacyFeatures(files))
    if "train" not in splits:
        raise DatasetError(f"{folder}: holds no features; expected {folder.name}/fake/1.flatten, {folder.name}/real/1.flatten and so on")
    return FeatureFold(root, number, "", None, LegacyFeatures.feature_shape, splits)
