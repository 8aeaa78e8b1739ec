"""Chooses the items of a data set to evaluate: one split, or some of every method. Knows items only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from screener.datasets import SPLITS, LabelledItem
from screener.datasets.layouts import MANIFEST_NAME
from screener.errors import DatasetError, SettingsError


def data_name(path: Path) -> str:
    """Name of a data set in reports: its folder, or its list if that has a name of its own."""
    whole = path.absolute()
    return whole.parent.name if whole.name == MANIFEST_NAME else whole.stem if whole.is_file() else whole.name


def select(items: Sequence[LabelledItem], split: str | None = None, most_per_method: int | None = None) -> list[LabelledItem]:
    """The items of a split, and of these at most `most_per_method` for each label, method, set and compression; in the order given.

    A smaller number selects a subset of what a larger one selects, and the same groups are selected from every method, so that fakes keep
    the reals of their scenes. Raises SettingsError for a wrong option, DatasetError if nothing is left or a file has two labels.
    """
    if split is not None and split not in SPLITS:
        raise SettingsError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if most_per_method is not None and most_per_method < 1:
        raise SettingsError(f"limit per method: expected at least 1, got {most_per_method}")
    chosen = [item for item in items if split is None or item.split == split]
    if not chosen:
        there = sorted({item.split or "none" for item in items})
        raise DatasetError(f"split {split}: no item is in it; the splits of the {len(items)} items are {', '.join(there)}")
    _require_one_label(chosen)
    return chosen if most_per_method is None else _some_of_each(chosen, most_per_method)


def _require_one_label(items: Sequence[LabelledItem]) -> None:
    labels: dict[str, LabelledItem] = {}
    for item in items:
        other = labels.setdefault(str(item.path), item)
        if other.label != item.label:
            raise DatasetError(f"{item.name}: is listed both as real and as fake; correct the list")


def _some_of_each(items: Sequence[LabelledItem], most: int) -> list[LabelledItem]:
    kinds: dict[tuple[object, ...], list[LabelledItem]] = {}
    for item in items:
        kinds.setdefault((item.label, item.method, item.set_name, item.compression), []).append(item)
    kept = {item.name for members in kinds.values() for item in sorted(members, key=_lot)[:most]}
    return [item for item in items if item.name in kept]


def _lot(item: LabelledItem) -> tuple[str, str]:
    """Random but reproducible order of items, by the name of the group first."""
    return hashlib.sha256(item.group.encode("utf-8", "surrogateescape")).hexdigest(), item.name
