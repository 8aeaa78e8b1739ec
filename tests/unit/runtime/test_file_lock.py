"""One holder at a time, until the file is closed."""

from __future__ import annotations

from pathlib import Path

from screener.runtime.file_lock import try_lock


def test_the_lock_is_one_holder_s_until_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    with path.open("rb") as second:
        with path.open("rb") as first:
            assert try_lock(first.fileno())
            assert try_lock(first.fileno())
            assert not try_lock(second.fileno())
            assert path.read_text() == "content"
        assert try_lock(second.fileno())
        assert second.tell() == 0
