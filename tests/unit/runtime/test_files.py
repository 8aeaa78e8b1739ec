"""Files are written atomically, and a lock has one holder at a time."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from screener.errors import OutputError, SettingsError
from screener.runtime.files import (
    lock_unless_held,
    make_folder,
    put_in_place,
    remove_leftovers,
    require_place,
    telling,
    try_lock,
    unwritable,
    whole_file,
    write_whole,
)

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX devices, links and permissions")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_whole(path, b"old")
    with pytest.raises(OutputError, match=r"state: cannot be written: No space left on device; check .* free space"):  # noqa: SIM117
        with whole_file(path) as stream, telling(path):
            stream.write(b"half of the n")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


def test_bytes_and_text_arrive_as_they_are(tmp_path: Path) -> None:
    write_whole(tmp_path / "bytes", bytes(range(256)))
    write_whole(tmp_path / "text", "one\r\ntwo \u00e4 \udcff\n")
    assert (tmp_path / "bytes").read_bytes() == bytes(range(256))
    assert (tmp_path / "text").read_bytes() == "one\r\ntwo \u00e4 \\udcff\n".encode()


def test_a_finished_file_gets_its_name_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: settled.append(os.fstat(descriptor).st_ino))
    (tmp_path / "made").write_text("new")
    (tmp_path / "final").write_text("old")
    number = (tmp_path / "made").stat().st_ino
    put_in_place(tmp_path / "made", tmp_path / "final")
    assert settled[0] == number and tmp_path.stat().st_ino in settled[1:]
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("final", "new")]


@pytest.mark.parametrize("error", [SettingsError("threshold: wrong"), BrokenPipeError()])
def test_errors_that_say_something_already_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, telling("out.json"):
        raise error
    assert caught.value is error


def test_a_failing_rename_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=r"out\.csv: cannot be written: No space left on device"):
        write_whole(tmp_path / "out.csv", "text")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["missing/out.txt", ".", "nul\0byte", "n" * 300])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / name, "text")
    assert os.listdir(tmp_path) == []


@POSIX
def test_where_no_locks_are_known_nobody_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (tmp_path / "file").open("wb") as stream:
        assert lock_unless_held(stream.fileno())
        with pytest.raises(OSError, match="No locks available"):
            try_lock(stream.fileno())


def test_a_folder_is_made_with_its_parents_and_stays_if_it_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()


def test_what_is_no_folder_and_where_none_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with pytest.raises(OutputError, match=r"file: cannot be written: it is there already and is no folder; name another$"):
        make_folder(tmp_path / "file")
    with pytest.raises(OutputError, match=r"below: cannot be written: Not a directory; check the folder, its permissions"):
        make_folder(tmp_path / "file" / "below")


def test_a_place_where_a_file_can_be_made_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("content")
    for path in (tmp_path / "old", tmp_path / "new" / "file"):
        require_place(path)
    assert (tmp_path / "old").read_text() == "content" and not list((tmp_path / "new").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
    with pytest.raises(OutputError, match="cannot be written"):
        require_place(tmp_path / "old" / "file")
    if Path("/proc/self").is_dir():
        with pytest.raises(OutputError, match=r"file: cannot be written: .*; check the folder"):
            require_place(Path("/proc/self/file"))


@POSIX
def test_a_place_that_is_a_device_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "sink").symlink_to("/dev/null")
    require_place(tmp_path / "sink")
    assert [path.name for path in tmp_path.iterdir()] == ["sink"]


@pytest.mark.parametrize(
    ("error", "why"),
    [(OSError(28, "No space left on device"), "No space left on device"), (ValueError("one\ntwo"), "one"), (ValueError(), "")],
)
def test_what_cannot_be_written_says_why_in_one_line(error: Exception, why: str) -> None:
    assert str(unwritable("out", error, "try elsewhere")) == f"out: cannot be written: {why}; try elsewhere"


@POSIX
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    write_whole(link, "after")
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
    write_whole(path, "page", follow=False)
    assert not path.is_symlink()
    assert path.read_text() == "page"
    assert os.listdir(path.parent) == ["page.html"]
    assert elsewhere.exists() == (planted == "link")
    assert planted != "link" or elsewhere.read_text() == "someone else's"


def test_only_what_a_killed_run_left_is_swept_away(tmp_path: Path) -> None:
    dead, foreign = tmp_path / f".screener-{'0' * 16}.part", tmp_path / ".screener-notes.part"
    dead.write_text("half")
    foreign.write_text("mine")
    with whole_file(tmp_path / "out.txt") as stream:
        stream.write(b"whole")
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
        from screener.runtime.files import write_whole
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        for name in ("old.json", "new.json"):
            try:
                write_whole(Path({str(tmp_path)!r}) / name, "x" * 100_000)
            except OutputError as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=True)
    assert [line.partition(": ")[2].partition(";")[0] for line in done.stdout.splitlines()] == ["cannot be written: File too large"] * 2
    assert os.listdir(tmp_path) == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "before"


@POSIX
def test_devices_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    """A named pipe and a link to the full device: code that is wrong here and runs as root must not replace the machine's own devices."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)
    if Path("/dev/full").exists():
        full = tmp_path / "full"
        full.symlink_to("/dev/full")
        with pytest.raises(OutputError, match="full: cannot be written"):
            write_whole(full, "text")
        assert full.is_symlink()


@POSIX
def test_a_device_is_not_replaced_either_where_links_are_not_followed(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")
    with pytest.raises(OutputError, match=r"null: cannot be written: it is a device; name a file"):
        write_whole(device, "text", follow=False)
    assert stat.S_ISCHR(device.lstat().st_mode)
    assert os.listdir(tmp_path) == ["null"]


@POSIX
def test_standard_output_may_be_named_where_it_is_a_pipe() -> None:
    """Its real path is a name such as pipe:[1234], which no file has."""
    code = "from pathlib import Path; from screener.runtime.files import write_whole; write_whole(Path('/dev/stdout'), 'text')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("text", "")


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
