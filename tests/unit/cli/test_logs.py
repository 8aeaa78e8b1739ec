"""The log of a run: off by default, and one line per message wherever it goes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from screener.cli.logs import log_to
from screener.errors import OutputError


def say() -> None:
    log = logging.getLogger("screener.some.room")
    log.info("judged %s", "a\nb\x1b[2J\u202e.mp4")
    log.debug("in detail")


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 1), (2, 2)])
def test_as_much_as_was_asked_for_goes_to_standard_error(verbose: int, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    log_to(verbose, None)
    say()
    err = capsys.readouterr().err
    assert len(err.splitlines()) == lines
    assert all(c.isprintable() or c == "\n" for c in err)
    assert not lines or r"INFO screener.some.room: judged a\nb\x1b[2J\u202e.mp4" in err


def test_a_file_gets_everything_and_keeps_what_it_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log"
    path.write_text("before\n", encoding="utf-8")
    log_to(0, path)
    say()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "before" and [line.split()[2] for line in lines[1:]] == ["INFO", "DEBUG"]
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="none/log: cannot be written: "):
        log_to(0, tmp_path / "none" / "log")
