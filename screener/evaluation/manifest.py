"""CSV manifests of labelled videos: `path,label,group[,split,method]` -> rows. Knows nothing of scores."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from screener.errors import DatasetError

LABELS = {"real": 0, "fake": 1}
REQUIRED = ("path", "label", "group")


@dataclass(frozen=True)
class LabelledVideo:
    """One row. path: the file. name: the path as written. group: videos of one group share a scene or a person and are never split."""

    path: Path
    name: str
    label: int
    group: str
    split: str = ""
    method: str = ""


def read_manifest(path: Path) -> list[LabelledVideo]:
    """Rows of a manifest; relative paths start from its folder. Raises DatasetError naming file and row."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or [])]
            if missing:
                raise DatasetError(f"{path}: its first line lacks {', '.join(missing)}; expected path,label,group[,split,method]")
            rows = [_row(path, number, row) for number, row in enumerate(reader, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV manifest: {error}") from error
    if not rows:
        raise DatasetError(f"{path}: holds no rows")
    return rows


def _row(path: Path, number: int, row: dict[str, str | None]) -> LabelledVideo:
    name, label = row["path"] or "", row["label"] or ""
    if label not in LABELS:
        raise DatasetError(f"{path}, line {number}: label: expected real or fake, got {label!r}")
    if not name:
        raise DatasetError(f"{path}, line {number}: has no path")
    return LabelledVideo(path.parent / name, name, LABELS[label], row["group"] or name, row.get("split") or "", row.get("method") or "")
