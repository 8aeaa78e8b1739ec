"""What splits share: names that the data set gives, identical files, near copies; hand-made cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import portrait

from screener.datasets.audit.fingerprints import fingerprint
from screener.datasets.audit.incidental_facts import FileFacts
from screener.datasets.audit.leaks import Leak, find_leaks
from screener.settings.audit import AuditSettings

from .files import file_facts, item


def leaks_of(*files: FileFacts) -> list[Leak]:
    return list(find_leaks(files, AuditSettings()))


def kinds(leaks: list[Leak]) -> list[str]:
    return [leak.kind for leak in leaks]


def test_a_source_in_two_splits() -> None:
    fake = file_facts(item("b.mp4", 1, split="test", sources=("a.mp4",)))
    (leak,) = leaks_of(file_facts(item("a.mp4", split="train")), fake, file_facts(item("c.mp4", split="train", sources=("d.mp4",))))
    assert leak == Leak("source", "a.mp4", ("a.mp4", "b.mp4"), ("train", "test"), (0, 1))


def test_a_person_in_two_splits() -> None:
    (leak,) = leaks_of(
        file_facts(item("a", split="train", identities=("id1", "id2"))),
        file_facts(item("b", split="validation", identities=("id2",))),
        file_facts(item("c", split="train", identities=("id1",))),
    )
    assert (leak.kind, leak.shared, leak.names) == ("identity", "id2", ("a", "b"))


def test_one_file_under_two_names_is_the_same_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "b.mp4").symlink_to("a.mp4")
    one, other = (item(name, split=split, path=tmp_path / name) for name, split in (("a.mp4", "train"), ("b.mp4", "test")))
    assert "video" in kinds(leaks_of(file_facts(one), file_facts(other)))


def test_a_group_in_two_splits_but_not_one_in_one() -> None:
    files = [file_facts(item(name, split=split, group=group)) for name, split, group in
             (("a", "train", "g"), ("b", "test", "g"), ("c", "train", "h"), ("d", "train", "h"), ("e", "", "h"))]  # fmt: skip
    assert [(leak.kind, leak.shared) for leak in leaks_of(*files)] == [("group", "g")]


@pytest.mark.parametrize(
    ("one", "other", "leaks"),
    [
        ({"split": "train"}, {"split": "test"}, ["file"]),
        ({"split": "train"}, {"split": "train"}, []),
        ({"group": "g"}, {"group": "g"}, []),
        ({}, {}, ["file"]),
        ({"split": "train"}, {}, ["file"]),
        ({"group": "g"}, {"group": "g", "label": 1}, ["label"]),
        ({"split": "train"}, {"split": "test", "label": 1}, ["label", "file"]),
    ],
)
def test_identical_files(one: dict[str, str], other: dict[str, str], leaks: list[str]) -> None:
    files = [file_facts(item(name, **fields), sha256="same") for name, fields in (("a", one), ("b", other))]
    assert kinds(leaks_of(*files, file_facts(item("c", split="test")))) == leaks


def test_near_copies_in_different_splits_and_what_is_made_from_what() -> None:
    def picture(name: str, seed: int, **fields: str | int) -> FileFacts:
        return file_facts(item(name, **fields), fingerprint=fingerprint(portrait(seed, 160 if name < "m" else 120)))

    files = [
        picture("a", 0, split="train"), picture("n", 0, split="test"),
        picture("b", 1, split="train"), picture("o", 1, split="train"),
        picture("c", 2, split="train"), picture("p", 2, split="test", label=1),
        picture("d", 3, split="train"), picture("q", 4, split="test"),
    ]  # fmt: skip
    found = leaks_of(*files)
    assert sorted((leak.kind, leak.names) for leak in found) == [("made_from", ("c", "p")), ("picture", ("a", "n"))]
    assert all(leak.correlation > 0.74 for leak in found)


def test_near_copies_without_splits_matter_across_groups_only() -> None:
    def files(group: str) -> list[FileFacts]:
        return [file_facts(item("a", group="g"), fingerprint=fingerprint(portrait(0))),
                file_facts(item("b", group=group), fingerprint=fingerprint(portrait(0, 100)))]  # fmt: skip

    assert kinds(leaks_of(*files("g"))) == []
    assert kinds(leaks_of(*files("h"))) == ["picture"]


def test_identical_files_are_not_near_copies_too() -> None:
    same = fingerprint(portrait(0))
    files = [file_facts(item(name, split=split), sha256="same", fingerprint=same) for name, split in (("a", "train"), ("b", "test"))]
    assert kinds(leaks_of(*files)) == ["file"]


def test_files_that_could_not_be_read_share_nothing_but_their_names() -> None:
    files = [FileFacts(item(name, split=split, group="g"), failure="corrupt") for name, split in (("a", "train"), ("b", "test"))]
    assert kinds(leaks_of(*files)) == ["group"]
