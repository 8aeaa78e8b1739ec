"""Files that are read are not written over, by whatever name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from screener.cli import with_commands
from screener.cli.overwriting import refuse_overwriting
from screener.errors import ExitStatus, SettingsError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"evidence")
    return path


def test_the_input_under_any_name_is_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "soft.json").symlink_to(clip)
    os.link(clip, tmp_path / "hard.json")
    for name in ("clip.mp4", "soft.json", "hard.json"):
        with pytest.raises(SettingsError, match=r"^-o .*: would replace .*clip\.mp4, which is read"):
            refuse_overwriting({"-o": tmp_path / name}, [str(clip)])


def test_a_list_of_names_is_read_too(clip: Path) -> None:
    with pytest.raises(SettingsError, match="@"):
        refuse_overwriting({"-o": clip}, [f"@{clip}"])


def test_everything_else_may_be_written(clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "rows.json"
    other.write_text("{}")
    refuse_overwriting({"-o": other, "--journal": tmp_path / "new", "--report": None}, [str(clip), None, "rtsp://host/x", "0", "a\0b"])
    refuse_overwriting({"-o": Path("/dev/null"), "--log-file": Path("/dev/null")}, ["/dev/null"])


def test_two_outputs_are_two_files(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.txt").symlink_to("clip.mp4")
    for one, other in (("both.txt", "./both.txt"), ("both.txt", tmp_path / "both.txt"), ("clip.mp4", "link.txt")):
        with pytest.raises(SettingsError, match="given for both -o and --log-file; they must be two files"):
            refuse_overwriting({"-o": Path(one), "--log-file": Path(other)}, [])
    refuse_overwriting({"-o": Path("one.txt"), "--log-file": Path("two.txt")}, [])


@pytest.mark.parametrize(
    "command",
    [
        "scan SOURCE -o READ --checkpoint READ",
        "scan SOURCE -o READ --config READ",
        "scan SOURCE -o READ --trust-anchors READ",
        "scan SOURCE -o READ --engine READ",
        "scan SOURCE -o other.txt --journal READ --checkpoint READ",
        "scan SOURCE --log-file READ --checkpoint READ",
        "scan SOURCE --log-file READ --engine READ",
        "scan FOLDER --log-file SOURCE",
        "scan SOURCE -o both.txt --log-file both.txt",
        "scan SOURCE -o both.txt --resume --log-file both.txt.journal",
        "compare SOURCE READ -o both.html --report both.html",
        "live SOURCE -o both.mp4 --record both.mp4",
        "live SOURCE --record READ --checkpoint READ",
        "live SOURCE -o READ --config READ",
        "export -o READ --checkpoint READ",
        "export SOURCE --int8 -o SOURCE",
        "evaluate SOURCE --model-card READ --checkpoint READ",
        "evaluate SOURCE --model-card READ --config READ",
        "train SOURCE -o READ --checkpoint READ",
        "train SOURCE -o READ --config READ",
    ],
)
def test_what_a_command_reads_or_writes_already_is_refused(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read = tmp_path / "folder", tmp_path / "model.onnx"
    folder.mkdir()
    read.write_bytes(b"weights")
    (folder / "clip.mp4").write_bytes(b"evidence")
    names = {"SOURCE": folder / "clip.mp4", "READ": read, "FOLDER": folder}
    words = [str(names.get(word, word)) for word in command.split()]
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(with_commands(words[:1]), words)
    assert ended.exit_code == ExitStatus.COULD_NOT_RUN
    assert ("they must be two files" if "both" in command else "would replace") in ended.stderr
    assert (read.read_bytes(), (folder / "clip.mp4").read_bytes(), len(list(tmp_path.iterdir()))) == (b"weights", b"evidence", 2)
