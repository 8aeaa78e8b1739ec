"""Feature folds on disk: what is read, and refusals that name the file for every error."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from screener.errors import DatasetError
from screener.model.preprocessing import Preprocessing
from screener.training.folds import FoldRow, open_folds, require_backbone, require_finite

SHAPE = (3, 2, 2)
PRINT = "ab" * 32
COLUMNS = ["name", "label", "group", "source", "seconds", "augmentation", "method", "identities"]


def values(count: int, start: int = 0) -> np.ndarray[Any, np.dtype[np.float16]]:
    """Row i is full of numbers around i, each different."""
    cells = int(np.prod(SHAPE))
    return (np.arange(start, start + count)[:, None] + np.arange(cells) / 16).reshape(count, *SHAPE).astype(np.float16)


def row(name: str, label: str = "real", **changes: Any) -> list[Any]:
    plain = {"group": name, "source": name, "seconds": None, "augmentation": 0, "method": "", "identities": []}
    return [name, label, *{**plain, **changes}.values()]


def document(**changes: Any) -> dict[str, Any]:
    return {
        "fold_version": 1,
        "number": 1,
        "backbone_fingerprint": PRINT,
        "preprocessing": Preprocessing(input_size=32).to_dict(),
        "feature_shape": list(SHAPE),
        "columns": COLUMNS,
        "splits": {
            "train": {"array": "train.npy", "rows": [row("a"), row("b", "fake", method="swap", identities=["p", "q"]), row("c", "fake")]},
            "validation": {"array": "validation.npy", "rows": [row("d", seconds=1.5), row("e", "fake")]},
        },
        **changes,
    }


def write(folder: Path, content: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fold.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.save(tmp_path / "train.npy", values(3))
    np.save(tmp_path / "validation.npy", values(2, 10))
    return write(tmp_path, document())


def test_one_fold(folder: Path) -> None:
    (fold,) = open_folds(folder)
    assert (fold.folder, fold.number, fold.backbone_fingerprint, fold.feature_shape) == (folder, 1, PRINT, SHAPE)
    assert fold.preprocessing == Preprocessing(input_size=32)
    assert list(fold.splits) == ["train", "validation"]
    train, validation = fold.splits["train"], fold.splits["validation"]
    assert train.rows[1] == FoldRow("b", 1, "b", "b", None, 0, "swap", ("p", "q")) and validation.rows[0].seconds == 1.5
    assert train.labels.tolist() == [0, 1, 1] and train.labels.dtype == np.int64
    np.testing.assert_array_equal(train.features[0:3], values(3))
    np.testing.assert_array_equal(validation.features[np.array([1, 0, 1])], values(2, 10)[[1, 0, 1]])
    assert train.features[0:1].dtype == np.float16 and len(train) == len(train.features) == 3


def test_several_folds_share_what_is_stored_once(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", values(4))
    for number, (learnt, held) in {2: ([0, 1, 3], [2]), 10: ([1, 2], [3, 0])}.items():
        splits = {
            name: {"array": "../features.npy", "indices": indices, "rows": [row(f"r{i}") for i in indices]}
            for name, indices in (("train", learnt), ("validation", held))
        }
        write(tmp_path / f"fold-{number}", document(number=number, splits=splits))
    first, second = open_folds(tmp_path)
    assert (first.number, second.number) == (2, 10)
    np.testing.assert_array_equal(first.splits["train"].features[1:3], values(4)[[1, 3]])
    np.testing.assert_array_equal(second.splits["validation"].features[np.array([1])], values(4)[[0]])
    # One of them can be opened by itself.
    assert open_folds(tmp_path / "fold-10")[0].number == 10


@given(st.lists(st.integers(0, 19), min_size=1, max_size=12), st.data())
def test_features_are_indexed_as_numpy_would(tmp_path_factory: pytest.TempPathFactory, indices: list[int], data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("fold")
    np.save(root / "train.npy", values(20))
    splits = {"train": {"array": "train.npy", "indices": indices, "rows": [row(f"r{i}") for i in range(len(indices))]}}
    features = open_folds(write(root, document(splits=splits)))[0].splits["train"].features
    expected = values(20)[indices]
    start, stop = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))
    positions = np.array(data.draw(st.lists(st.integers(0, len(indices) - 1), max_size=8)), np.int64)
    np.testing.assert_array_equal(features[start:stop], expected[start:stop])
    np.testing.assert_array_equal(features[positions], expected[positions])


def test_features_are_sent_to_other_processes_by_name(folder: Path) -> None:
    np.save(folder / "train.npy", np.zeros((3, *SHAPE), np.float16))
    features = open_folds(folder)[0].splits["train"].features
    assert features[0:1].sum() == 0
    sent = pickle.dumps(features)
    np.save(folder / "train.npy", values(3))
    np.testing.assert_array_equal(pickle.loads(sent)[0:3], values(3))


def test_what_is_read_does_not_change_the_file(folder: Path) -> None:
    features = open_folds(folder)[0].splits["train"].features
    features[0:3][:] = 7
    np.testing.assert_array_equal(features[0:3], values(3))


def broken(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    def apply(folder: Path) -> None:
        content = document()
        change(content)
        write(folder, content)

    return apply


def truncate(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size - 1)


@pytest.mark.parametrize(
    ("damage", "file", "says"),
    [
        (lambda f: write(f, "{"), "fold.json", "cannot be read as the description of a fold"),
        (broken(lambda d: d.update(fold_version=2)), "fold.json", "fold_version: expected 1, got 2"),
        (broken(lambda d: d.pop("backbone_fingerprint")), "fold.json", "it lacks 'backbone_fingerprint'"),
        (broken(lambda d: d.update(feature_shape=[3, 2])), "fold.json", "feature_shape: expected a list of 3"),
        (broken(lambda d: d["preprocessing"].update(rule_version=99)), "fold.json", "rule_version"),
        (broken(lambda d: d["splits"]["train"]["rows"][0].pop()), "fold.json", "not enough values"),
        (broken(lambda d: d["splits"]["train"]["rows"][0].__setitem__(1, "true")), "fold.json", "it lacks 'true'"),
        (broken(lambda d: d["splits"]["train"].update(array="../../train.npy")), "fold.json", "expected a file in this folder"),
        (broken(lambda d: d["splits"]["train"]["rows"].pop()), "train.npy", "2 rows in fold.json but 3 features"),
        (broken(lambda d: d["splits"]["train"].update(indices=[0, 1, 3])), "train.npy", "holds 3 rows, but its fold asks for row 3"),
        (lambda f: (f / "train.npy").unlink(), "train.npy", "the features are missing"),
        (truncate("train.npy"), "train.npy", "cannot be opened as an array"),
        (lambda f: (f / "train.npy").write_bytes(b"nonsense"), "train.npy", "cannot be opened as an array"),
        (lambda f: np.save(f / "train.npy", np.zeros((3, *SHAPE))), "train.npy", "expected float16 of shape .* got float64"),
        (lambda f: np.save(f / "train.npy", np.zeros((3, 3, 2, 1), np.float16)), "train.npy", r"got float16 of shape \(3, 3, 2, 1\)"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, damage: Callable[[Path], Any], file: str, says: str) -> None:
    damage(folder)
    with pytest.raises(DatasetError, match=says) as refused:
        open_folds(folder)
    assert str(folder / file) in str(refused.value)


def test_folders_without_folds(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such folder"):
        open_folds(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no folds"):
        open_folds(tmp_path / "empty")
    (folder / "extraction.journal").touch()
    with pytest.raises(DatasetError, match="its extraction is not finished; repeat the screener extract command"):
        open_folds(folder)


def test_a_foreign_backbone_is_refused(folder: Path) -> None:
    (fold,) = open_folds(folder)
    require_backbone(fold, PRINT)
    with pytest.raises(DatasetError, match="from the backbone abababababab, the checkpoint's is cdcdcdcdcdcd") as refused:
        require_backbone(fold, "cd" * 32)
    assert str(folder) in str(refused.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_found_as_they_are_read(folder: Path, bad: float) -> None:
    array = values(3)
    array[2, 1, 0, 1] = bad
    np.save(folder / "train.npy", array)
    train = open_folds(folder)[0].splits["train"]
    for index in (slice(0, 2), np.array([1, 0])):
        require_finite(train, index, train.features[index])
    for index in (slice(1, 3), np.array([0, 2])):
        with pytest.raises(DatasetError, match=r"row 2 of split train \(c\) hold NaN or infinity") as refused:
            require_finite(train, index, train.features[index])
        assert str(folder / "train.npy") in str(refused.value)


# The legacy tree


def flattened(seed: int) -> torch.Tensor:
    return torch.randn(1, 200704, generator=torch.Generator().manual_seed(seed))


def legacy(root: Path, names: list[str]) -> Path:
    for seed, name in enumerate(names):
        path = root / f"{name}.flatten"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(flattened(seed), path)
    return root


def test_a_legacy_tree(tmp_path: Path) -> None:
    names = ["train_1/fake/10", "train_1/fake/2", "train_1/real/0", "train_2/fake/0", "train_2/real/0", "test/fake/3", "test/real/1"]
    first, second = open_folds(legacy(tmp_path, names))
    assert (first.number, second.number, first.backbone_fingerprint, first.preprocessing) == (1, 2, "", None)
    assert first.feature_shape == (1024, 14, 14) and list(first.splits) == ["train", "test"]
    train = first.splits["train"]
    # Reals first, and by number, not by letters.
    assert [r.name for r in train.rows] == ["train_1/real/0.flatten", "train_1/fake/2.flatten", "train_1/fake/10.flatten"]
    assert train.labels.tolist() == [0, 1, 1] and second.splits["test"].labels.tolist() == [0, 1]
    expected = np.stack([flattened(seed).numpy().reshape(1024, 14, 14) for seed in (2, 1, 0)]).astype(np.float16)
    np.testing.assert_array_equal(train.features[0:3], expected)
    np.testing.assert_array_equal(train.features[np.array([2, 0])], expected[[2, 0]])
    require_backbone(first, "cd" * 32)


class Trap:
    """What a hostile pickle would do on being read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (os.fspath(self.path),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (torch.zeros(1, 100), r"expected a float32 tensor of shape \(1, 200704\), got torch.float32 of shape \(1, 100\)"),
        (torch.zeros(1, 200704, dtype=torch.float64), "got torch.float64"),
        ([1.0], "got list"),
        (b"nonsense", "cannot be read as a saved tensor"),
        (b"", "cannot be read as a saved tensor"),
    ],
)
def test_a_wrong_legacy_file_is_named(tmp_path: Path, content: Any, says: str) -> None:
    root = legacy(tmp_path, ["train_1/real/0", "train_1/fake/1"])
    path = root / "train_1/fake/1.flatten"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    train = open_folds(root)[0].splits["train"]
    with pytest.raises(DatasetError, match=says) as refused:
        train.features[0:2]
    assert str(path) in str(refused.value)


def test_a_legacy_file_cannot_run_code(tmp_path: Path) -> None:
    root = legacy(tmp_path / "tree", ["train_1/real/0", "train_1/fake/1"])
    torch.save(Trap(tmp_path / "sprung"), root / "train_1/fake/1.flatten")
    with pytest.raises(DatasetError, match="cannot be read as a saved tensor"):
        open_folds(root)[0].splits["train"].features[0:2]
    assert not (tmp_path / "sprung").exists()


def test_legacy_features_that_float16_cannot_hold(tmp_path: Path) -> None:
    root = legacy(tmp_path, ["train_1/real/0", "train_1/fake/1"])
    path = root / "train_1/fake/1.flatten"
    torch.save(torch.full((1, 200704), 1e6), path)
    train = open_folds(root)[0].splits["train"]
    with pytest.raises(DatasetError, match="row 1 of split train") as refused:
        require_finite(train, slice(0, 2), train.features[0:2])
    assert str(path) in str(refused.value)


def test_legacy_trees_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "train_1").mkdir()
    with pytest.raises(DatasetError, match=r"train_1: holds no features; expected train_1/fake/1\.flatten"):
        open_folds(tmp_path)
    legacy(tmp_path, ["train_1/fake/one"])
    with pytest.raises(DatasetError, match=r"one\.flatten: expected a number"):
        open_folds(tmp_path)
