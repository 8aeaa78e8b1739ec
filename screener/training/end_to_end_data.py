"""Labelled pictures in, the faces for training and validation out, and a hash that identifies the data.

Knows data sets and faces. Does not know pairs, networks or the loop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from screener.datasets import LabelledItem
from screener.datasets.item import LABELS
from screener.datasets.layouts import read_data
from screener.datasets.splits import Plan, components, plan_folds
from screener.errors import DatasetError
from screener.faces import MtcnnDetector
from screener.training.labelled_pictures import SUFFIXES, VALIDATION_SHARE, LabelledFace, held_out, read_item_faces

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class SplitFaces:
    """Faces, split such that pictures of one group are on one side. sha256: over the names, labels and splits of the pictures."""

    training: list[LabelledFace]
    validation: list[LabelledFace]
    name: str
    sha256: str


def pictures_of(data: Path, say: Say) -> list[LabelledItem]:
    """The labelled pictures of a data set. Raises DatasetError if there are none."""
    items = read_data(data)
    pictures = [item for item in items if item.path.suffix.lower() in SUFFIXES and item.split != "test"]
    if not pictures:
        raise DatasetError(f"{data}: has {len(items)} files, none of which is a picture to train on ({', '.join(sorted(SUFFIXES))})")
    if left := len(items) - len(pictures):
        say(f"{left} of {len(items)} files are left out: videos, or pictures of the test split")
    return pictures


def split_faces(items: Sequence[LabelledItem], data: Path, cache: Path, say: Say) -> SplitFaces:
    """Given splits are kept. Without a validation split a hash of the group decides, so that adding data moves nothing; related groups,
    see `datasets.splits`, stay together.

    Raises DatasetError if a side has no real face.
    """
    found = read_item_faces(items, MtcnnDetector(), cache)
    try:
        side = dict(zip((item.name for item in items), _sides(items), strict=True))
    except DatasetError as error:
        raise DatasetError(f"{data}: no validation split can be held out: {error}") from error
    training, validation = ([face for face in found if side[face.name] == name] for name in ("train", "validation"))
    left = "" if (between := len(found) - len(training) - len(validation)) == 0 else f"; {between:,} relate both and are left out"
    say(f"{len(training):,} faces to train on, {len(validation):,} held out; {len(items) - len(found):,} pictures show none{left}")
    for name, faces in (("train on", training), ("validate on", validation)):
        if not any(face.label == "real" for face in faces):
            raise DatasetError(f"{data}: no real face to {name} among {len(items)} pictures; more real pictures are needed")
    return SplitFaces(training, validation, data.resolve().name, identity_of(items))


def _sides(items: Sequence[LabelledItem]) -> Plan:
    if any(item.split == "validation" for item in items):
        return plan_folds(items)[0]
    first_group: dict[int, str] = {}
    parts = components(items).tolist()
    for part, item in zip(parts, items, strict=True):
        group = item.group or item.name
        first_group[part] = min(group, first_group.get(part, group))
    sides = tuple("validation" if held_out(first_group[part], VALIDATION_SHARE) else "train" for part in parts)
    reals = {side for side, item in zip(sides, items, strict=True) if item.label == LABELS["real"]}
    # Swaps may relate all people, and few groups may all fall on one side.
    return sides if len(reals) > 1 else plan_folds(items, validation_share=VALIDATION_SHARE)[0]


def identity_of(items: Sequence[LabelledItem]) -> str:
    """SHA-256 over the names, labels, groups and splits of the pictures."""
    rows = [[item.name, item.label, item.group, item.split] for item in items]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=True).encode()).hexdigest()
