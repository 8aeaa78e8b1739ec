"""Files appear whole or not at all; lines that were written stay."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from screener.errors import OutputError
from screener.report.output import Output, appended_lines, atomic_output, remove_leftovers, write_atomically

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX devices, links and permissions")


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


def test_a_failing_rename_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=r"out\.csv: cannot be written: No space left on device"):
        write_atomically(tmp_path / "out.csv", "text")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["missing/out.txt", ".", "nul\0byte", "n" * 300])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / name, "text")
    assert os.listdir(tmp_path) == []


@POSIX
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    write_atomically(link, "after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@POSIX
@pytest.mark.parametrize("planted", ["link", "broken link", "pipe"])
def test_what_was_planted_in_a_folder_is_replaced_where_links_are_not_followed(tmp_path: Path, planted: str) -> None:
    elsewhere, path = tmp_path / "elsewhere.txt", tmp_path / "pages" / "page.html"
    path.parent.mkdir()
    if planted == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(elsewhere)
    if planted == "link":
        elsewhere.write_text("someone else's")
    write_atomically(path, "page", follow=False)
    assert not path.is_symlink()
    assert path.read_text() == "page"
    assert os.listdir(path.parent) == ["page.html"]
    assert elsewhere.exists() == (planted == "link")
    assert planted != "link" or elsewhere.read_text() == "someone else's"


def test_only_what_a_killed_run_left_is_swept_away(tmp_path: Path) -> None:
    dead, foreign = tmp_path / f".screener-{'0' * 16}.part", tmp_path / ".screener-notes.part"
    dead.write_text("half")
    foreign.write_text("mine")
    with atomic_output(tmp_path / "out.txt") as output:
        output.write("whole")
        remove_leftovers(tmp_path)
        assert not dead.exists()
    assert sorted(os.listdir(tmp_path)) == [foreign.name, "out.txt"]
    assert (tmp_path / "out.txt").read_text() == "whole"
    remove_leftovers(tmp_path / "none")


@POSIX
def test_a_disk_that_fills_up_leaves_no_file(tmp_path: Path) -> None:
    """A process that may write no more than a kilobyte to any file stands for a full disk: the error comes in the middle of a write."""
    (tmp_path / "old.json").write_text("before")
    code = f"""
        import resource, signal
        from pathlib import Path
        from screener.errors import OutputError
        from screener.report.output import write_atomically
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        for name in ("old.json", "new.json"):
            try:
                write_atomically(Path({str(tmp_path)!r}) / name, "x" * 100_000)
            except OutputError as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=True)
    assert [line.partition(": ")[2].partition(";")[0] for line in done.stdout.splitlines()] == ["cannot be written: File too large"] * 2
    assert os.listdir(tmp_path) == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "before"


@POSIX
def test_devices_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    write_atomically(Path("/dev/null"), "text")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    if Path("/dev/full").exists():
        with pytest.raises(OutputError, match="/dev/full: cannot be written"):
            write_atomically(Path("/dev/full"), "text")


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
