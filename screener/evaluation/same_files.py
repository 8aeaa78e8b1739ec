"""Finds items that are the same file, by content, whatever their names. Each counts once; otherwise figures would look too certain.

Knows items and their results. Does not know scores or figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screener.datasets import LABELS, LabelledItem
from screener.errors import DatasetError
from screener.evaluation.results import Row, place

NAMES = {label: name for name, label in LABELS.items()}


@dataclass(frozen=True)
class Copies:
    """kept: indices of the items that count, rising. left: names of the others, each with the item that it duplicates."""

    kept: tuple[int, ...]
    left: tuple[tuple[str, str], ...]


def copies_in(items: Sequence[LabelledItem], hashes: Sequence[str | None]) -> Copies:
    """Which items are duplicates of earlier ones. hashes: SHA-256 of each; without one, its path identifies it.

    Raises DatasetError if one file is both real and fake.
    """
    first: dict[str, int] = {}
    left: list[tuple[str, str]] = []
    for number, (item, content) in enumerate(zip(items, hashes, strict=True)):
        before = first.setdefault(content or place(item.path), number)
        if before == number:
            continue
        earlier = items[before]
        if earlier.label != item.label:
            raise DatasetError(
                f"{earlier.name} and {item.name} are one file, and the data calls the one {NAMES[earlier.label]} and the other "
                f"{NAMES[item.label]}; correct the data"
            )
        left.append((earlier.name, item.name))
    return Copies(tuple(first.values()), tuple(left))


def content_of(sha256: str | None, coverage: str) -> str | None:
    """The hash that identifies an item by its content; None if nothing of it was read, as all empty files are alike and show nothing."""
    return None if coverage == "none" else sha256 or None


def each_once(items: Sequence[LabelledItem], rows: Sequence[Row]) -> tuple[list[LabelledItem], list[Row], Copies]:
    """The items and results that count, and the duplicates. Raises DatasetError as `copies_in` does."""
    copies = copies_in(items, [content_of(row.get("sha256"), row["coverage"]) for row in rows])
    return [items[i] for i in copies.kept], [rows[i] for i in copies.kept], copies
