"""Items -> train, validation and test, so that nothing that belongs together is ever on two sides.

What belongs together: items that share a group, a source or an identity, and what these share again in turn (connected components). Splits
that a data set gives are kept as they are. Pure: knows items, not files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from screener.datasets.item import LABELS, LabelledItem
from screener.errors import DatasetError, SettingsError

Plan = tuple[str, ...]
"""For each item, in order, the name of its split, or nothing where the fold leaves it out."""

Token = tuple[str, str]


def plan_folds(
    items: Sequence[LabelledItem], folds: int = 1, validation_share: float = 0.2, test_share: float = 0.0, seed: int = 0
) -> list[Plan]:
    """The splits of every fold, in order.

    Given splits stay; an item without one joins the only split that what it belongs with is in, else the training data. Where no validation
    split is given, it is cut from the training data: for one fold `validation_share` of it, for several one k-th each. Where no test split
    is given, `test_share` is cut off first. Both labels are spread alike.

    Where swaps tie all persons together so that nothing can be cut, whole persons go to one side, and a fold leaves out the swaps between
    persons of different sides. Raises SettingsError when folds are asked of data that gives its validation split, DatasetError when the
    data falls into too few parts.
    """
    given = {item.split for item in items}
    if "validation" in given and folds > 1:
        raise SettingsError(f"folds: expected 1, for the data gives its own validation split, got {folds}")
    fixed = _spread_given_splits(items)
    if "validation" in given:
        return [tuple("train" if split == "" else split or "" for split in fixed)]
    shares = _shares(folds, validation_share, 0.0 if "test" in given else test_share)
    free = [i for i, split in enumerate(fixed) if split in ("", "train")]
    touched = dict(zip(free, _cut([items[i] for i in free], list(shares.values()), seed), strict=True))
    plans = []
    for number in range(folds):
        roles = _roles(list(shares), number)
        plans.append(tuple(_one({roles[part] for part in touched[i]}) if i in touched else fixed[i] or "" for i in range(len(items))))
    return plans


def components(items: Sequence[LabelledItem]) -> NDArray[np.int64]:
    """(n,) number of the connected component of each item: those with the same number belong together."""
    union = _Union()
    for i, item in enumerate(items):
        union.join([("item", str(i)), *_bonds(item), *(("identity", name) for name in item.identities)])
    return _numbered([union.find(("item", str(i))) for i in range(len(items))])


def _bonds(item: LabelledItem) -> list[Token]:
    """What an item shares with others, identities left out. Its own name is a source: of whatever says it was made from it."""
    return [("group", item.group), ("source", item.name), *(("source", name) for name in item.sources)]


def _numbered(roots: Sequence[Token]) -> NDArray[np.int64]:
    numbers: dict[Token, int] = {}
    return np.array([numbers.setdefault(root, len(numbers)) for root in roots], np.int64)


class _Union:
    """Union-find (Tarjan 1975), with path halving."""

    def __init__(self) -> None:
        self._parent: dict[Token, Token] = {}

    def find(self, token: Token) -> Token:
        parent = self._parent
        parent.setdefault(token, token)
        while parent[token] != token:
            parent[token] = parent[parent[token]]
            token = parent[token]
        return token

    def join(self, tokens: Sequence[Token]) -> None:
        root = self.find(tokens[0])
        for token in tokens[1:]:
            self._parent[self.find(token)] = root


def _spread_given_splits(items: Sequence[LabelledItem]) -> list[str | None]:
    """The split of each item as given or shared by what it belongs with, empty when that has none, None when it has several."""
    whole = components(items)
    given: dict[int, set[str]] = {}
    for item, number in zip(items, whole, strict=True):
        given.setdefault(int(number), set()).update({item.split} - {""})
    shared = [given[int(number)] for number in whole]
    return [item.split or (None if len(splits) > 1 else next(iter(splits), "")) for item, splits in zip(items, shared, strict=True)]


def _shares(folds: int, validation_share: float, test_share: float) -> dict[str, float]:
    """Part -> share of the free items, what is held out first."""
    test = {"test": test_share} if test_share else {}
    if folds == 1:
        return {**test, "0": validation_share, "train": 1 - validation_share - test_share}
    return {**test, **{str(number): (1 - test_share) / folds for number in range(folds)}}


def _roles(parts: Sequence[str], fold: int) -> list[str]:
    """The split that each part is in one fold."""
    return ["test" if part == "test" else "validation" if part == str(fold) else "train" for part in parts]


def _one(splits: set[str]) -> str:
    """The one split in `splits`, or nothing."""
    return next(iter(splits)) if len(splits) == 1 else ""


def _cut(items: Sequence[LabelledItem], shares: Sequence[float], seed: int) -> list[set[int]]:
    """For each item the parts that it touches: one, or several when it is a swap between persons of different parts."""
    labels = np.array([item.label for item in items], np.int64)
    whole = components(items)
    parts = _allocate(_counts(whole, labels, len(set(whole.tolist()))), shares, seed)
    touched = [{int(parts[number])} for number in whole]
    if _is_complete(touched, labels, len(shares)):
        return touched
    own, touching, count = _by_person(items)
    parts = _allocate(_counts(own, labels, count), shares, seed)
    touched = [{int(parts[number]) for number in numbers} for numbers in touching]
    if _is_complete(touched, labels, len(shares)):
        return touched
    amounts = " and ".join(f"{len(set(whole[labels == label].tolist()))} with {name} ones" for name, label in LABELS.items())
    raise DatasetError(
        f"{len(items)} files fall into too few independent groups to be cut into {len(shares)} parts with both classes in each "
        f"({amounts}); ask for fewer folds, add data, or give the splits in a manifest"
    )


def _by_person(items: Sequence[LabelledItem]) -> tuple[NDArray[np.int64], list[set[int]], int]:
    """Components that no swap ties together: it belongs with its first person and merely touches the others.

    -> (n,) component of each item, the components that each touches, and how many there are.
    """
    union = _Union()
    for i, item in enumerate(items):
        union.join([("item", str(i)), *_bonds(item), *(("identity", name) for name in item.identities[:1])])
    tokens = [[("item", str(i)), *(("identity", name) for name in item.identities[1:])] for i, item in enumerate(items)]
    flat = _numbered([union.find(token) for several in tokens for token in several])
    touching = np.split(flat, np.cumsum([len(several) for several in tokens])[:-1])
    return np.array([numbers[0] for numbers in touching], np.int64), [set(numbers.tolist()) for numbers in touching], int(flat.max()) + 1


def _counts(component: NDArray[np.int64], labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count, 2): how many items of each label a component holds."""
    counts = np.zeros((count, len(LABELS)), np.int64)
    np.add.at(counts, (component, labels), 1)
    return counts


def _allocate(counts: NDArray[np.int64], shares: Sequence[float], seed: int) -> NDArray[np.int64]:
    """(components, 2) counts -> (components,) part of each: the largest first, each to the part that lacks its labels most."""
    totals = np.maximum(counts.sum(0), 1)
    wanted = np.asarray(shares)[:, None] * totals
    lacking = wanted.copy()
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    parts = np.zeros(len(counts), np.int64)
    for number in order:
        # A person who is only ever the face of swaps has a component without items; it goes where most is lacking.
        need = (lacking / wanted) @ (counts[number] / totals + 1e-9)
        parts[number] = int(need.argmax())
        lacking[parts[number]] -= counts[number]
    return parts


def _is_complete(touched: Iterable[set[int]], labels: NDArray[np.int64], parts: int) -> bool:
    """Whether every part holds, on its own, items of every label that there is."""
    held = {(next(iter(where)), int(label)) for where, label in zip(touched, labels, strict=True) if len(where) == 1}
    return all((part, int(label)) in held for part in range(parts) for label in np.unique(labels))
