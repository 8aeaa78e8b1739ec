"""Inputs are identified by content: the same after moving and copying, different after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.journal import InputKey, key_of
from screener.runtime.file_hash import sha256_of
from screener.video import Source, SourceFailure, file_source


def key(path: Path) -> InputKey | None:
    return key_of(file_source(path), sha256_of)


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


def test_content_and_suffix_make_the_key_of_a_file(tmp_path: Path) -> None:
    one = key(write(tmp_path / "one.mp4", "a"))
    assert one is not None
    assert one.lasting
    assert key(write(tmp_path / "sub" / "two.MP4", "a")) == one
    assert key(write(tmp_path / "one.avi", "a")) != one
    assert key(write(tmp_path / "one.mp4", "b")) != one


def sequence(*paths: Path) -> Source:
    return Source(paths, "sequence", "folder")


def test_a_sequence_is_known_by_all_its_pictures_in_order(tmp_path: Path) -> None:
    one, two = write(tmp_path / "1.png", "a"), write(tmp_path / "2.png", "b")
    found = key_of(sequence(one, two), sha256_of)
    assert found is not None
    assert found.lasting
    assert key_of(sequence(two, one), sha256_of) != found
    assert key_of(sequence(one), sha256_of) not in (found, key(one))
    two.unlink()
    assert key_of(sequence(one, two), sha256_of) is None


def test_an_address_is_known_by_name_and_not_for_long() -> None:
    first, second = (key_of(Source(f"http://host/{name}", "url", "shown"), sha256_of) for name in "ab")
    assert first is not None
    assert not first.lasting
    assert first != second
    assert "host" not in first.text


@pytest.mark.parametrize("source", [Source(0, "camera", "camera 0"), SourceFailure("gone", "not_found", "gone: no such file")])
def test_what_has_no_content_has_no_key(source: Source | SourceFailure) -> None:
    assert key_of(source, sha256_of) is None


def test_missing_and_irregular_files_have_no_key(tmp_path: Path) -> None:
    assert key(tmp_path / "gone.mp4") is None
    assert key(tmp_path) is None
