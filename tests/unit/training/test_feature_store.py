"""The store: committed rows survive, uncommitted ones are cut off, and no partial file gets its final name."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.errors import OutputError, SettingsError
from screener.training import feature_store
from screener.training.feature_store import DONE, FeatureStore

SHAPE = (2, 3, 3)
IDENTITY = {"files": 3, "settings": {"seed": 0, "shares": [0.2, 0.1]}}


def values(rows: list[int]) -> np.ndarray[Any, np.dtype[np.float16]]:
    return np.broadcast_to(np.array(rows, np.float16)[:, None, None, None], (len(rows), *SHAPE))


def store(folder: Path, identity: dict[str, Any] | None = None) -> FeatureStore:
    return FeatureStore(folder, SHAPE, ["train", "test"], identity or IDENTITY)


def add(to: FeatureStore, name: str, rows: list[int]) -> None:
    to.add(name, values(rows), [[row, None] for row in rows])


def finish(folder: Path) -> None:
    with store(folder) as again:
        if not again.is_done:
            again.commit({DONE: True})
        again.finish({"fold.json": "{}", "fold-1/fold.json": "[]"})


def test_from_the_first_row_to_the_final_names(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folds"
    with store(folder) as fresh:
        assert fresh.rows == {"train": [], "test": []} and fresh.state == {} and not fresh.is_done
        add(fresh, "train", [1, 2])
        add(fresh, "test", [3])
        fresh.commit({"place": 1}, ["note"])
        add(fresh, "train", [4])
        fresh.commit({DONE: True}, ["another"])
        fresh.finish({"fold.json": "{}", "fold-1/fold.json": "[]"})
    assert fresh.rows == {"train": [[1, None], [2, None], [4, None]], "test": [[3, None]]} and fresh.notes == ["note", "another"]
    np.testing.assert_array_equal(np.load(folder / "train.npy"), values([1, 2, 4]))
    np.testing.assert_array_equal(np.load(folder / "test.npy", mmap_mode="r"), values([3]))
    assert sorted(p.name for p in folder.rglob("*")) == ["fold-1", "fold.json", "fold.json", "test.npy", "train.npy"]


def test_what_is_not_committed_is_cut_off(tmp_path: Path) -> None:
    with store(tmp_path) as first:
        add(first, "train", [1])
        first.commit({"place": 1}, ["kept"])
        add(first, "train", [2, 3])
        add(first, "test", [4])
    with store(tmp_path) as second:
        assert (second.rows, second.notes, second.state) == ({"train": [[1, None]], "test": []}, ["kept"], {"place": 1})
        add(second, "train", [5])
        second.commit({DONE: True})
    finish(tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "train.npy"), values([1, 5]))
    assert np.load(tmp_path / "test.npy").shape == (0, *SHAPE)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.data())
def test_cut_anywhere_it_goes_on_from_a_commit(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject) -> None:
    """A kill or a loss of power may leave any beginning of the journal and any beginning of the arrays behind."""
    folder = tmp_path_factory.mktemp("folds")
    states = [{}]
    with store(folder) as first:
        for number, size in enumerate(sizes):
            add(first, "train", [10 * number + i for i in range(size)])
            first.commit({"place": number + 1})
            states.append({"place": number + 1})
    for name in ("extraction.journal", "train.npy.partial"):
        whole = (folder / name).stat().st_size
        os.truncate(folder / name, data.draw(st.integers(0, whole)))
    with store(folder) as second:
        assert second.state in states
        done = int(second.state.get("place", 0))
        expected = [10 * number + i for number, size in enumerate(sizes[:done]) for i in range(size)]
        assert second.rows["train"] == [[row, None] for row in expected]
        add(second, "train", [99])
        second.commit({DONE: True})
    finish(folder)
    np.testing.assert_array_equal(np.load(folder / "train.npy"), values([*expected, 99]))


@pytest.mark.parametrize("call", range(1, 8))
def test_a_stop_while_finishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Whichever renaming, writing or removing is the last before the stop, the same call finishes the work."""
    with store(tmp_path) as first:
        add(first, "train", [1])
        add(first, "test", [2])
        first.commit({DONE: True})
    calls = iter(range(1, 100))

    def stopping(name: str) -> Any:
        real = getattr(os, name)

        def step(*arguments: Any, **options: Any) -> Any:
            if next(calls) == call:
                raise KeyboardInterrupt
            return real(*arguments, **options)

        return step

    with monkeypatch.context() as patched:
        for name in ("replace", "fsync", "unlink"):
            patched.setattr(os, name, stopping(name))
        with pytest.raises(KeyboardInterrupt):
            finish(tmp_path)
    assert (tmp_path / "extraction.journal").exists()
    finish(tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "train.npy"), values([1]))
    np.testing.assert_array_equal(np.load(tmp_path / "test.npy"), values([2]))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fold-1", "fold.json", "test.npy", "train.npy"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({**IDENTITY, "files": 4}, "with files 3 where this one has 4"),
        ({**IDENTITY, "settings": {"seed": 1, "shares": [0.2, 0.1]}}, r"with settings\.seed 0 where this one has 1"),
        ({"files": 3, "settings": {"shares": [0.2, 0.1]}}, r"with settings\.seed 0 where this one has None"),
    ],
)
def test_another_extraction_is_refused_by_name(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    with store(tmp_path) as first:
        add(first, "train", [1])
        first.commit({"place": 1})
    with pytest.raises(SettingsError, match=says) as refused:
        store(tmp_path, changed)
    assert str(tmp_path) in str(refused.value)
    with store(tmp_path, json.loads(json.dumps(IDENTITY))) as again:
        assert len(again.rows["train"]) == 1


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with store(tmp_path), pytest.raises(OutputError, match="another extraction is writing there"):
        store(tmp_path)
    store(tmp_path).close()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with store(tmp_path) as first:
        add(first, "train", [1])
        first.commit({"place": 1})
        add(first, "train", [2])
        with monkeypatch.context() as patched:
            patched.setattr(feature_store.os, "fsync", full)
            with pytest.raises(
                OutputError, match=r"train\.npy\.partial: cannot be written: No space left on device; .* repeat the command"
            ):
                first.commit({"place": 2})
    assert not list(tmp_path.glob("*.npy")) and not list(tmp_path.rglob("fold.json"))
    with store(tmp_path) as second:
        assert second.state == {"place": 1}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        store(tmp_path / "file" / "folds")


def test_nothing_is_finished_before_its_time(tmp_path: Path) -> None:
    with store(tmp_path) as first, pytest.raises(ValueError, match="finish"):
        first.finish({})
