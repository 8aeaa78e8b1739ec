"""DFDC: parts with a `metadata.json` each, which gives every video's label, its split and, for a fake, the original video.

    [dfdc_train_part_00/]metadata.json     {"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}, ...}

Knows names and lists. Does not know the contents of files. Source: Dolhansky et al. 2020, arXiv:2006.07397.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from screener.datasets.item import LABELS, SPLIT_NAMES, LabelledItem
from screener.errors import DatasetError

SET_NAME = "dfdc"
METADATA = "metadata.json"


def is_dfdc(path: Path) -> bool:
    """Whether a path has a `metadata.json`, in itself or in its folders. One in `real/` or `fake/` belongs to something else."""
    return path.is_dir() and bool(_parts(path))


def read_dfdc(path: Path) -> list[LabelledItem]:
    """Every video of every part's list, part by part, whether the file exists or not; a fake and its original are one group.

    Raises DatasetError naming file and entry.
    """
    return [item for part in _parts(path) for item in _read_part(path, part)]


def _parts(path: Path) -> list[Path]:
    """The folders with a list: this one, or those in it."""
    if (path / METADATA).is_file():
        return [path]
    return sorted(file.parent for file in path.glob(f"*/{METADATA}") if file.parent.name.lower() not in LABELS)


def _read_part(root: Path, part: Path) -> list[LabelledItem]:
    file = part / METADATA
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file}: cannot be read as JSON: {error}; copy it again") from error
    if not isinstance(entries, dict):
        raise DatasetError(f"{file}: expected an object with one entry for each video, got a {type(entries).__name__}")
    return [_item(root, part, file, name, entry) for name, entry in entries.items()]


def _item(root: Path, part: Path, file: Path, video: str, entry: Any) -> LabelledItem:
    if not isinstance(entry, dict) or Path(video).name != video:
        raise DatasetError(f"{file}, {video!r}: expected the name of a video and an object with label, split and original")
    label, split, original = str(entry.get("label", "")).lower(), entry.get("split") or "", entry.get("original") or video
    if label not in LABELS:
        raise DatasetError(f"{file}, {video}: label: expected REAL or FAKE, got {entry.get('label')!r}")
    if split not in SPLIT_NAMES:
        raise DatasetError(f"{file}, {video}: split: expected train, validation or test, got {split!r}")
    path, method = part / video, SET_NAME if LABELS[label] else ""
    name = path.relative_to(root).as_posix()
    return LabelledItem(path, name, LABELS[label], str(original), SPLIT_NAMES[split], method, SET_NAME, sources=(str(original),))
