"""Celeb-DF v2: real clips of celebrities and others, swaps between the celebrities, and a list of the test videos.

    Celeb-real/id0_0000.mp4   YouTube-real/00000.mp4   Celeb-synthesis/id0_id1_0000.mp4   List_of_testing_videos.txt

In the list 1 means real. The name of a swap gives the target video (id0, clip 0000) and the person whose face it shows (id1). Knows names
and lists. Does not know the contents of files. Source: Li et al. 2020, arXiv:1909.12962.
"""

from __future__ import annotations

import re
from pathlib import Path

from screener.datasets.item import LABELS, LabelledItem
from screener.errors import DatasetError

SET_NAME = "celeb-df-v2"
TEST_LIST = "List_of_testing_videos.txt"

FOLDERS = {"Celeb-real": "real", "YouTube-real": "real", "Celeb-synthesis": "fake"}

LISTED_LABELS = {"1": "real", "0": "fake"}
"""In this set's list, and nowhere else, 1 means real."""


def is_celeb_df(path: Path) -> bool:
    """Whether a path looks like Celeb-DF v2: it has the list of testing videos, or the folders."""
    return (path / TEST_LIST).is_file() or all((path / name).is_dir() for name in ("Celeb-real", "Celeb-synthesis"))


def read_celeb_df(path: Path) -> list[LabelledItem]:
    """Every existing clip and every listed one, sorted; the listed ones are the test split, the others training data.

    Raises DatasetError naming the line if the list cannot be read or contradicts a folder.
    """
    listed = _test_list(path / TEST_LIST)
    there = {f"{folder}/{file.name}" for folder in FOLDERS for file in (path / folder).glob("*.mp4")}
    rest = "train" if listed else ""
    return [_item(path, name, "test" if name in listed else rest) for name in sorted(there | listed)]


def _item(root: Path, name: str, split: str) -> LabelledItem:
    folder, stem = name.split("/")[0], Path(name).stem
    swap = re.fullmatch(r"(id\d+)_(id\d+)_(\d+)", stem)
    clip = re.fullmatch(r"(id\d+)_\d+", stem)
    identities = (swap[1], swap[2]) if swap else (clip[1],) if clip else ()
    original = f"Celeb-real/{swap[1]}_{swap[3]}" if swap else f"{folder}/{stem}"
    label = LABELS[FOLDERS[folder]]
    method = "Celeb-synthesis" if label else ""
    return LabelledItem(root / name, name, label, original, split, method, SET_NAME, identities, (original,))


def _test_list(file: Path) -> set[str]:
    """The listed names; empty if there is no list."""
    if not file.is_file():
        return set()
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot be read: {error}") from error
    names = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        label, _, name = line.strip().partition(" ")
        folder = name.strip().partition("/")[0]
        if label not in LISTED_LABELS or folder not in FOLDERS or name.count("/") != 1:
            raise DatasetError(f"{file}, line {number}: expected 1 or 0 and a path such as Celeb-real/id0_0000.mp4, got {line!r}")
        if LISTED_LABELS[label] != FOLDERS[folder]:
            raise DatasetError(f"{file}, line {number}: {label} means {LISTED_LABELS[label]}, but {folder} holds {FOLDERS[folder]} clips")
        names.add(name.strip())
    return names
