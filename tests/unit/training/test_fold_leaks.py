"""What the splits of a fold share, said in words, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from screener.errors import DatasetError
from screener.training.fold_leaks import fold_leaks
from screener.training.folds import FeatureFold, FoldRow, FoldSplit


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
