"""Absolute paths lead where the given ones lead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from screener.runtime.absolute_paths import absolute_path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`link` leads to another/deep; a clip lies beside the link, and another above its target."""
    home = tmp_path / "home"
    (tmp_path / "another" / "deep").mkdir(parents=True)
    (home / "sub").mkdir(parents=True)
    (home / "link").symlink_to(tmp_path / "another" / "deep")
    (home / "clip.mp4").write_bytes(b"beside the link")
    (tmp_path / "another" / "clip.mp4").write_bytes(b"above its target")
    monkeypatch.chdir(home)
    return home


@pytest.mark.parametrize("name", ["link/../clip.mp4", "./link/../clip.mp4", "sub/../link/../clip.mp4", "link/../deep/../clip.mp4"])
def test_up_from_a_link_is_up_from_its_target(here: Path, name: str) -> None:
    assert absolute_path(name) == str(here.parent / "another" / "clip.mp4")
    assert absolute_path(here / name) == str(here.parent / "another" / "clip.mp4")
    assert Path(absolute_path(name)).read_bytes() == Path(name).read_bytes()


@pytest.mark.parametrize("name", ["clip.mp4", "./clip.mp4", ".//clip.mp4", "sub/../clip.mp4", "gone/../clip.mp4", "../home/clip.mp4"])
def test_one_place_has_one_path(here: Path, name: str) -> None:
    assert absolute_path(name) == str(here / "clip.mp4")


def test_links_keep_their_names(here: Path) -> None:
    (here / "again").symlink_to(here)
    assert absolute_path("again/sub/../clip.mp4") == str(here / "again" / "clip.mp4")
    assert absolute_path("link/..") == str(here.parent / "another")
    assert absolute_path("a..b/clip..mp4") == os.path.join(here, "a..b", "clip..mp4")
