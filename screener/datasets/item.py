"""One labelled file of a data set, whatever layout the set came in. Knows no files' contents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LABELS = {"real": 0, "fake": 1}
"""Dataset truth by name: fake is 1, everywhere."""

SPLITS = ("train", "validation", "test")

SPLIT_NAMES = {
    "": "", "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What lists and folders call a split, in lower case -> its name here."""


@dataclass(frozen=True)
class LabelledItem:
    """A video or a picture with its label.

    path: the file. name: the path as the data set writes it, unique in the set. label: 1 is fake.
    group: items of one group share a scene, a source or a person and are never split.
    split: one of SPLITS, or empty where the set gives none. method: how a fake was made. set_name: which data set, such as `celeb-df`.
    identities: the persons in it, where the set names them; for a swap both. sources: names of the original videos or pictures behind it.
    compression: level as the set names it (`c23`), or empty.
    """

    path: Path
    name: str
    label: int
    group: str
    split: str = ""
    method: str = ""
    set_name: str = ""
    identities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    compression: str = ""
