"""A data set on disk in, labelled items out, for each known layout.

Each layout is one module and one line in `LAYOUTS`. Knows names, lists and folders. Does not know the contents of files: a listed file that
does not exist is an item like any other, and is counted as missing when it is opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from screener.datasets.item import LABELS, LabelledItem
from screener.datasets.layouts.celeb_df import is_celeb_df, read_celeb_df
from screener.datasets.layouts.dfdc import is_dfdc, read_dfdc
from screener.datasets.layouts.faceforensics import is_faceforensics, read_faceforensics
from screener.datasets.layouts.plain_folders import is_labelled_folder, media_below, read_labelled_folder
from screener.datasets.manifest import read_manifest
from screener.errors import DatasetError

MANIFEST_NAME = "manifest.csv"


@dataclass(frozen=True)
class Layout:
    """How a data set is laid out on disk. found: whether a path looks like it. read: its items. shape: its description."""

    found: Callable[[Path], bool]
    read: Callable[[Path], list[LabelledItem]]
    shape: str


def _is_manifest(path: Path) -> bool:
    return path.is_file() or (path / MANIFEST_NAME).is_file()


def _read_manifest(path: Path) -> list[LabelledItem]:
    return read_manifest(path if path.is_file() else path / MANIFEST_NAME)


LAYOUTS: dict[str, Layout] = {
    "faceforensics": Layout(is_faceforensics, read_faceforensics, "original_sequences/ and manipulated_sequences/"),
    "celeb-df": Layout(is_celeb_df, read_celeb_df, "Celeb-real/, YouTube-real/, Celeb-synthesis/ and List_of_testing_videos.txt"),
    "dfdc": Layout(is_dfdc, read_dfdc, "metadata.json, here or in each part"),
    "manifest": Layout(_is_manifest, _read_manifest, f"a CSV file path,label,group[,split,method], or a folder with {MANIFEST_NAME}"),
    "folders": Layout(is_labelled_folder, read_labelled_folder, "real/ and fake/, here or in one folder for each set or each split"),
}
"""Layouts by name."""


def read_data(path: Path, layout: str | None = None) -> list[LabelledItem]:
    """The labelled items of a data set. layout: a name from `LAYOUTS`; recognised from the path if left out.

    Raises DatasetError if the path is missing, no layout fits, it holds nothing, or a list in it is wrong.
    """
    name = layout or recognise(path)
    if name not in LAYOUTS:
        raise DatasetError(f"layout: expected one of {', '.join(LAYOUTS)}, got {name!r}")
    if not LAYOUTS[name].found(path):
        raise DatasetError(f"{path}: does not look like the layout {name}; expected {LAYOUTS[name].shape}")
    items = LAYOUTS[name].read(path)
    if not items:
        raise DatasetError(f"{path}: holds no video or picture where the layout {name} has them; expected {LAYOUTS[name].shape}")
    return items


def recognise(path: Path) -> str:
    """Name of the layout of a data set. Raises DatasetError, listing the known layouts, if none fits."""
    if not path.exists():
        raise DatasetError(f"{path}: there is no such file or folder; give a folder or a CSV manifest of labelled videos or pictures")
    found = [name for name, layout in LAYOUTS.items() if layout.found(path)]
    if not found:
        shapes = "; ".join(f"{name}: {layout.shape}" for name, layout in LAYOUTS.items())
        raise DatasetError(f"{path}: is none of the known layouts. They are: {shapes}")
    # A manifest of the files is more specific than their folders.
    distinct = [name for name in found if name != "folders"] if "manifest" in found else found
    if len(distinct) > 1:
        marks = "; ".join(f"{name}: {LAYOUTS[name].shape}" for name in distinct)
        raise DatasetError(f"{path}: has the marks of several layouts, and each would leave files out ({marks}); choose one with --layout")
    return distinct[0]


def not_taken(path: Path, items: Sequence[LabelledItem], layout: str | None = None) -> list[Path]:
    """The videos and pictures below a folder that are not among its items, sorted. Empty for a list, whose author has chosen the files.

    layout: as for `read_data`.
    """
    if (layout or recognise(path)) == "manifest":
        return []
    taken = {os.path.realpath(item.path) for item in items}
    return [file for file in media_below(path) if os.path.realpath(file) not in taken]


def missing_files(items: Sequence[LabelledItem]) -> list[LabelledItem]:
    """The items whose file does not exist."""
    return [item for item in items if not os.path.exists(item.path)]


def require_both_classes(items: Sequence[LabelledItem], what: str) -> None:
    """Raise DatasetError unless there are real and fake items. what: names them in the message, such as the path of the data set."""
    for name, label in LABELS.items():
        if not any(item.label == label for item in items):
            raise DatasetError(f"{what}: has {len(items)} files, and none of them is {name}; both real and fake ones are needed")
