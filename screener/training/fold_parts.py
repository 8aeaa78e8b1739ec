"""A feature fold in, the rows for training, validation and test out, checked before any training, including leaks between them.

Knows folds and labels. Does not know networks or the loop. If a fold has no validation split, whole groups of its training rows are held
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from screener.datasets.audit.audit_report import leak_warnings
from screener.datasets.audit.leaks import shared_names
from screener.datasets.item import LABELS, LabelledItem
from screener.datasets.splits import plan_folds
from screener.errors import DatasetError
from screener.training.folds import FeatureFold, FoldRow, FoldSplit, require_finite

Positions = NDArray[np.int64]
LABEL_NAMES = {number: name for name, number in LABELS.items()}


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of one split. positions: (n,) in the split, rising. labels: (n,) 1 is fake."""

    split: FoldSplit
    positions: Positions
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def rows(self) -> list[FoldRow]:
        """The row of each sample, in the order of `positions`."""
        return [self.split.rows[i] for i in self.positions]

    def features(self, chosen: Positions) -> NDArray[np.float16]:
        """chosen: (m,) positions in this part -> (m, C, h, w), in that order. Raises DatasetError naming the row if one is not finite."""
        index = self.positions[chosen]
        # Read in file order, then reorder: random access is slow if the file is not in memory.
        order = np.argsort(index, kind="stable")
        found = np.asarray(self.split.features[index[order]])
        require_finite(self.split, index[order], found)
        asked = np.empty_like(found)
        asked[order] = found
        return asked


@dataclass(frozen=True, eq=False)
class FoldParts:
    """train: with augmented copies. validation: plain rows only. test: likewise, None if the fold has none."""

    train: Part
    validation: Part
    test: Part | None


def parts_of(fold: FeatureFold, validation_share: float, seed: int) -> FoldParts:
    """Rows for training, validation and test. Raises DatasetError if a required split is missing or lacks a class.

    validation_share: of the training rows, held out by `held_out_rows` if the fold has no validation split.
    """
    if "train" not in fold.splits:
        there = ", ".join(fold.splits) or "none"
        raise DatasetError(f"{fold.folder}: fold {fold.number} has no train split (it has: {there}); extract with a split to train on")
    train = fold.splits["train"]
    _require_both(fold, "train", train.labels)
    if "validation" in fold.splits:
        learnt, validation = _whole(train), _whole(fold.splits["validation"])
    else:
        learnt, validation = _cut(fold, validation_share, seed)
    parts = FoldParts(learnt, _plain(validation), _plain(_whole(fold.splits["test"])) if "test" in fold.splits else None)
    _require_both(fold, "train", parts.train.labels)
    _require_both(fold, "validation", parts.validation.labels)
    return parts


def held_out_rows(rows: Sequence[FoldRow], share: float, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) masks of the rows to train on and of about `share` of them to validate on, by the rules of `datasets.splits`.

    Rows with the same name, group, source or identity stay on one side; if that allows no cut, some rows are on neither. Raises
    DatasetError if they form too few unrelated parts.
    """
    items = [
        LabelledItem(
            Path(row.name), row.name, row.label, row.group or row.name, identities=row.identities, sources=(row.source or row.name,)
        )
        for row in rows
    ]
    (plan,) = plan_folds(items, validation_share=share, seed=seed)
    split = np.array(plan)
    return split == "train", split == "validation"


def _cut(fold: FeatureFold, share: float, seed: int) -> tuple[Part, Part]:
    train = fold.splits["train"]
    try:
        learnt, held = held_out_rows(train.rows, share, seed)
    except DatasetError as error:
        raise DatasetError(
            f"{fold.folder}: fold {fold.number} has no validation split, and none can be held out of its training rows: {error}"
        ) from error
    return _some(train, learnt), _some(train, held)


def _whole(split: FoldSplit) -> Part:
    return _some(split, np.ones(len(split.rows), bool))


def _some(split: FoldSplit, marks: NDArray[np.bool_]) -> Part:
    positions = np.flatnonzero(marks)
    return Part(split, positions, split.labels[positions])


def _plain(part: Part) -> Part:
    """Without augmented copies, because validation must see what a scan would see."""
    plain = np.array([row.augmentation == 0 for row in part.rows], bool)
    return Part(part.split, part.positions[plain], part.labels[plain])


def _has_both(labels: NDArray[np.int64]) -> bool:
    return set(labels.tolist()) == set(LABELS.values())


def _require_both(fold: FeatureFold, name: str, labels: NDArray[np.int64]) -> None:
    if not _has_both(labels):
        found = f"{len(labels)} that are all {LABEL_NAMES[int(labels[0])]}" if len(labels) else "no plain rows"
        raise DatasetError(f"{fold.folder}: fold {fold.number}, split {name}: expected real and fake rows, has {found}; extract both")


def fold_leaks(folds: Sequence[FeatureFold], strict: bool) -> list[str]:
    """A warning for every kind of thing that two splits of a fold share. Raises DatasetError instead if `strict`.

    Legacy trees contain no sources; only the names of their rows can be compared.
    """
    warnings = [f"{fold.folder}: fold {fold.number}: {text}" for fold in folds for text in leak_warnings(shared_names(list(_items(fold))))]
    if strict and warnings:
        raise DatasetError("; ".join(warnings))
    return warnings


def _items(fold: FeatureFold) -> Iterator[LabelledItem]:
    """One item for each file in each split, regardless of its number of frames and copies."""
    for split in fold.splits.values():
        for row in {row.name: row for row in split.rows}.values():
            yield LabelledItem(
                Path(row.name), row.name, row.label, row.group or row.name, split.name, row.method, "", row.identities, (row.source,)
            )
