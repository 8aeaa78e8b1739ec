"""Plain folders of labelled files: `real/` and `fake/`, in the folder itself or in folders inside it, one for each data set or each split.

    real/ fake/    set_a/{real,fake}/ set_b/{real,fake}/    {train,val,test}/{real,fake}/    {real,fake}/{train,val,test}/

The folder names decide: `train`, `val`, `test` and the like are splits, other names are data sets, and a name that resembles a split but is
not a known one is refused. Knows names and folders. Does not know the contents of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from screener.datasets.item import LABELS, SPLIT_NAMES, LabelledItem
from screener.errors import DatasetError
from screener.video.inputs.media import is_media

DEEPEST = 3
"""Maximum number of folders between that of the data set and `real/` or `fake/`."""

_LIKE_A_SPLIT = re.compile(
    r"(train|val|valid|validation|test|dev|devel|eval|evaluation|hold[-_ ]?out)(ing|ed|s|set|data|split)?([^A-Za-z].*)?", re.IGNORECASE
)
_ADVICE = "call the folders train, validation and test, or give a manifest with a split for each file"


@dataclass(frozen=True)
class _Labelled:
    """A folder that contains `real/` or `fake/`. split: one of SPLITS, or empty. set_name: the data set."""

    folder: Path
    split: str
    set_name: str


def is_labelled_folder(path: Path) -> bool:
    """Whether a path is a folder with `real/` and `fake/`, in itself or in folders below for sets and splits."""
    return path.is_dir() and bool(_label_holders(path))


def read_labelled_folder(path: Path) -> list[LabelledItem]:
    """Every video and picture below `real/` and `fake/`, in the order of their names, with the split given by folder names.

    Files in a folder below the label, such as the frames of one video, are one group. Files and folders of the same name under `real/` and
    `fake/` are one group too, for sets that pair them. Raises DatasetError if a folder cannot be read, or if the names leave the split of
    files unclear.
    """
    found = _named(path, _label_holders(path))
    inside = any(_splits_inside(one.folder) for one in found)
    if inside and (len(found) > 1 or found[0].split):
        raise DatasetError(f"{path}: has folders of splits both above and below real/ and fake/; {_ADVICE}")
    return [item for one in found for label in LABELS for item in _labelled(path, one, label, inside)]


def media_below(folder: Path) -> Iterator[Path]:
    """Videos and pictures below a folder, sorted, without hidden files and folders. Raises DatasetError if one cannot be read."""

    def refuse(error: OSError) -> None:
        raise DatasetError(f"{error.filename}: the folder cannot be read ({error.strerror}); check its permissions") from error

    seen: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(place)
        # A link may lead back to a folder above, whose content was already listed.
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files) if real not in seen else ():
            if not name.startswith(".") and is_media(os.path.join(place, name)):
                yield Path(place, name)
        seen.add(real)


def _label_holders(path: Path) -> list[Path]:
    """The folders that contain `real/` or `fake/`: this one, else those below it, sorted."""
    waiting, found = [(path, 0)], []
    while waiting:
        folder, depth = waiting.pop(0)
        if _has_label(folder):
            found.append(folder)
        elif depth < DEEPEST:
            waiting += [(inner, depth + 1) for inner in _folders_in(folder)]
    return sorted(found)


def _named(root: Path, holders: Sequence[Path]) -> list[_Labelled]:
    """Split and set of each folder, by the names between the root and the folder."""
    found = []
    for folder in holders:
        parts = folder.relative_to(root).parts
        splits = {split for part in parts if (split := SPLIT_NAMES.get(part.lower(), ""))}
        unknown = [part for part in parts if _LIKE_A_SPLIT.fullmatch(part) and part.lower() not in SPLIT_NAMES]
        if unknown or len(splits) > 1:
            raise DatasetError(f"{folder}: which split is it? {_ADVICE}")
        sets = [part for part in parts if part.lower() not in SPLIT_NAMES]
        found.append(_Labelled(folder, next(iter(splits), ""), sets[-1] if sets else root.absolute().name))
    without = [one.folder for one in found if not one.split]
    if without and len(without) < len(found):
        one = next(one for one in found if one.split)
        raise DatasetError(f"{one.folder} is the {one.split} split, and {without[0]} is in none; {_ADVICE}")
    return found


def _has_label(folder: Path) -> bool:
    return any((folder / label).is_dir() for label in LABELS)


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(inner for inner in folder.iterdir() if not inner.name.startswith(".") and inner.is_dir())
    except OSError as error:
        raise DatasetError(f"{folder}: the folder cannot be read ({error.strerror}); check its permissions") from error


def _splits_inside(folder: Path) -> bool:
    """Whether the folders below the labels are named after splits. Raises DatasetError if only some of the content is in such folders."""
    inside = [inner for label in LABELS if (folder / label).is_dir() for inner in _folders_in(folder / label)]
    named = [inner for inner in inside if inner.name.lower() in SPLIT_NAMES]
    if not named:
        return False
    others = [inner for inner in inside if inner not in named]
    loose = [file for label in LABELS if (folder / label).is_dir() for file in sorted((folder / label).iterdir()) if is_file_of_media(file)]
    if others or loose:
        raise DatasetError(f"{named[0]} is named like a split, and {(others + loose)[0]} beside it is in none; {_ADVICE}")
    return True


def is_file_of_media(path: Path) -> bool:
    """Whether a path is a file, not hidden, that is a video or picture by suffix or content."""
    return not path.name.startswith(".") and path.is_file() and is_media(os.fspath(path))


def _labelled(root: Path, one: _Labelled, label: str, split_inside: bool) -> Iterator[LabelledItem]:
    below = one.folder / label
    for file in media_below(below) if below.is_dir() else ():
        inside = file.relative_to(below)
        split, scene_parts = one.split, inside.parts
        if split_inside:
            split, scene_parts = SPLIT_NAMES[inside.parts[0].lower()], inside.parts[1:]
        scene = Path(*scene_parts[:-1]) if len(scene_parts) > 1 else Path(scene_parts[0]).with_suffix("")
        # The same name in another split is another scene, because the data was split on purpose.
        place = one.folder.relative_to(root) / (inside.parts[0] if split_inside else "")
        yield LabelledItem(
            path=file,
            name=file.relative_to(root).as_posix(),
            label=LABELS[label],
            group=(place / scene).as_posix(),
            split=split,
            set_name=one.set_name,
        )
