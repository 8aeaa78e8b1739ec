"""FaceForensics++: originals, manipulations of them in several compressions, and lists of the pairs in each split.

    original_sequences/youtube/<compression>/videos/000.mp4
    manipulated_sequences/<Method>/<compression>/videos/000_003.mp4      target and source of the face
    train.json, val.json, test.json                                      [["000", "003"], ...], here or in splits/

Knows names and lists. Does not know the contents of files. Source: Rössler et al. 2019, arXiv:1901.08971; FaceShifter: arXiv:1912.13457.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from screener.datasets.item import LABELS, LabelledItem
from screener.errors import DatasetError

SET_NAME = "faceforensics++"
ORIGINALS, MANIPULATED = "original_sequences/youtube", "manipulated_sequences"

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
"""Made from the thousand originals, and so covered by the pair lists; the DeepFakeDetection videos in the same folder are not."""

COMPRESSIONS = ("raw", "c0", "c23", "c40")

LISTS = {"train": "train.json", "validation": "val.json", "test": "test.json"}

Pair = tuple[str, str]


def is_faceforensics(path: Path) -> bool:
    """Whether a path looks like FaceForensics++: it has original or manipulated sequences."""
    return (path / "original_sequences").is_dir() or (path / MANIPULATED).is_dir()


def read_faceforensics(path: Path) -> list[LabelledItem]:
    """The listed videos of every method and compression that has a folder, whether the file exists or not.

    Without pair lists, the existing files, without a split. Raises DatasetError for a list that cannot be read or contradicts another.
    """
    split_of = _listed_pairs(path)
    pairs = list(split_of) or _pairs_of_names(path)
    pair_of = {video: f"{pair[0]}_{pair[1]}" for pair in pairs for video in pair}
    split_of_video = {video: split for pair, split in split_of.items() for video in pair}
    names = [video for pair in pairs for video in pair] if split_of else None
    items = []
    for compression in COMPRESSIONS:
        for stem, file in _videos(path / ORIGINALS / compression / "videos", names):
            group, split = pair_of.get(stem, stem), split_of_video.get(stem, "")
            items.append(_item(path, file, "real", group, split, "", (stem,), compression))
        for method in METHODS:
            swapped = [f"{a}_{b}" for one, other in pairs for a, b in ((one, other), (other, one))] if split_of else None
            for stem, file in _videos(path / MANIPULATED / method / compression / "videos", swapped):
                target, _, source = stem.partition("_")
                group, split = pair_of.get(target, target), split_of_video.get(target, "")
                items.append(_item(path, file, "fake", group, split, method, (target, source) if source else (target,), compression))
    return items


def _item(
    root: Path, file: Path, label: str, group: str, split: str, method: str, sources: tuple[str, ...], compression: str
) -> LabelledItem:
    name = file.relative_to(root).as_posix()
    return LabelledItem(file, name, LABELS[label], group, split, method, SET_NAME, sources=sources, compression=compression)


def _videos(folder: Path, names: list[str] | None) -> Iterator[tuple[str, Path]]:
    """(name, file) of the listed videos, or of the existing ones; empty if the folder does not exist."""
    if folder.is_dir():
        found = sorted(file.stem for file in folder.glob("*.mp4")) if names is None else names
        yield from ((name, folder / f"{name}.mp4") for name in found)


def _listed_pairs(path: Path) -> dict[Pair, str]:
    """Every listed pair with its split, in the order of the lists."""
    split_of: dict[Pair, str] = {}
    seen: dict[str, str] = {}
    for split, name in LISTS.items():
        file = next((place for place in (path / name, path / "splits" / name) if place.is_file()), None)
        for pair in _read_pairs(file) if file else ():
            for video in pair:
                if video in seen:
                    raise DatasetError(f"{file}: video {video} is listed in {seen[video]} already; take the published lists")
                seen[video] = name
            split_of[pair] = split
    return split_of


def _read_pairs(file: Path) -> list[Pair]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        pairs = [(row[0], row[1]) for row in rows if isinstance(row, list) and len(row) == 2 and all(isinstance(v, str) for v in row)]
        if not isinstance(rows, list) or len(pairs) != len(rows):
            raise ValueError('expected a list of pairs of names, such as [["000", "003"]]')
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(f"{file}: cannot be read as a list of pairs: {error}; take the published lists") from error
    if wrong := [name for pair in pairs for name in pair if not re.fullmatch(r"\w+", name)]:
        raise DatasetError(f"{file}: expected names of videos such as 000, got {wrong[0]!r}; take the published lists")
    return pairs


def _pairs_of_names(path: Path) -> list[Pair]:
    """The pairs according to the names of the manipulated videos."""
    files = (path / MANIPULATED).glob("*/*/videos/*_*.mp4")
    stems = {file.stem for file in files if file.parts[-4] in METHODS}
    found = {tuple(sorted(stem.split("_", 1))) for stem in stems}
    return sorted((one, other) for one, other in found)
