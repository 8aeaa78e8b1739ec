"""Whether a file has changed: decided by its bytes, not by its times."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from screener.runtime.file_stamps import changed, is_same, named, stamp_of


def test_a_file_that_was_touched_moved_or_copied_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    stamp = json.loads(json.dumps(stamp_of(path)))
    assert is_same(path, stamp)
    os.utime(path, (1, 1))
    path.chmod(0o600)
    assert is_same(path, stamp)
    shutil.copy(path, tmp_path / "b")
    assert is_same(tmp_path / "b", stamp) and is_same(path.rename(tmp_path / "c"), stamp)


def test_other_bytes_are_noticed_whatever_the_times_say(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    stamp, before = stamp_of(path), path.stat()
    for content in (b"kontent", b"more content", b""):
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert not is_same(path, stamp)
    path.unlink()
    assert not is_same(path, stamp)


def test_a_file_that_was_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert stamp_of(path) is None and stamp_of(tmp_path) is None and is_same(path, None)
    path.write_bytes(b"")
    assert not is_same(path, None)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")

    def refused(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        assert stamp_of(path) is None and is_same(path, None)
    assert not is_same(path, None)


def test_names_of_what_changed_or_is_gone(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in "abc"}
    for path in files.values():
        path.write_text(path.name)
    stamps = {name: stamp_of(path) for name, path in files.items()}
    files["b"].write_text("x")
    del files["c"]
    assert changed(files, stamps) == ["b", "c"]
    assert named(["a", "b"]) == "a, b" and named([*"abcdefg"]) == "a, b, c, d, e and 2 more"
