"""Training and evaluation parts: disjoint, with both classes, and without augmented copies in evaluation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import TINY_PREPROCESSING
from hypothesis import given
from hypothesis import strategies as st

from screener.errors import DatasetError
from screener.training.fold_parts import fold_leaks, held_out_rows, parts_of
from screener.training.folds import FeatureFold, FoldRow, FoldSplit

from .feature_folds import SHAPE, feature_fold, features, rows, split


def fold_of(**splits: tuple[FoldRow, ...]) -> FeatureFold:
    return FeatureFold(Path("folds"), 1, "", TINY_PREPROCESSING, SHAPE, {name: split(name, its) for name, its in splits.items()})


def copies(row: FoldRow, count: int) -> list[FoldRow]:
    return [replace(row, augmentation=n) for n in range(count + 1)]


def test_given_splits_are_taken_as_they_are() -> None:
    parts = parts_of(feature_fold(sizes={"train": 10, "validation": 6, "test": 4}), 0.2, 0)
    assert [len(parts.train), len(parts.validation), len(parts.test or [])] == [10, 6, 4]
    assert [row.name for row in parts.validation.rows] == [f"validation-{n}.png" for n in range(6)]
    assert parts.train.labels.tolist() == [0, 1] * 5


def test_copies_are_learnt_from_and_never_judged_by() -> None:
    train = [copy for row in rows(8, "t") for copy in copies(row, 2)]
    held = [copy for row in rows(4, "v") for copy in copies(row, 2)]
    parts = parts_of(fold_of(train=tuple(train), validation=tuple(held), test=tuple(held)), 0.2, 0)
    assert len(parts.train) == 24
    assert [row.augmentation for row in parts.validation.rows] == [0] * 4
    assert parts.test is not None
    assert len(parts.test) == 4


def test_without_a_validation_split_whole_groups_are_held_out() -> None:
    train = tuple(copy for row in rows(40) for copy in copies(row, 3))
    parts = parts_of(fold_of(train=train), 0.2, 0)
    learnt, held = {row.name for row in parts.train.rows}, {row.name for row in parts.validation.rows}
    assert not learnt & held
    assert learnt | held == {row.name for row in train}
    assert len(held) == 8
    assert sorted(parts.validation.labels.tolist()) == [0] * 4 + [1] * 4
    # The copies of what is held out are neither learnt from nor judged by.
    assert len(parts.train) == 32 * 4
    assert len(parts.validation) == 8


def test_the_held_out_rows_follow_the_seed() -> None:
    its = rows(60)
    first, again, other = (held_out_rows(its, 0.2, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 11), st.integers(0, 11), st.integers(0, 14)), min_size=12, max_size=60))
def test_nothing_that_belongs_together_is_on_two_sides(drawn: list[tuple[int, int, int, int]]) -> None:
    its = [
        FoldRow(f"{number}.mp4", label, f"g{group}", f"s{source}", identities=(f"p{who}",))
        for number, (label, group, source, who) in enumerate(drawn)
    ]
    if len({row.label for row in its}) < 2:
        return
    try:
        learnt, held = held_out_rows(its, 0.2, 0)
    except DatasetError:
        return
    assert not (learnt & held).any()
    for key in ("group", "source", "identities"):
        assert not {getattr(row, key) for row, mark in zip(its, learnt, strict=True) if mark} & {
            getattr(row, key) for row, mark in zip(its, held, strict=True) if mark
        }
    assert {row.label for row, mark in zip(its, held, strict=True) if mark} == {0, 1}


def test_rows_that_all_hang_together_cannot_be_cut() -> None:
    one_scene = tuple(replace(row, group="scene") for row in rows(20))
    with pytest.raises(DatasetError, match=r"folds: fold 1 has no validation split, and none can be held out.*too few independent groups"):
        parts_of(fold_of(train=one_scene), 0.2, 0)


def test_a_fold_with_a_test_split_alone_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"folds: fold 1 has no train split \(it has: test\)"):
        parts_of(fold_of(test=rows(4)), 0.2, 0)


@pytest.mark.parametrize("name", ["train", "validation"])
def test_one_class_alone_is_refused(name: str) -> None:
    splits = {"train": rows(6, "t"), "validation": rows(6, "v")}
    splits[name] = tuple(replace(row, label=1) for row in splits[name])
    with pytest.raises(DatasetError, match=rf"split {name}: expected real and fake rows, has 6 that are all fake"):
        parts_of(fold_of(**splits), 0.2, 0)


def test_a_test_split_of_one_class_is_allowed() -> None:
    reals = tuple(replace(row, label=0) for row in rows(3))
    parts = parts_of(fold_of(train=rows(6, "t"), validation=rows(6, "v"), test=reals), 0.2, 0)
    assert parts.test is not None
    assert parts.test.labels.tolist() == [0, 0, 0]


def test_features_come_in_the_order_asked_for() -> None:
    fold = feature_fold(sizes={"train": 10, "validation": 4})
    part = parts_of(fold, 0.2, 0).train
    chosen = np.array([7, 0, 9, 3])
    assert np.array_equal(part.features(chosen), np.asarray(fold.splits["train"].features[np.arange(10)])[chosen])


def test_a_feature_that_is_no_number_is_named_by_file_and_row() -> None:
    its = rows(6)
    values = features([row.label for row in its])
    values[4, 2, 1, 1] = np.inf
    fold = FeatureFold(
        Path("folds"), 1, "", TINY_PREPROCESSING, SHAPE, {"train": FoldSplit("train", its, values), "validation": split("validation", its)}
    )
    part = parts_of(fold, 0.2, 0).train
    part.features(np.array([0, 1, 2, 3, 5]))
    with pytest.raises(DatasetError, match=r"row 4 of split train \(4\.png\)"):
        part.features(np.array([5, 4]))


def fold(train: list[FoldRow], validation: list[FoldRow]) -> FeatureFold:
    nothing = np.zeros((0, 2, 2, 2), np.float16)
    splits = {name: FoldSplit(name, tuple(rows), nothing) for name, rows in (("train", train), ("validation", validation))}
    return FeatureFold(Path("folds"), 1, "", None, (2, 2, 2), splits)


A = FoldRow("real/a.mp4", 0, "a", "real/a.mp4", 0.0)
B = FoldRow("fake/b.mp4", 1, "b", "fake/b.mp4", 0.0)


def test_frames_and_copies_inside_one_split_are_no_leak() -> None:
    assert fold_leaks([fold([A, replace(A, seconds=1.0), replace(A, augmentation=1)], [B])], strict=True) == []


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (A, "video"),
        (replace(B, source="real/a.mp4"), "source"),
        (replace(B, group="a"), "group"),
        (replace(B, identities=("ann",)), "person"),
    ],
)
def test_what_two_splits_share_is_named(other: FoldRow, word: str) -> None:
    shared = fold([replace(A, identities=("ann",))], [other])
    warnings = fold_leaks([shared], strict=False)
    assert any(f"fold 1: 1 {word} is in more than one split" in text for text in warnings)
    with pytest.raises(DatasetError, match=f"1 {word} is in more than one split"):
        fold_leaks([shared], strict=True)
