"""Cameras as Linux lists them; this machine does not need one."""

from __future__ import annotations

from pathlib import Path

import pytest

from screener.video.live import cameras
from screener.video.live.cameras import Camera, list_cameras


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    folder = tmp_path / "class" / "video4linux"
    for number, name in ((10, "Integrated Camera"), (2, "USB\udcffCam")):
        (folder / f"video{number}").mkdir(parents=True)
        (folder / f"video{number}" / "name").write_bytes(name.encode("utf-8", "surrogateescape") + b"\n")
    (folder / "v4l-subdev0").mkdir()
    return folder


def test_they_are_listed_by_number_with_their_names(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "opens", lambda index: index == 10)
    assert list_cameras(devices) == [Camera(2, "USB�Cam", False), Camera(10, "Integrated Camera", True)]


def test_none(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    assert list_cameras(tmp_path / "class" / "video4linux") == []


def test_one_that_is_not_there_does_not_open() -> None:
    assert not cameras.opens(97)
