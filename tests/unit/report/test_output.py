"""Files are written atomically, and written lines are kept."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from screener.errors import OutputError
from screener.report.output import Output, appended_lines, atomic_output


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with atomic_output(path) as output:
        output.write("first ")
        assert not path.exists()
        output.write("second \u00e4 \udcff\r\n")
    assert path.read_bytes() == "first second \u00e4 \\udcff\r\n".encode()
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt(), OSError("not of the output")])
def test_a_raising_block_leaves_everything_as_it_was(tmp_path: Path, error: BaseException) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("before")
    for path in (old, new):
        with pytest.raises(type(error)) as caught, atomic_output(path) as output:
            output.write("half")
            raise error
        assert caught.value is error
    assert old.read_text() == "before"
    assert os.listdir(tmp_path) == ["old.txt"]


def test_a_stream_of_another_encoding_gets_escapes() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Output(stream, "standard output").write("\u00e4 \udcff\n")
    assert raw.getvalue() == b"\\xe4 \\udcff\n"


def test_failures_of_a_stream() -> None:
    class Broken(io.StringIO):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

        def write(self, _: str) -> int:
            raise self.error

    with pytest.raises(OutputError, match="standard output: cannot be written"):
        Output(Broken(OSError(28, "No space left on device")), "standard output").write("x")
    with pytest.raises(BrokenPipeError):
        Output(Broken(BrokenPipeError()), "standard output").write("x")
    closed = io.StringIO()
    closed.close()
    with pytest.raises(OutputError, match="closed"):
        Output(closed, "standard output").write("x")


LINE = '{"schema_version": 1, "source": "a"}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        (LINE, LINE),
        (LINE + '{"schema_version": 1, "sou', LINE),
        (LINE + '{"sch', LINE),
        (LINE + LINE.rstrip("\n"), LINE + LINE),
        ('{"schema_version": 1, "long": "' + "x" * 200_000, ""),
        (LINE + '{"schema_version": 1, "long": "' + "x" * 200_000, LINE),
    ],
    ids=["empty", "whole", "torn", "torn early", "no line break", "torn alone", "torn far"],
)
def test_lines_are_appended_after_mending_the_last(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(before, newline="")
    with pytest.raises(RuntimeError), appended_lines(path) as output:
        output.write(LINE)
        assert path.read_text() == after + LINE
        raise RuntimeError("the run dies")
    assert path.read_text() == after + LINE


def test_lines_start_a_new_file(tmp_path: Path) -> None:
    with appended_lines(tmp_path / "new.jsonl") as output:
        output.write(LINE)
    assert (tmp_path / "new.jsonl").read_text() == LINE


def test_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes")
    with pytest.raises(OutputError, match="no result line"), appended_lines(path):
        pass
    assert path.read_text() == "my notes"


def test_each_appended_line_is_on_the_disk_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: settled.append(os.fstat(descriptor).st_size))
    with appended_lines(tmp_path / "rows.jsonl") as output:
        for number in range(3):
            output.write(f'{{"schema_version": {number}}}\n')
            assert settled == [22 * (line + 1) for line in range(number + 1)]
