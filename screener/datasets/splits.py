"""Splits items into train, validation and test such that related items are never on two sides.

Items are related if they share a group, a source or an identity, directly or through other items (connected components). Splits given by a
data set are kept. Pure: knows items, not files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from screener.datasets.item import LABELS, LabelledItem
from screener.errors import DatasetError, SettingsError

Plan = tuple[str, ...]
"""For each item, in order, the name of its split, or empty if the fold leaves it out."""

Token = tuple[str, str]


def plan_folds(
    items: Sequence[LabelledItem], folds: int = 1, validation_share: float = 0.2, test_share: float = 0.0, seed: int = 0
) -> list[Plan]:
    """The splits of every fold, in order.

    Given splits are kept; an item without one joins the split of its related items if that is unique, else the training data. If no
    validation split is given, it is cut from the training data: `validation_share` of it for one fold, one k-th each for k folds. If no
    test split is given, `test_share` is cut off first. Both labels are distributed evenly.

    If swaps relate all people so that nothing can be cut, whole people are assigned to sides, and a fold leaves out the swaps between
    people of different sides. Raises SettingsError if several folds are requested of data that gives its validation split, DatasetError if
    the data consists of too few unrelated parts.
    """
    if not 0 < validation_share < 1 or not 0 <= test_share < 1 - validation_share:
        raise SettingsError(f"validation_share and test_share: expected shares that leave some, got {validation_share} and {test_share}")
    given = {item.split for item in items}
    if "validation" in given and folds > 1:
        raise SettingsError(f"folds: expected 1, for the data gives its own validation split, got {folds}")
    fixed = _spread_given_splits(items)
    held_out = 0.0 if "test" in given else test_share
    if "validation" in given and not held_out:
        return [tuple("train" if split == "" else split or "" for split in fixed)]
    shares = {"test": held_out, "train": 1 - held_out} if "validation" in given else _shares(folds, validation_share, held_out)
    free = [i for i, split in enumerate(fixed) if split in ("", "train")]
    touched = dict(zip(free, _cut([items[i] for i in free], list(shares.values()), seed), strict=True))
    plans = []
    for number in range(folds):
        roles = _roles(list(shares), number)
        plans.append(tuple(_one({roles[part] for part in touched[i]}) if i in touched else fixed[i] or "" for i in range(len(items))))
    return plans


def components(items: Sequence[LabelledItem]) -> NDArray[np.int64]:
    """(n,) number of the connected component of each item: related items have the same number."""
    return _connected([[*_bonds(item), *(("identity", name) for name in item.identities)] for item in items])[0]


def _bonds(item: LabelledItem) -> list[Token]:
    """What an item may share with others, without identities. Its own name counts as a source, for items that were made from it."""
    return [("group", item.group), ("source", item.name), *(("source", name) for name in item.sources)]


def _connected(bonds: Sequence[Sequence[Token]]) -> tuple[NDArray[np.int64], dict[Token, int]]:
    """Tokens of each item -> (n,) component of each item, and the component of each token."""
    numbers: dict[Token, int] = {}
    item = [i for i, tokens in enumerate(bonds) for _ in tokens]
    token = [len(bonds) + numbers.setdefault(name, len(numbers)) for tokens in bonds for name in tokens]
    size = len(bonds) + len(numbers)
    _, found = connected_components(coo_array((np.ones(len(item), np.int8), (item, token)), shape=(size, size)), directed=False)
    return found[: len(bonds)].astype(np.int64), {name: int(found[len(bonds) + number]) for name, number in numbers.items()}


def _spread_given_splits(items: Sequence[LabelledItem]) -> list[str | None]:
    """The split of each item as given or shared by related items, empty if they have none, None if they have several."""
    whole = components(items)
    given: dict[int, set[str]] = {}
    for item, number in zip(items, whole, strict=True):
        given.setdefault(int(number), set()).update({item.split} - {""})
    shared = [given[int(number)] for number in whole]
    return [item.split or (None if len(splits) > 1 else next(iter(splits), "")) for item, splits in zip(items, shared, strict=True)]


def _shares(folds: int, validation_share: float, test_share: float) -> dict[str, float]:
    """Part -> share of the free items; the parts that are held out come first."""
    test = {"test": test_share} if test_share else {}
    if folds == 1:
        return {**test, "0": validation_share, "train": 1 - validation_share - test_share}
    return {**test, **{str(number): (1 - test_share) / folds for number in range(folds)}}


def _roles(parts: Sequence[str], fold: int) -> list[str]:
    """The split that each part is in one fold."""
    return ["test" if part == "test" else "validation" if part == str(fold) else "train" for part in parts]


def _one(splits: set[str]) -> str:
    """The only split in `splits`, else empty."""
    return next(iter(splits)) if len(splits) == 1 else ""


def _cut(items: Sequence[LabelledItem], shares: Sequence[float], seed: int) -> list[set[int]]:
    """For each item the parts that it touches: one, or several for a swap between people of different parts."""
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
    """Components that swaps do not connect: a swap belongs to its first person and only touches the others.

    -> (n,) component of each item, the components that each touches, and the number of components.
    """
    own, of_token = _connected([[*_bonds(item), *(("identity", name) for name in item.identities[:1])] for item in items])
    count = int(own.max()) + 1
    touching = []
    for item, number in zip(items, own, strict=True):
        others = [("identity", name) for name in item.identities[1:]]
        # A person who is only ever the second one of swaps is a component without items.
        new = [token for token in others if token not in of_token]
        of_token |= {token: count + i for i, token in enumerate(new)}
        count += len(new)
        touching.append({int(number), *(of_token[token] for token in others)})
    return own, touching, count


def _counts(component: NDArray[np.int64], labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count, 2): number of items of each label in a component."""
    counts = np.zeros((count, len(LABELS)), np.int64)
    np.add.at(counts, (component, labels), 1)
    return counts


def _allocate(counts: NDArray[np.int64], shares: Sequence[float], seed: int) -> NDArray[np.int64]:
    """(components, 2) counts -> (components,) part of each: largest first, each to the part that lacks its labels most.

    What is larger than a part lacks goes where most is lacking, so that one large component does not fill a small part several times over;
    but every part keeps a component of each label, if there are as many.
    """
    totals = np.maximum(counts.sum(0), 1)
    # Integers, so that the remainder goes where it is nearest; and at least one for every part.
    wanted = np.maximum(np.round(np.asarray(shares)[:, None] * totals), 1)
    lacking, empty = wanted.copy(), np.ones((len(wanted), len(LABELS)), np.bool_)
    left = (counts > 0).sum(0)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    parts = np.zeros(len(counts), np.int64)
    for number in order:
        has = counts[number] > 0
        # A component without items goes where most is lacking.
        weights = counts[number] / totals + 1e-9
        fits = (lacking >= counts[number])[:, has].all(1)
        relative, absolute = (lacking / wanted) @ weights, lacking @ weights
        need = np.where(fits, 1 + relative - relative.min(), absolute - absolute.max())
        due = empty[:, has & (left <= empty.sum(0))].any(1)
        parts[number] = int(np.where(due | ~due.any(), need, -np.inf).argmax())
        lacking[parts[number]] -= counts[number]
        empty[parts[number], has] = False
        left -= has
    return parts


def _is_complete(touched: Iterable[set[int]], labels: NDArray[np.int64], parts: int) -> bool:
    """Whether every part contains items of every label that occurs, not counting items that touch several parts."""
    held = {(next(iter(where)), int(label)) for where, label in zip(touched, labels, strict=True) if len(where) == 1}
    return all((part, int(label)) in held for part in range(parts) for label in np.unique(labels))
