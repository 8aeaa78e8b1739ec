"""Standard input and open files as inputs: the file behind them, or why there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest
from video_media import write_clip

from screener.video import Source, expand_sources
from screener.video.inputs.standard_input import is_handed_down

ROOT = Path(__file__).resolve().parents[4]

READS = """
import sys
from screener.settings import ScanSettings
from screener.video import Source, expand_sources, open_video
(found,) = expand_sources([sys.argv[1]])
if not isinstance(found, Source):
    sys.exit(f"{found.reason}: {found.message}")
with open_video(found, ScanSettings(all_frames=True)) as video:
    print(found.name, found.kind, len(list(video.frames())), *video.facts.reasons)
"""


def read(name: str, stdin: IO[bytes] | int, pass_fds: Sequence[int] = ()) -> str:
    """What a process whose standard input is given says of the input of this name."""
    done = subprocess.run(
        [sys.executable, "-c", READS, name], cwd=ROOT, stdin=stdin, pass_fds=pass_fds, capture_output=True, text=True, check=False
    )
    return (done.stdout or done.stderr).strip()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", frames=7)


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_a_file_on_standard_input_is_read(clip: Path, name: str) -> None:
    with clip.open("rb") as file:
        assert read(name, file) == f"{name} file 7"


def test_a_file_on_standard_input_whose_name_is_gone_is_read(clip: Path) -> None:
    with clip.open("rb") as file:
        clip.unlink()
        assert read("-", file) == "- file 7"


def test_another_open_file_is_read(clip: Path) -> None:
    with clip.open("rb") as file:
        number = file.fileno()
        assert read(f"/dev/fd/{number}", subprocess.DEVNULL, [number]) == f"/dev/fd/{number} file 7"


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_a_pipe_is_refused_and_what_to_do_is_said(name: str) -> None:
    said = read(name, subprocess.PIPE)
    assert said.startswith("not_regular: ") and "is a pipe" in said and "write it to" in said


def test_a_device_and_what_is_not_open_are_refused() -> None:
    assert "is a terminal or another device" in read("-", subprocess.DEVNULL)
    said = read("/dev/fd/987", subprocess.DEVNULL)
    assert said.startswith("not_found: ") and "is not open" in said


WATCHES = """
import sys
from screener.errors import SourceError
from screener.video.live.one_source import live_source
try:
    source = live_source(sys.argv[1])
    print(source.name, source.kind, source.path)
except SourceError as error:
    print(error.reason, error.message)
"""


def test_a_watch_takes_a_file_on_standard_input_and_no_pipe(clip: Path) -> None:
    def watched(stdin: IO[bytes] | int) -> str:
        command = [sys.executable, "-c", WATCHES, "/dev/stdin"]
        return subprocess.run(command, cwd=ROOT, stdin=stdin, capture_output=True, text=True, check=True).stdout.strip()

    with clip.open("rb") as file:
        assert watched(file) == f"/dev/stdin file {clip}"
    said = watched(subprocess.PIPE)
    assert said.startswith("not_regular /dev/stdin: standard input is a pipe, ") and "mkfifo" in said


def test_a_file_called_dash_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(b"x")
    (source,) = expand_sources(["-"])
    assert isinstance(source, Source) and source.path == tmp_path / "-"


def test_other_names_are_not_taken_for_open_files(tmp_path: Path) -> None:
    assert not any(is_handed_down(name) for name in ("a", "/dev/video0", "/dev/fd", "dev/stdin", os.fspath(tmp_path), "--", "/dev/stdin2"))
