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
from screener.datasets.layouts import read_data
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
    """Given splits are kept; without a validation split, a hash of the group decides, so that adding data moves nothing.

    Raises DatasetError if a side has no real face.
    """
    found = read_item_faces(items, MtcnnDetector(), cache)
    of = {item.name: item for item in items}
    given = any(item.split == "validation" for item in items)

    def is_held(face: LabelledFace) -> bool:
        item = of[face.name]
        return item.split == "validation" if given else held_out(item.group or item.name, VALIDATION_SHARE)

    validation = [face for face in found if is_held(face)]
    training = [face for face in found if not is_held(face)]
    say(f"{len(training):,} faces to train on, {len(validation):,} held out; {len(items) - len(found):,} pictures show none")
    for name, faces in (("train on", training), ("validate on", validation)):
        if not any(face.label == "real" for face in faces):
            raise DatasetError(f"{data}: no real face to {name} among {len(items)} pictures; more real pictures are needed")
    return SplitFaces(training, validation, data.resolve().name, identity_of(items))


def identity_of(items: Sequence[LabelledItem]) -> str:
    """SHA-256 over the names, labels, groups and splits of the pictures."""
    rows = [[item.name, item.label, item.group, item.split] for item in items]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=True).encode()).hexdigest()
