"""Folders named after splits and sets: which split each file is in, what is refused, and what is named because it is not taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.datasets import LabelledItem, not_taken, plan_folds, read_data, recognise
from screener.errors import DatasetError

from . import trees


def splits(items: list[LabelledItem]) -> dict[str, str]:
    return {item.name: item.split for item in items}


def both(*folders: str, files: tuple[str, ...] = ("1.jpg", "2.jpg")) -> list[str]:
    return [f"{folder}/{label}/{file}" for folder in folders for label in ("real", "fake") for file in files]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("training", "valid", "testing"), ("Train", "validation", "TEST"), ("training", "val", "test")],
)
@pytest.mark.parametrize("above", ["", "real_vs_fake/", "a/b/"])
def test_splits_above_the_labels_are_kept(tmp_path: Path, above: str, train: str, validation: str, test: str) -> None:
    root = trees.touch(tmp_path / "mine", both(f"{above}{train}", f"{above}{validation}", f"{above}{test}"))
    items = read_data(root)
    found = {name.removeprefix(above).split("/")[0]: split for name, split in splits(items).items()}
    assert found == {train: "train", validation: "validation", test: "test"}
    assert {item.set_name for item in items} == {above.rstrip("/").split("/")[-1] or "mine"}
    groups = [{item.group for item in items if item.split == split} for split in ("train", "validation", "test")]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    (plan,) = plan_folds(items)
    assert list(plan) == [item.split for item in items]


def test_splits_below_the_labels_are_kept(tmp_path: Path) -> None:
    names = [f"{label}/{split}/{file}" for label in ("real", "fake") for split in ("train", "val", "test") for file in ("1.jpg", "v/2.jpg")]
    items = read_data(trees.touch(tmp_path / "mine", names))
    wanted = {"train": "train", "val": "validation", "test": "test"}
    assert splits(items) == {name: wanted[name.split("/")[1]] for name in names}
    groups = {item.name: item.group for item in items}
    assert groups["real/train/1.jpg"] == groups["fake/train/1.jpg"] != groups["real/train/v/2.jpg"]
    assert groups["real/train/1.jpg"] != groups["real/test/1.jpg"]


def test_several_sets_with_splits(tmp_path: Path) -> None:
    items = read_data(trees.touch(tmp_path, both("one/train", "one/test", "two/train", "two/test")))
    assert {(item.set_name, item.split) for item in items} == {(name, split) for name in ("one", "two") for split in ("train", "test")}


@pytest.mark.parametrize(
    "names",
    [
        both("train", "extra"), both("train", "test1"), both("train_1", "train_2"), both("dev", "test"), both("eval"), both("holdout"),
        both("train/test"), both("testset"), both("train", "test-private"), [*both("train"), *both("a/train"), *both("b")],
        [*(f"{label}/train/1.jpg" for label in ("real", "fake")), "real/other/2.jpg"],
        [*(f"{label}/train/1.jpg" for label in ("real", "fake")), "fake/2.jpg"],
        [f"train/{label}/test/1.jpg" for label in ("real", "fake")],
    ],
    ids=str,
)  # fmt: skip
def test_names_that_leave_a_split_open_are_refused(tmp_path: Path, names: list[str]) -> None:
    trees.touch(tmp_path / "mine", names)
    with pytest.raises(DatasetError, match="call the folders train, validation and test, or give a manifest") as refused:
        read_data(tmp_path / "mine")
    assert str(tmp_path / "mine") in str(refused.value)


@pytest.mark.parametrize("name", ["trainer", "testimony", "device", "valley", "evaluator", "celeb"])
def test_names_that_only_begin_like_a_split_are_of_sets(tmp_path: Path, name: str) -> None:
    assert {item.set_name for item in read_data(trees.touch(tmp_path, both(name, "another")))} == {name, "another"}


def test_links_that_lead_back_give_no_file_twice(tmp_path: Path) -> None:
    root = trees.touch(tmp_path, both("train", "test"))
    (root / "train" / "real" / "up").symlink_to(root / "train" / "real")
    (root / "train" / "real" / "top").symlink_to(root / "train")
    names = [item.name for item in read_data(root) if item.name.startswith("train/real")]
    assert len({(root / name).resolve() for name in names}) == len(names) - names.count("")
    assert names.count("train/real/1.jpg") == 1 and len(names) <= 4


# What is not taken, and data with the marks of several layouts


def test_a_list_inside_a_label_does_not_make_another_layout(tmp_path: Path) -> None:
    root = trees.touch(tmp_path, both(".", files=("a.mp4", "b.mp4")))
    trees.write_json(root / "fake" / "metadata.json", {"a.mp4": {"label": "FAKE", "split": "train", "original": "x.mp4"}})
    assert recognise(root) == "folders"
    assert sorted(item.label for item in read_data(root)) == [0, 0, 1, 1]


@pytest.mark.parametrize("mark", ["metadata.json", "part/metadata.json", "List_of_testing_videos.txt", "original_sequences/x.mp4"])
def test_data_with_the_marks_of_two_layouts_is_refused_until_one_is_chosen(tmp_path: Path, mark: str) -> None:
    root = trees.touch(tmp_path, [*both("."), mark])
    with pytest.raises(DatasetError, match=r"marks of several layouts.*choose one with --layout"):
        read_data(root)
    assert len(read_data(root, "folders")) == 4


def test_what_a_layout_does_not_take_is_named(tmp_path: Path) -> None:
    root = trees.touch(tmp_path / "a", [*both("one"), "one/loose.mp4", "unlabelled/x.mp4", "top.png", "notes.txt", "one/real/clip.weird"])
    (root / "one" / "real" / "clip.weird").write_bytes(b"\x1a\x45\xdf\xa3webm")
    items = read_data(root)
    assert "one/real/clip.weird" in splits(items), "told by its first bytes, as in a scan"
    assert [path.relative_to(root).as_posix() for path in not_taken(root, items)] == ["top.png", "one/loose.mp4", "unlabelled/x.mp4"]

    faces = trees.faceforensics(tmp_path / "ff")
    left = {path.relative_to(faces).parts[1] for path in not_taken(faces, read_data(faces))}
    assert left == {"actors", "DeepFakeDetection"}

    parts = trees.dfdc(tmp_path / "dfdc")
    trees.touch(parts, ["dfdc_train_part_00/unlisted.mp4", "dfdc_train_part_02/eee.mp4"])
    assert [path.name for path in not_taken(parts, read_data(parts))] == ["unlisted.mp4", "eee.mp4"]

    celebrities = trees.celeb_df(tmp_path / "celeb")
    trees.touch(celebrities, ["Celeb-real/id9_0000.avi"])
    assert [path.name for path in not_taken(celebrities, read_data(celebrities))] == ["id9_0000.avi"]


def test_of_a_list_nothing_is_left_out(tmp_path: Path) -> None:
    trees.touch(tmp_path, [*both("."), "other.mp4"])
    (tmp_path / "manifest.csv").write_text("path,label,group\nreal/1.jpg,real,a\nfake/1.jpg,fake,a\n", encoding="utf-8")
    assert not_taken(tmp_path, read_data(tmp_path)) == []
    assert len(not_taken(tmp_path, read_data(tmp_path, "folders"), "folders")) == 1
