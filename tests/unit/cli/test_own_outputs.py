"""What a scan wrote before is not among its inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.cli.own_outputs import in_outputs


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stills" / "clip").mkdir(parents=True)
    (tmp_path / "link").symlink_to("stills")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("argument", [".", "**", "./**/*.png"])
@pytest.mark.parametrize("written", ["stills", "./stills", "link"])
def test_files_in_folders_that_are_written_to(here: Path, written: str, argument: str) -> None:
    is_own = in_outputs([Path(written), None, Path("report")], [argument, "rtsp://host/stream", "*.mp4"])
    for name in ("stills/a.png", "./stills/clip/b.png", "link/a.png", here / "stills" / "a.png", "report/page.html"):
        assert is_own(name)
    for name in ("a.png", "stills.png", "stills2/a.png", "reports/page.html"):
        assert not is_own(name)


@pytest.mark.parametrize("argument", ["stills", "stills/a.png", "link/clip", "stills/**"])
def test_what_is_named_as_an_input_is_one(here: Path, argument: str) -> None:
    (here / "stills" / "a.png").touch()
    assert not in_outputs([Path("stills")], [".", argument])("stills/a.png")


@pytest.mark.parametrize("argument", ["@list.txt", "stills/a.png", "*/a.png", "linked.png"])
def test_what_was_not_found_by_searching_a_folder_is_meant(here: Path, argument: str) -> None:
    (here / "stills" / "a.png").touch()
    (here / "linked.png").symlink_to("stills/a.png")
    assert not in_outputs([Path("stills"), Path()], [argument])("stills/a.png")
    assert not in_outputs([Path()], [argument])("linked.png")


def test_without_folders_nothing_is_left_out() -> None:
    assert not in_outputs([None, None], ["."])("stills/a.png")
