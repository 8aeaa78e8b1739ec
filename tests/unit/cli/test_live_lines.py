"""The file of `live -o`, if it is something else than a file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from screener.cli.live_lines import LineFile


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes in folders are POSIX")
def test_whoever_reads_a_pipe_gets_all_lines_up_to_the_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")), daemon=True)
    reader.start()
    with LineFile(pipe) as lines:
        lines.write("one\n")
        lines.write("two\n")
    reader.join(60)
    assert read == ["one\ntwo\n"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    behind, link = tmp_path / "behind", tmp_path / "link"
    behind.write_text("earlier, and longer\n", encoding="utf-8")
    link.symlink_to(behind)
    with LineFile(link) as lines:
        lines.write("one\n")
    assert (link.is_symlink(), behind.read_text(encoding="utf-8")) == (True, "one\n")
