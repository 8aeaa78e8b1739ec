"""CSV manifests of labelled videos and pictures in, items out.

Columns `path,label,group` and optionally `split,method,identity,source_video,set`. Does not know scores or the contents of files.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from screener.datasets.item import LABELS, SPLIT_NAMES, SPLITS, LabelledItem
from screener.errors import DatasetError
from screener.runtime.absolute_paths import absolute_path

REQUIRED = ("path", "label", "group")
COLUMNS = (*REQUIRED, "split", "method", "identity", "source_video", "set")

SEPARATOR = ";"
"""Between several identities, or several sources, of one row."""


def read_manifest(path: Path) -> list[LabelledItem]:
    """Rows of a manifest; relative paths start from its folder. Raises DatasetError naming file and row."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or [])
            numbered = [(reader.line_num, _row(path, reader.line_num, row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV manifest: {error}") from error
    if not numbered:
        raise DatasetError(f"{path}: holds no rows")
    first_line: dict[str, int] = {}
    for number, item in numbered:
        # However it is written: `a.mp4`, `./a.mp4` and the absolute path are one file.
        first = first_line.setdefault(absolute_path(item.path), number)
        if first != number:
            raise DatasetError(f"{path}, line {number}: path: {item.name} is in line {first} already; keep one of them")
    return [item for _, item in numbered]


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    """Unknown columns are allowed, except those that resemble a known one and would be ignored silently."""
    if missing := [name for name in REQUIRED if name not in columns]:
        raise DatasetError(f"{path}: its first line lacks {', '.join(missing)}; expected path,label,group[,split,method]")
    for number, name in enumerate(columns):
        meant = name.strip().lower()
        if meant in COLUMNS and name != meant:
            raise DatasetError(f"{path}: its first line has the column {name!r}; write it {meant}, or give it another name")
        if name in COLUMNS and name in columns[:number]:
            raise DatasetError(f"{path}: its first line has the column {name} twice; keep one of them")


def _row(path: Path, number: int, row: dict[str, str | None]) -> LabelledItem:
    if None in row:
        raise DatasetError(f"{path}, line {number}: has more cells than the first line; put quotes around one that holds a comma")
    name, label, split = row["path"] or "", row["label"] or "", row.get("split") or ""
    if label not in LABELS:
        raise DatasetError(f"{path}, line {number}: label: expected real or fake, got {label!r}")
    if not name:
        raise DatasetError(f"{path}, line {number}: has no path")
    if split not in SPLIT_NAMES:
        raise DatasetError(f"{path}, line {number}: split: expected {', '.join(SPLITS)} or nothing, got {split!r}")
    return LabelledItem(
        path=_found(path.parent, name),
        name=name,
        label=LABELS[label],
        group=row["group"] or name,
        split=SPLIT_NAMES[split],
        method=row.get("method") or "",
        set_name=row.get("set") or path.absolute().parent.name,
        identities=_several(row.get("identity")),
        sources=_several(row.get("source_video")),
    )


def _found(folder: Path, name: str) -> Path:
    """A manifest may have been written on Windows: where nothing goes by the name as it stands, its backslashes part folders."""
    as_written, turned = folder / name, folder / name.replace("\\", "/")
    return turned if "\\" in name and not as_written.exists() and turned.exists() else as_written


def _several(cell: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (cell or "").split(SEPARATOR) if part.strip()))
