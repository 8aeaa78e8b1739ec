"""CSV manifests of labelled videos and pictures -> items.

Columns `path,label,group` and, where wanted, `split,method,identity,source_video,set`. Knows nothing of scores or of the files' contents.
"""

from __future__ import annotations

import csv
from pathlib import Path

from screener.datasets.item import LABELS, SPLITS, LabelledItem
from screener.errors import DatasetError

REQUIRED = ("path", "label", "group")

SPLIT_NAMES = {"": "", "train": "train", "training": "train", "val": "validation", "validation": "validation", "test": "test"}
"""What lists call a split -> its name here."""

SEPARATOR = ";"
"""Between several identities, or several sources, of one row."""


def read_manifest(path: Path) -> list[LabelledItem]:
    """Rows of a manifest; relative paths start from its folder. Raises DatasetError naming file and row."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or [])]
            if missing:
                raise DatasetError(f"{path}: its first line lacks {', '.join(missing)}; expected path,label,group[,split,method]")
            numbered = [(reader.line_num, _row(path, reader.line_num, row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV manifest: {error}") from error
    if not numbered:
        raise DatasetError(f"{path}: holds no rows")
    first_line: dict[str, int] = {}
    for number, item in numbered:
        if first_line.setdefault(item.name, number) != number:
            raise DatasetError(f"{path}, line {number}: path: {item.name} is in line {first_line[item.name]} already; keep one of them")
    return [item for _, item in numbered]


def _row(path: Path, number: int, row: dict[str, str | None]) -> LabelledItem:
    name, label, split = row["path"] or "", row["label"] or "", row.get("split") or ""
    if label not in LABELS:
        raise DatasetError(f"{path}, line {number}: label: expected real or fake, got {label!r}")
    if not name:
        raise DatasetError(f"{path}, line {number}: has no path")
    if split not in SPLIT_NAMES:
        raise DatasetError(f"{path}, line {number}: split: expected {', '.join(SPLITS)} or nothing, got {split!r}")
    return LabelledItem(
        path=path.parent / name,
        name=name,
        label=LABELS[label],
        group=row["group"] or name,
        split=SPLIT_NAMES[split],
        method=row.get("method") or "",
        set_name=row.get("set") or path.absolute().parent.name,
        identities=_several(row.get("identity")),
        sources=_several(row.get("source_video")),
    )


def _several(cell: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (cell or "").split(SEPARATOR) if part.strip()))
