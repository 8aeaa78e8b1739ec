"""Files that are read are not written over, by whatever name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from screener.cli.overwriting import refuse_overwriting
from screener.errors import SettingsError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"evidence")
    return path


def test_the_input_under_any_name_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "soft.json").symlink_to(clip)
    os.link(clip, tmp_path / "hard.json")
    for name in ("clip.mp4", "soft.json", "hard.json"):
        with pytest.raises(SettingsError, match=r"^-o .*: would replace .*clip\.mp4, which is read"):
            refuse_overwriting({"-o": tmp_path / name}, [str(clip)])


def test_a_list_of_names_is_read_too(clip: Path) -> None:
    with pytest.raises(SettingsError, match="@"):
        refuse_overwriting({"-o": clip}, [f"@{clip}"])


def test_everything_else_may_be_written(clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "rows.json"
    other.write_text("{}")
    refuse_overwriting({"-o": other, "--journal": tmp_path / "new", "--report": None}, [str(clip), None, "rtsp://host/x", "0", "a\0b"])
    refuse_overwriting({"-o": Path("/dev/null")}, ["/dev/null"])
