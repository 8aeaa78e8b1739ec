"""Folders and patterns: which files are taken, under which names, and no loops through links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from screener.video import Source, SourceFailure, expand_sources


def touch(*paths: Path, content: bytes = b"x") -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(found: list[Source | SourceFailure]) -> list[str]:
    return [source.name for source in found]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_link_that_leads_back_gives_no_file_twice(here: Path) -> None:
    touch(here / "sub" / "a.mp4", here / "b.mp4")
    (here / "sub" / "up").symlink_to("..")
    (here / "self").symlink_to(".")
    for pattern, expected in (
        ("**/*.mp4", ["b.mp4", "sub/a.mp4"]),
        ("**", ["b.mp4", "sub/a.mp4"]),
        ("*", ["b.mp4", "self/sub/a.mp4"]),
        ("*/*.mp4", ["self/b.mp4", "sub/a.mp4"]),
        ("sub/**/*.mp4", ["sub/a.mp4", "sub/up/b.mp4"]),
        (f"{here}/**/*.mp4", [f"{here}/b.mp4", f"{here}/sub/a.mp4"]),
    ):
        assert sorted(names(expand_sources([pattern]))) == sorted(expected), pattern


def test_links_that_lead_back_and_forth_do_not_multiply(here: Path) -> None:
    """Followed as far as the system lets them be, these would be more names than anyone can wait for."""
    for one in "abcd":
        (here / one).mkdir()
        for other in "abcd":
            (here / one / f"to_{other}").symlink_to(here / other)
    touch(here / "a" / "clip.mp4")
    (source,) = expand_sources(["**/*.mp4"])
    assert isinstance(source, Source) and source.path is not None and source.path.samefile(here / "a" / "clip.mp4")


def test_two_names_in_one_folder_are_two_inputs(here: Path) -> None:
    touch(here / "a.mp4")
    (here / "z.mp4").symlink_to("a.mp4")
    assert names(expand_sources(["**/*.mp4"])) == ["a.mp4", "z.mp4"]


def test_folders_whose_names_look_like_patterns(here: Path) -> None:
    touch(here / "[a]" / "x*y" / "clip.mp4")
    assert names(expand_sources(["**/*.mp4"])) == ["[a]/x*y/clip.mp4"]
    assert names(expand_sources(["**/x*/**/*.mp4"])) == ["[a]/x*y/clip.mp4"]


def test_hidden_files_are_matched_by_no_stars(here: Path) -> None:
    touch(here / ".git" / "a.mp4", here / ".b.mp4", here / "c.mp4")
    assert names(expand_sources(["**/*.mp4"])) == ["c.mp4"]


def test_a_film_beside_other_files_keeps_the_name_of_its_folder(here: Path) -> None:
    touch(*(here / "film" / f"frame{number}.png" for number in (1, 2, 3, 4)), here / "film" / "zz.txt", here / "film" / "aa.json")
    left_out: list[str] = []
    assert names(expand_sources(["film"], left_out.append)) == ["film"]
    assert [os.path.basename(path) for path in left_out] == ["aa.json", "zz.txt"]


def test_a_file_is_told_to_be_left_out_once(here: Path) -> None:
    touch(here / "notes.txt", here / "a.mp4")
    (here / "round").symlink_to(".")
    left_out: list[str] = []
    expand_sources([".", "*", "./round", "."], left_out.append)
    assert [os.path.basename(path) for path in left_out] == ["notes.txt"]
