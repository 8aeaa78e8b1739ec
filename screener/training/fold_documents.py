"""Converts the result of an extraction to the `fold.json` of every fold, and back.

Knows the plan of the folds and the rows of the arrays. Does not know features or media files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from screener.checkpoint import Checkpoint
from screener.checkpoint.json_fields import to_plain
from screener.datasets.item import LABELS, SPLITS, LabelledItem
from screener.datasets.splits import Plan
from screener.errors import DatasetError, OutputError
from screener.runtime.file_stamps import Stamp
from screener.training.crops import BadFile
from screener.training.feature_store import Rows, array_file
from screener.training.folds import COLUMNS, FOLD_FILE, FOLD_VERSION, FoldRow, row_to_list

SHARED = "features"
"""Array of the rows that are in different splits in different folds."""


@dataclass(frozen=True)
class Extraction:
    """How folds were made. identity: everything that they depend on. bad_files: in the order of the data. crops: in all arrays.

    files: name -> stamp of every file that was read; stored only with the first fold.
    """

    identity: dict[str, Any]
    bad_files: list[BadFile]
    crops: int
    files: dict[str, Stamp] = field(default_factory=dict)


def array_of_items(plans: Sequence[Plan]) -> list[str]:
    """For each item the array for its features, empty if no fold contains it.

    A single fold has an array for each split. Several folds share one, so that nothing is stored twice; a test split common to all has its
    own.
    """
    if len(plans) == 1:
        return list(plans[0])
    taken = [{plan[i] for plan in plans} - {""} for i in range(len(plans[0]))]
    return ["" if not splits else "test" if splits == {"test"} else SHARED for splits in taken]


def fold_documents(
    items: Sequence[LabelledItem],
    plans: Sequence[Plan],
    rows: Rows,
    checkpoint: Checkpoint,
    feature_shape: tuple[int, int, int],
    extraction: Extraction,
) -> dict[str, str]:
    """Relative path -> text of each `fold.json`. rows: (item, seconds, copy) of every array, in its order."""
    contract = checkpoint.contract
    documents = {}
    for number, plan in enumerate(plans, 1):
        splits = {name: _split(items, plan, name, rows, len(plans) > 1) for name in SPLITS}
        document = {
            "fold_version": FOLD_VERSION,
            "number": number,
            "folds": len(plans),
            "backbone": contract.name,
            "backbone_fingerprint": contract.backbone_fingerprint,
            "preprocessing": contract.preprocessing.to_dict(),
            "feature_shape": feature_shape,
            "class_names": sorted(LABELS, key=LABELS.__getitem__),
            "extraction": to_plain(extraction if number == 1 else replace(extraction, files={})),
            "columns": COLUMNS,
            "splits": {name: split for name, split in splits.items() if split["rows"]},
        }
        documents[FOLD_FILE if len(plans) == 1 else f"fold-{number}/{FOLD_FILE}"] = json.dumps(to_plain(document), allow_nan=False)
    return documents


def read_extraction(folder: Path) -> Extraction:
    """How the folds in `folder` were made. Raises OutputError or DatasetError if it contains none written by `screener extract`."""
    found = [file for file in (folder / FOLD_FILE, folder / "fold-1" / FOLD_FILE) if file.is_file()]
    if not found:
        raise OutputError(f"{folder}: is not empty and holds no extraction; name another folder, for nothing here is overwritten")
    try:
        content = json.loads(found[0].read_text(encoding="utf-8"))["extraction"]
        bad_files = [BadFile(**bad) for bad in content["bad_files"]]
        return Extraction(dict(content["identity"]), bad_files, int(content["crops"]), dict(content["files"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{found[0]}: does not say how its features were made ({error!r}); extract into another folder") from error


def _split(items: Sequence[LabelledItem], plan: Plan, split: str, rows: Rows, is_one_of_several: bool) -> dict[str, Any]:
    """One split: its array and its rows. Augmented copies are only for training."""
    found: dict[str, Any] = {"array": "", "rows": []}
    for array, entries in rows.items():
        taken = [r for r, (item, _, copy) in enumerate(entries) if plan[item] == split and (copy == 0 or split == "train")]
        if not taken:
            continue
        found = {"array": f"../{array_file(array)}" if is_one_of_several else array_file(array)}
        if len(taken) < len(entries):
            found["indices"] = taken
        found["rows"] = [row_to_list(_row(items[entries[r][0]], entries[r][1], entries[r][2])) for r in taken]
    return found


def _row(item: LabelledItem, seconds: float | None, copy: int) -> FoldRow:
    return FoldRow(
        name=item.name,
        label=item.label,
        group=item.group,
        source=item.sources[0] if item.sources else item.name,
        seconds=None if seconds is None else round(seconds, 6),
        augmentation=copy,
        method=item.method,
        identities=item.identities,
    )
