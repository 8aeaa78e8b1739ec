"""Plain folders of labelled files: `real/` and `fake/`, in the folder itself or in one folder for each data set inside it.

Knows names and folders. Does not know the files' contents.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from screener.datasets.item import LABELS, LabelledItem
from screener.errors import DatasetError
from screener.video.inputs.media import MEDIA_SUFFIXES


def is_labelled_folder(path: Path) -> bool:
    return path.is_dir() and bool(_set_folders(path))


def read_labelled_folder(path: Path) -> list[LabelledItem]:
    """Every video and picture below `real/` and `fake/`, in the order of their names.

    What lies in a folder below the label, as the frames of one video do, is one group. Files and folders of the same name under `real/` and
    `fake/` are one group too, for a set that pairs them. Raises DatasetError when a folder cannot be read.
    """
    return [item for folder in _set_folders(path) for label in LABELS for item in _labelled(path, folder, label)]


def media_below(folder: Path) -> Iterator[Path]:
    """Videos and pictures below a folder, sorted; hidden files and folders are skipped. Raises DatasetError when one cannot be read."""

    def refuse(error: OSError) -> None:
        raise DatasetError(f"{error.filename}: the folder cannot be read ({error.strerror}); check its permissions") from error

    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in MEDIA_SUFFIXES:
                yield Path(place, name)


def _set_folders(path: Path) -> list[Path]:
    if _has_label(path):
        return [path]
    return sorted(folder for folder in path.iterdir() if _has_label(folder) and not folder.name.startswith("."))


def _has_label(folder: Path) -> bool:
    return any((folder / label).is_dir() for label in LABELS)


def _labelled(root: Path, folder: Path, label: str) -> Iterator[LabelledItem]:
    below = folder / label
    set_name = folder.absolute().name
    for file in media_below(below) if below.is_dir() else ():
        inside = file.relative_to(below)
        scene = inside.parent if inside.parent.parts else inside.with_suffix("")
        yield LabelledItem(
            path=file,
            name=file.relative_to(root).as_posix(),
            label=LABELS[label],
            group=(folder.relative_to(root) / scene).as_posix(),
            set_name=set_name,
        )
