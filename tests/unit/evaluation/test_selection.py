"""Selecting items to evaluate: splits, and some of every method together with their scenes."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.errors import DatasetError, SettingsError
from screener.evaluation.selection import data_name, select

from .made import LIP_SYNC, SWAP, item

ITEMS = [
    *(item(f"real {i}", 0, group=f"scene {i}") for i in range(20)),
    *(item(f"swap {i}", 1, group=f"scene {i}", method=SWAP) for i in range(20)),
    *(item(f"lip {i}", 1, group=f"scene {i}", method=LIP_SYNC) for i in range(3)),
]


def test_some_of_each_method_with_the_reals_of_their_scenes() -> None:
    chosen = select(ITEMS, most_per_method=5)
    assert [one for one in ITEMS if one in chosen] == chosen
    kinds = {name: {one.group for one in chosen if one.name.startswith(name)} for name in ("real", "swap", "lip")}
    assert {name: len(groups) for name, groups in kinds.items()} == {"real": 5, "swap": 5, "lip": 3}
    assert kinds["real"] == kinds["swap"]


def test_a_smaller_choice_is_part_of_a_larger_one() -> None:
    assert set(select(ITEMS, most_per_method=3)) < set(select(ITEMS, most_per_method=4))
    assert select(ITEMS, most_per_method=100) == ITEMS


def test_one_split() -> None:
    items = [item("a", split="test"), item("b", split="train"), item("c")]
    assert [one.name for one in select(items, "test")] == ["a"]
    assert select(items) == items
    with pytest.raises(DatasetError, match="split validation: no item is in it; the splits of the 3 items are none, test, train"):
        select(items, "validation")
    with pytest.raises(SettingsError, match="split: expected one of train, validation, test, got 'val'"):
        select(items, "val")
    with pytest.raises(SettingsError, match="at least 1, got 0"):
        select(items, most_per_method=0)


def test_a_file_with_two_labels_is_an_error() -> None:
    with pytest.raises(DatasetError, match="a: is listed both as real and as fake"):
        select([item("a", 0), item("a", 1)])


def test_names_of_data(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("manifest.csv", "some.csv"):
        (folder / name).touch()
    assert [data_name(path) for path in (folder, folder / "manifest.csv", folder / "some.csv")] == ["videos", "videos", "some"]
