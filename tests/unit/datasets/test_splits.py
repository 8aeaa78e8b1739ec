"""Splits: nothing that belongs together is on two sides, labels are spread alike, given splits stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.datasets import LabelledItem, components, plan_folds, read_data
from screener.errors import DatasetError, SettingsError

from . import trees


def item(name: str, label: int = 0, group: str = "", **changes: Any) -> LabelledItem:
    return LabelledItem(Path(name), name, label, group or name, **changes)


def singles(reals: int, fakes: int, **changes: Any) -> list[LabelledItem]:
    return [item(f"{label}/{i}", label, **changes) for label, count in ((0, reals), (1, fakes)) for i in range(count)]


def counts(items: Sequence[LabelledItem], plan: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Split -> number of real and of fake items."""
    pairs = list(zip(items, plan, strict=True))
    return {s: (sum(p == s and not i.label for i, p in pairs), sum(p == s and i.label for i, p in pairs)) for s in sorted(set(plan))}


def shared(items: Sequence[LabelledItem]) -> networkx.Graph:
    """An edge wherever two items share a group, a person or a source: an independent and quadratic way to say it."""
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(items)))
    for i, one in enumerate(items):
        for j, other in enumerate(items[:i]):
            sources = {one.name, *one.sources} & {other.name, *other.sources}
            if one.group == other.group or set(one.identities) & set(other.identities) or sources:
                graph.add_edge(i, j)
    return graph


def tangled() -> st.SearchStrategy[list[LabelledItem]]:
    names = st.integers(0, 12)
    rows = st.lists(st.tuples(st.integers(0, 1), names, st.lists(names, max_size=2), st.lists(names, max_size=2)), min_size=1, max_size=30)
    return rows.map(
        lambda found: [
            item(f"n{i}", label, f"g{group}", identities=tuple(f"p{p}" for p in people), sources=tuple(f"n{s}" for s in sources))
            for i, (label, group, people, sources) in enumerate(found)
        ]
    )


@given(tangled())
def test_components_are_those_of_the_graph_of_what_is_shared(items: list[LabelledItem]) -> None:
    numbers = components(items).tolist()
    found = {frozenset(i for i, n in enumerate(numbers) if n == number) for number in numbers}
    assert found == {frozenset(members) for members in networkx.connected_components(shared(items))}


@given(tangled(), st.integers(1, 4), st.integers(0, 5))
def test_what_belongs_together_stays_together(items: list[LabelledItem], folds: int, seed: int) -> None:
    try:
        plans = plan_folds(items, folds, test_share=0.2, seed=seed)
    except DatasetError:
        return
    for plan in plans:
        for one, other in shared(items).edges:
            assert not (plan[one] and plan[other]) or plan[one] == plan[other]


def test_80_to_20_with_both_labels_alike() -> None:
    items = singles(1081, 960)
    (plan,) = plan_folds(items)
    assert counts(items, plan) == {"train": (865, 768), "validation": (216, 192)}


@pytest.mark.parametrize(("reals", "fakes", "held"), [(6, 6, (1, 1)), (2, 30, (1, 6)), (7, 8, (1, 2))])
def test_few_files_are_rounded_but_never_to_nothing(reals: int, fakes: int, held: tuple[int, int]) -> None:
    items = singles(reals, fakes)
    (plan,) = plan_folds(items)
    assert counts(items, plan) == {"train": (reals - held[0], fakes - held[1]), "validation": held}


def test_the_seed_decides_and_nothing_else() -> None:
    items = singles(50, 50)
    assert plan_folds(items, seed=1) == plan_folds(items, seed=1) != plan_folds(items, seed=2)


def test_folds_take_turns() -> None:
    items = singles(25, 50)
    plans = plan_folds(items, folds=5)
    assert [counts(items, plan) for plan in plans] == [{"train": (20, 40), "validation": (5, 10)}] * 5
    assert all(sum(plan[i] == "validation" for plan in plans) == 1 for i in range(len(items)))


def test_a_test_split_is_the_same_in_every_fold() -> None:
    items = singles(40, 40)
    plans = plan_folds(items, folds=3, test_share=0.25)
    assert [counts(items, plan)["test"] for plan in plans] == [(10, 10)] * 3
    assert len({tuple(i for i, split in enumerate(plan) if split == "test") for plan in plans}) == 1


def test_a_test_split_is_held_out_beside_a_given_validation_split() -> None:
    items = [*singles(40, 40, split="train"), *[item(f"v{label}/{i}", label, split="validation") for label in (0, 1) for i in range(8)]]
    (plan,) = plan_folds(items, test_share=0.25)
    assert counts(items, plan) == {"test": (10, 10), "train": (30, 30), "validation": (8, 8)}
    (plan,) = plan_folds([*items, item("t/0", split="test"), item("t/1", 1, split="test")], test_share=0.25)
    assert plan.count("test") == 2


def test_large_groups_are_balanced() -> None:
    items = [item(f"{g}/{k}", label, f"g{g}") for g in range(20) for label in (0, 1) for k in range(1 + g % 5)]
    (plan,) = plan_folds(items, validation_share=0.3)
    real, fake = counts(items, plan)["validation"]
    assert real == fake and abs(real - 0.3 * len(items) / 2) <= 2


def test_what_is_larger_than_a_small_part_goes_to_the_large_one() -> None:
    """Cut by what is relatively lacking, one long video would fill the validation split five times over."""
    sizes = (600, 20, 20, 20, 20)
    items = [item(f"{g}/{label}/{k}", label, f"g{g}") for g, size in enumerate(sizes) for label in (0, 1) for k in range(size)]
    (plan,) = plan_folds(items, validation_share=0.2)
    assert counts(items, plan) == {"train": (600, 600), "validation": (80, 80)}
    (plan,) = plan_folds(items, validation_share=0.2, test_share=0.1)
    assert counts(items, plan)["train"] == (600, 600)
    assert {split: sum(count) > 0 for split, count in counts(items, plan).items()} == {"test": True, "train": True, "validation": True}


@pytest.mark.parametrize("sizes", [(5, 5), (9, 1), (1, 9), (4, 4, 4)])
def test_a_part_stays_empty_only_where_there_are_fewer_groups_than_parts(sizes: tuple[int, ...]) -> None:
    items = [item(f"{g}/{label}/{k}", label, f"g{g}") for g, size in enumerate(sizes) for label in (0, 1) for k in range(size)]
    (plan,) = plan_folds(items, validation_share=0.2, test_share=0.2 if len(sizes) > 2 else 0.0)
    assert len(counts(items, plan)) == min(len(sizes), 3)


# Given splits


def test_given_splits_stay() -> None:
    items = [*singles(3, 3, split="train"), *(item(f"v{i}", i % 2, split="validation") for i in range(2)), item("t", 1, split="test")]
    assert plan_folds(items, validation_share=0.5, test_share=0.3) == [tuple(i.split for i in items)]


def test_validation_is_cut_from_the_training_data_only() -> None:
    items = [*singles(10, 10, split="train"), *(item(f"t{i}", i % 2, split="test") for i in range(6))]
    (plan,) = plan_folds(items, test_share=0.3)
    assert counts(items, plan) == {"test": (3, 3), "train": (8, 8), "validation": (2, 2)}
    assert all(split == "test" for i, split in zip(items, plan, strict=True) if i.split == "test")
    assert [counts(items, plan)["validation"] for plan in plan_folds(items, folds=5)] == [(2, 2)] * 5


def test_an_item_without_a_split_joins_what_it_belongs_with() -> None:
    items = [
        *singles(5, 5),
        item("tested", 0, "scene", split="test"),
        item("same scene", 1, "scene"),
        item("made from it", 1, "other", sources=("tested",)),
        item("torn a", 0, "torn", split="train"),
        item("torn b", 0, "torn", split="test"),
        item("torn c", 1, "torn"),
    ]
    (plan,) = plan_folds(items)
    by_name = {i.name: split for i, split in zip(items, plan, strict=True)}
    assert by_name["same scene"] == by_name["made from it"] == "test"
    # Whoever gives the splits tore this scene apart; what they left open is left out.
    assert by_name["torn c"] == "" and by_name["torn b"] == "test" and by_name["torn a"] in ("train", "validation")


def test_no_folds_where_validation_is_given() -> None:
    with pytest.raises(SettingsError, match="folds: expected 1, for the data gives its own validation split, got 3"):
        plan_folds([item("a", 0, split="train"), item("b", 1, split="validation")], folds=3)


# Swaps that tie everybody together


def test_swaps_between_persons_of_both_sides_are_left_out(tmp_path: Path) -> None:
    items = [i for i in read_data(trees.celeb_df(tmp_path, people=12)) if i.split == "train"]
    assert len(set(components([i for i in items if i.identities]).tolist())) == 1, "one component that cannot be cut"
    plans = plan_folds(items, folds=3, seed=1)
    for plan in plans:
        people = {s: {p for i, split in zip(items, plan, strict=True) if split == s for p in i.identities} for s in ("train", "validation")}
        assert not people["train"] & people["validation"]
        left_out = [i for i, split in zip(items, plan, strict=True) if not split]
        assert left_out and all(i.label for i in left_out)
        assert all(i.identities[0] in people["train"] for i in left_out if i.identities[1] in people["validation"])
        assert min(min(pair) for split, pair in counts(items, plan).items() if split) > 0


def test_too_few_groups() -> None:
    items = [item(f"r{i}", 0, "one scene") for i in range(9)] + singles(0, 9)
    with pytest.raises(DatasetError, match=r"18 files .* into 2 parts .*\(1 with real ones and 9 with fake ones\); ask for fewer folds"):
        plan_folds(items)
    with pytest.raises(SettingsError, match="validation_share and test_share"):
        plan_folds(items, validation_share=0.5, test_share=0.5)
