"""Every layout in miniature: what is found, with which label, group and split; and clear refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.datasets import LAYOUTS, LabelledItem, missing_files, read_data, recognise, require_both_classes
from screener.errors import DatasetError

from . import trees


def by_name(items: list[LabelledItem]) -> dict[str, LabelledItem]:
    found = {item.name: item for item in items}
    assert len(found) == len(items), "names are unique"
    return found


# Plain folders


def test_a_plain_folder(tmp_path: Path) -> None:
    root = trees.touch(tmp_path / "mine", ["real/b.mp4", "real/a.JPG", "fake/a.jpg", "fake/notes.txt", "real/.hidden.jpg"])
    items = by_name(read_data(root))
    assert {name: item.label for name, item in items.items()} == {"real/a.JPG": 0, "real/b.mp4": 0, "fake/a.jpg": 1}
    assert {item.set_name for item in items.values()} == {"mine"}
    assert all(item.split == "" and item.path == root / name for name, item in items.items())
    # A real and a fake of the same name may be two versions of one scene.
    assert items["real/a.JPG"].group == items["fake/a.jpg"].group != items["real/b.mp4"].group


def test_the_frames_of_one_video_are_one_group(tmp_path: Path) -> None:
    root = trees.touch(tmp_path, ["real/v1/1.png", "real/v1/2.png", "real/v2/1.png", "fake/v1/1.png"])
    groups = {name: item.group for name, item in by_name(read_data(root)).items()}
    assert groups["real/v1/1.png"] == groups["real/v1/2.png"] == groups["fake/v1/1.png"] != groups["real/v2/1.png"]


def test_a_folder_of_sets(tmp_path: Path) -> None:
    root = trees.touch(tmp_path, ["one/real/a.jpg", "one/fake/b.jpg", "two/real/a.jpg", "other/c.jpg"])
    items = by_name(read_data(root))
    assert {name: item.set_name for name, item in items.items()} == {
        "one/real/a.jpg": "one",
        "one/fake/b.jpg": "one",
        "two/real/a.jpg": "two",
    }
    assert items["one/real/a.jpg"].group != items["two/real/a.jpg"].group


# Manifests


def test_a_manifest_tells_more_than_the_folders_beside_it(tmp_path: Path) -> None:
    trees.touch(tmp_path, ["real/a.mp4", "fake/b.mp4"])
    head = "path,label,group,split,method,identity,source_video\n"
    text = head + "real/a.mp4,real,g,val,,ann,\nfake/b.mp4,fake,g,test,swap,ann; bob,real/a.mp4\n"
    (tmp_path / "manifest.csv").write_text(text, encoding="utf-8")
    first, second = read_data(tmp_path)
    assert read_data(tmp_path / "manifest.csv") == [first, second]
    assert (first.split, first.identities, first.sources) == ("validation", ("ann",), ())
    assert (second.split, second.method, second.identities, second.sources) == ("test", "swap", ("ann", "bob"), ("real/a.mp4",))
    assert {item.group for item in read_data(tmp_path, "folders")} == {"a", "b"}


# FaceForensics++


@pytest.mark.parametrize("lists", ["", "splits"])
def test_faceforensics(tmp_path: Path, lists: str) -> None:
    items = by_name(read_data(trees.faceforensics(tmp_path, lists)))
    # 6 originals and 6 videos of each of 2 methods, in 2 compressions; neither the actors nor DeepFakeDetection.
    assert len(items) == 2 * (6 + 2 * 6)
    real = items["original_sequences/youtube/c23/videos/000.mp4"]
    one, other = (items[f"manipulated_sequences/Deepfakes/c40/videos/{name}.mp4"] for name in ("000_003", "003_000"))
    assert (real.label, one.label, real.method, one.method) == (0, 1, "", "Deepfakes")
    assert (real.compression, one.compression) == ("c23", "c40")
    assert real.group == one.group == other.group and {real.split, one.split, other.split} == {"train"}
    assert (real.sources, one.sources) == (("000",), ("000", "003"))
    splits = {stem: {item.split for name, item in items.items() if f"/{stem}" in name} for stem in ("001", "004", "005", "002")}
    assert splits == {"001": {"validation"}, "004": {"validation"}, "005": {"test"}, "002": {"test"}}


def test_listed_videos_that_are_not_there_are_items_too(tmp_path: Path) -> None:
    root = trees.faceforensics(tmp_path)
    gone = root / "manipulated_sequences/FaceShifter/c23/videos/004_001.mp4"
    gone.unlink()
    items = read_data(root)
    assert len(items) == 36 and [item.path for item in missing_files(items)] == [gone]


def test_faceforensics_without_lists_pairs_by_name(tmp_path: Path) -> None:
    root = trees.faceforensics(tmp_path)
    for name in ("train.json", "val.json", "test.json"):
        (root / name).unlink()
    items = by_name(read_data(root))
    assert len(items) == 36 and {item.split for item in items.values()} == {""}
    groups = {
        items[f"{folder}/c23/videos/{name}.mp4"].group
        for folder, name in (
            ("original_sequences/youtube", "005"),
            ("original_sequences/youtube", "002"),
            ("manipulated_sequences/Deepfakes", "005_002"),
            ("manipulated_sequences/FaceShifter", "002_005"),
        )
    }
    assert len(groups) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read as a list of pairs"),
        ('{"000": "003"}', "expected a list of pairs"),
        ('[["000", "003", "004"]]', "expected a list of pairs"),
        ('[["000", "../x"]]', "got '../x'"),
        ('[["000", "009"]]', "video 000 is listed in train.json already"),
    ],
)
def test_a_wrong_pair_list_is_named(tmp_path: Path, content: str, says: str) -> None:
    root = trees.faceforensics(tmp_path)
    (root / "val.json").write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=says) as refused:
        read_data(root)
    assert str(root / "val.json") in str(refused.value)


# Celeb-DF v2


def test_celeb_df(tmp_path: Path) -> None:
    items = by_name(read_data(trees.celeb_df(tmp_path)))
    assert len(items) == 6 + 3 + 6
    assert {name for name, item in items.items() if item.label == 1} == {n for n in items if n.startswith("Celeb-synthesis/")}
    tested = {"YouTube-real/00002.mp4", "Celeb-real/id2_0001.mp4", "Celeb-synthesis/id2_id0_0000.mp4"}
    assert {name: item.split for name, item in items.items()} == {name: "test" if name in tested else "train" for name in items}
    swap, target = items["Celeb-synthesis/id1_id2_0000.mp4"], items["Celeb-real/id1_0000.mp4"]
    assert swap.identities == ("id1", "id2") and target.identities == ("id1",)
    assert swap.group == target.group and swap.sources == target.sources
    assert items["YouTube-real/00000.mp4"].identities == ()


def test_in_the_list_of_celeb_df_1_means_real(tmp_path: Path) -> None:
    root = trees.celeb_df(tmp_path)
    (root / "List_of_testing_videos.txt").write_text("1 Celeb-real/id0_0000.mp4\n1 Celeb-synthesis/id0_id1_0000.mp4\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="line 2: 1 means real, but Celeb-synthesis holds fake clips"):
        read_data(root)


def test_a_listed_clip_that_is_not_there(tmp_path: Path) -> None:
    root = trees.celeb_df(tmp_path)
    (root / "YouTube-real/00002.mp4").unlink()
    assert [(item.name, item.split) for item in missing_files(read_data(root))] == [("YouTube-real/00002.mp4", "test")]


@pytest.mark.parametrize("line", ["2 Celeb-real/id0_0000.mp4", "1 elsewhere/id0_0000.mp4", "1", "1 Celeb-real/../x.mp4"])
def test_a_wrong_line_of_the_list_is_named(tmp_path: Path, line: str) -> None:
    root = trees.celeb_df(tmp_path)
    (root / "List_of_testing_videos.txt").write_text(f"1 Celeb-real/id0_0000.mp4\n\n{line}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"List_of_testing_videos\.txt, line 3: expected 1 or 0"):
        read_data(root)


# DFDC


def test_dfdc(tmp_path: Path) -> None:
    root = trees.dfdc(tmp_path)
    items = by_name(read_data(root))
    names = ["dfdc_train_part_00/aaa.mp4", "dfdc_train_part_00/bbb.mp4", "dfdc_train_part_01/ccc.mp4", "dfdc_train_part_01/ddd.mp4"]
    real, fake, other_real, other_fake = (items[name] for name in names)
    assert [item.label for item in (real, fake, other_real, other_fake)] == [0, 1, 0, 1]
    assert real.group == fake.group != other_real.group == other_fake.group
    assert {item.split for item in items.values()} == {"train"} and missing_files(list(items.values())) == []
    assert [item.name for item in read_data(root / "dfdc_train_part_01")] == ["ccc.mp4", "ddd.mp4"]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"x.mp4": {"label": "fake?", "split": "train"}}, "x.mp4: label: expected REAL or FAKE, got 'fake\\?'"),
        ({"x.mp4": {"split": "train"}}, "x.mp4: label: expected REAL or FAKE, got None"),
        ({"x.mp4": {"label": "REAL", "split": "dev"}}, "x.mp4: split: .* got 'dev'"),
        ({"../x.mp4": {"label": "REAL", "split": "train"}}, "expected the name of a video"),
        ([1], "expected an object"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entries: object, says: str) -> None:
    file = trees.write_json(tmp_path / "metadata.json", entries)
    with pytest.raises(DatasetError, match=says) as refused:
        read_data(tmp_path)
    assert str(file) in str(refused.value)


# Recognition and refusals


def test_each_layout_is_recognised(tmp_path: Path) -> None:
    made = {
        "faceforensics": trees.faceforensics(tmp_path / "ff"),
        "celeb-df": trees.celeb_df(tmp_path / "celeb"),
        "dfdc": trees.dfdc(tmp_path / "dfdc"),
        "folders": trees.touch(tmp_path / "plain", ["real/a.jpg"]),
        "manifest": trees.touch(tmp_path / "listed", ["manifest.csv"]),
    }
    assert set(made) == set(LAYOUTS)
    assert {name: recognise(root) for name, root in made.items()} == {name: name for name in made}


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such file or folder"):
        read_data(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"none of the known layouts.*Celeb-real"):
        read_data(trees.touch(tmp_path / "loose", ["a.jpg"]))
    with pytest.raises(DatasetError, match=r"holds no video or picture .* expected real/ and fake/"):
        read_data(trees.touch(tmp_path / "empty", ["real/readme.txt"]))
    with pytest.raises(DatasetError, match=r"does not look like the layout dfdc; expected metadata\.json"):
        read_data(tmp_path / "empty", "dfdc")
    with pytest.raises(DatasetError, match=r"expected one of .*folders, got 'imagenet'"):
        read_data(tmp_path / "empty", "imagenet")


def test_one_class_only(tmp_path: Path) -> None:
    items = read_data(trees.touch(tmp_path, ["real/a.jpg", "real/b.jpg"]))
    with pytest.raises(DatasetError, match="faces: has 2 files, and none of them is fake"):
        require_both_classes(items, "faces")
    require_both_classes([*items, *read_data(trees.touch(tmp_path / "more", ["fake/c.jpg"]))], "faces")
