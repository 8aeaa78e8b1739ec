"""What the splits of a feature fold share: the part of the leak audit that needs no files, for folds that came from elsewhere too.

Knows rows of folds and the names in them. Does not know features or files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from screener.datasets import LabelledItem
from screener.datasets.audit.audit_report import leak_warnings
from screener.datasets.audit.leaks import shared_names
from screener.errors import DatasetError
from screener.training.folds import FeatureFold


def fold_leaks(folds: Sequence[FeatureFold], strict: bool) -> list[str]:
    """A warning for every kind of thing that two splits of one fold share; raises DatasetError instead when `strict`.

    Legacy trees name no sources: of them only what their rows are called can be held against each other.
    """
    warnings = [f"{fold.folder}: fold {fold.number}: {text}" for fold in folds for text in leak_warnings(shared_names(list(_items(fold))))]
    if strict and warnings:
        raise DatasetError("; ".join(warnings))
    return warnings


def _items(fold: FeatureFold) -> Iterator[LabelledItem]:
    """One item for each file in each split, whatever number of its frames and copies."""
    for split in fold.splits.values():
        for row in {row.name: row for row in split.rows}.values():
            yield LabelledItem(
                Path(row.name), row.name, row.label, row.group or row.name, split.name, row.method, "", row.identities, (row.source,)
            )
