"""Crops of an alarm as files: their names, their number, their pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import portrait
from live_updates import event, person_event

from screener.errors import OutputError, SettingsError
from screener.watching.snapshots import Snapshots


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_crops_are_kept_without_loss_under_a_telling_name(tmp_path: Path) -> None:
    crops = [portrait(seed, 48) for seed in range(2)]
    paths = Snapshots(tmp_path / "a" / "b").keep(person_event(track_id=7), crops)
    assert [path.name for path in paths] == [f"20261122T161203.400-person-7-fake-0.93-{n}.png" for n in (1, 2)]
    for path, crop in zip(paths, crops, strict=True):
        assert np.array_equal(cv2.imread(str(path))[..., ::-1], crop)
    assert len(names(tmp_path / "a" / "b")) == 2


def test_the_oldest_give_way_and_only_our_own(tmp_path: Path) -> None:
    (tmp_path / "20200101T000000-person-1-fake-0.99-1.png").write_text("of an earlier watch")
    snapshots = Snapshots(tmp_path, limit=3)
    kept = [snapshots.keep(person_event(track_id=i), [portrait(0, 8)])[0] for i in range(5)]
    assert names(tmp_path) == sorted(["20200101T000000-person-1-fake-0.99-1.png", *(path.name for path in kept[2:])])


def test_one_alarm_cannot_exceed_the_limit(tmp_path: Path) -> None:
    Snapshots(tmp_path, limit=2).keep(person_event(), [portrait(i, 8) for i in range(5)])
    assert [name[-5] for name in names(tmp_path)] == ["4", "5"]


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    for _ in range(3):
        Snapshots(tmp_path).keep(person_event(), [portrait(0, 8)])
    assert len(names(tmp_path)) == 3


def test_names_are_safe_whatever_the_event_holds(tmp_path: Path) -> None:
    odd = event("alarm", track_id="../../x", outcome="/etc/\n", p_fake=None)
    (path,) = Snapshots(tmp_path).keep(odd, [portrait(0, 8)])
    assert path.parent == tmp_path
    assert path.exists()
    assert set(path.name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Snapshots(tmp_path / "file" / "below")
    snapshots = Snapshots(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(OutputError, match="cannot be written"):
        snapshots.keep(person_event(), [portrait(0, 8)])


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        Snapshots(tmp_path, limit=0)
    with pytest.raises(ValueError, match="expected"):
        Snapshots(tmp_path).keep(person_event(), [np.zeros((8, 8), np.uint8)])
    assert names(tmp_path) == []
