"""What two splits share, or would share once the data is split: videos, sources, people, groups, files and near copies of pictures.

Pure: knows items, digests and fingerprints, not files.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.datasets.audit.fingerprints import Places, near_pairs
from screener.datasets.audit.incidental_facts import FileFacts
from screener.datasets.item import LabelledItem
from screener.settings.audit import AuditSettings


@dataclass(frozen=True)
class Leak:
    """kind: from KINDS. shared: what its members have in common, as named in the data set. names, splits, labels: of each member.

    correlation: of the fine detail of two near copies, else 1.
    """

    kind: str
    shared: str
    names: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[int, ...]
    correlation: float = 1.0


@dataclass(frozen=True)
class Kind:
    """words: singular and plural for a sentence. tokens: what an item may share with others, None if contents are compared instead."""

    words: tuple[str, str]
    tokens: Callable[[LabelledItem], Iterable[str]] | None = None


KINDS: dict[str, Kind] = {
    "video": Kind(("video", "videos"), lambda item: (os.path.realpath(item.path),)),
    "source": Kind(("source", "sources"), lambda item: (item.name, *item.sources)),
    "identity": Kind(("person", "persons"), lambda item: item.identities),
    "group": Kind(("group", "groups"), lambda item: (item.group,)),
    "file": Kind(("set of identical files", "sets of identical files")),
    "picture": Kind(("pair of near-identical pictures", "pairs of near-identical pictures")),
    "made_from": Kind(("pair of a real picture and a fake made from it", "pairs of real pictures and fakes made from them")),
    "label": Kind(("file labelled both real and fake", "files labelled both real and fake")),
}
"""All ways in which training data can leak into test data."""


def find_leaks(files: Sequence[FileFacts], settings: AuditSettings) -> tuple[Leak, ...]:
    """All leaks, by kind; near copies with the closest first.

    Items without a split will be split by group, so copies in different groups are leaks for them.
    """
    items = [file.item for file in files]
    read = [file for file in files if not file.failure]
    return (*shared_names(items), *identical_files(read), *near_copies(read, settings))


def shared_names(items: Sequence[LabelledItem]) -> list[Leak]:
    """What occurs in more than one split according to the data set itself."""
    leaks = []
    for name, kind in KINDS.items():
        members: dict[str, list[LabelledItem]] = defaultdict(list)
        for item in items if kind.tokens else ():
            for token in dict.fromkeys(kind.tokens(item) if kind.tokens else ()):
                members[token].append(item)
        leaks += [_leak(name, token, shared) for token, shared in members.items() if len({item.split for item in shared} - {""}) > 1]
    return leaks


def identical_files(files: Sequence[FileFacts]) -> list[Leak]:
    """Identical files in different splits, or in groups that may be split, and those with both labels."""
    members: dict[str, list[LabelledItem]] = defaultdict(list)
    for file in files:
        members[file.sha256].append(file.item)
    leaks = []
    for digest, same in members.items():
        if len({item.label for item in same}) > 1:
            leaks.append(_leak("label", digest[:16], same))
        if _are_parted(same):
            leaks.append(_leak("file", digest[:16], same))
    return leaks


def near_copies(files: Sequence[FileFacts], settings: AuditSettings) -> list[Leak]:
    """Nearly identical pictures, or videos with nearly identical middle frames, in different splits or in groups that may be split."""
    # Identical files are found by their bytes, so one of each is compared.
    distinct = list({file.sha256: file for file in files if file.fingerprint is not None}.values())
    items = [file.item for file in distinct]
    splits, groups = _numbers([item.split for item in items]), _numbers([item.group for item in items])
    unsplit = np.array([not item.split for item in items], bool)

    def matters(first: Places, second: Places) -> NDArray[np.bool_]:
        open_ones = unsplit[first] | unsplit[second]
        return np.asarray(np.where(open_ones, groups[first] != groups[second], splits[first] != splits[second]), np.bool_)

    pairs = near_pairs([file.fingerprint for file in distinct if file.fingerprint], settings.hash_bits, settings.correlation, matters)
    leaks = []
    for pair in pairs:
        both = [items[pair.first], items[pair.second]]
        kind = "picture" if both[0].label == both[1].label else "made_from"
        leaks.append(_leak(kind, f"{pair.bits} of 64 bits", both, round(pair.correlation, 4)))
    return leaks


def _are_parted(items: Sequence[LabelledItem]) -> bool:
    """Whether the items are in several splits or, if they have none, in several groups."""
    splits = {item.split for item in items}
    return len(splits - {""}) > 1 or ("" in splits and len({item.group for item in items}) > 1)


def _leak(kind: str, shared: str, items: Sequence[LabelledItem], correlation: float = 1.0) -> Leak:
    names, splits, labels = tuple(i.name for i in items), tuple(i.split for i in items), tuple(i.label for i in items)
    return Leak(kind, shared, names, splits, labels, correlation)


def _numbers(names: Sequence[str]) -> Places:
    places: dict[str, int] = {}
    return np.array([places.setdefault(name, len(places)) for name in names], np.int64)
