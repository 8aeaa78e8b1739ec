"""One labelled file of a data set, in any layout. Does not know the contents of files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from screener.video.inputs.media import PICTURE_SUFFIXES

LABELS = {"real": 0, "fake": 1}
"""The labels by name: fake is 1, everywhere."""

SPLITS = ("train", "validation", "test")

SPLIT_NAMES = {
    "": "", "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Names of splits in lists and folders, in lower case -> the name used here."""


@dataclass(frozen=True)
class LabelledItem:
    """A video or a picture with its label.

    path: the file. name: its path as written in the data set, unique in the set. label: 1 is fake.
    group: items of one group share a scene, a source or a person and are never split.
    split: one of SPLITS, or empty if the set gives none. method: how a fake was made. set_name: the data set, such as `celeb-df`.
    identities: the people in it, if the set names them; both for a swap. sources: names of the original videos or pictures it was made
    from.
    compression: level as named in the set (`c23`), or empty.
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

    @property
    def unit(self) -> str:
        """What counts as one where evidence is counted: a video by itself, but the still pictures of a group together, which may be frames
        of one video.
        """
        return f"group {self.group}" if self.path.suffix.lower() in PICTURE_SUFFIXES else f"file {self.name}"
