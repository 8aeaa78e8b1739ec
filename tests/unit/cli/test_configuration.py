"""Settings from options, environment, files and defaults, and their precedence."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from screener.cli.config import KINDS, config_show, template
from screener.cli.configuration import TABLES, combined, command_settings, found_file, layers, origins, scan_settings
from screener.errors import SettingsError
from screener.settings import LiveSettings, ScanSettings, TrainSettings


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder and a user's folder without settings, and an environment without any."""
    for name in [name for name in os.environ if name.startswith("SCREENER_")]:
        monkeypatch.delenv(name)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_options_win_over_the_environment_that_over_the_file_and_that_over_what_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("screener.toml").write_text('[screener]\nframes = 10\nmin_face_px = 50\nbatch_size = 4\ndevice = "cpu"\n')
    monkeypatch.setenv("SCREENER_MIN_FACE_PX", "60")
    monkeypatch.setenv("SCREENER_BATCH_SIZE", "5")
    settings = scan_settings(None, {"batch_size": 6})
    assert (settings.frames, settings.min_face_px, settings.batch_size, settings.device, settings.fpr) == (10, 60, 6, "cpu", 0.05)
    assert origins(ScanSettings, layers(ScanSettings, "", None)) == {
        "frames": "screener.toml",
        "device": "screener.toml",
        "min_face_px": "environment (SCREENER_BATCH_SIZE, SCREENER_MIN_FACE_PX)",
        "batch_size": "environment (SCREENER_BATCH_SIZE, SCREENER_MIN_FACE_PX)",
    }


def test_a_stronger_layer_settles_the_questions_that_a_weaker_one_answers_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("screener.toml").write_text("[screener]\nuntil_sure = true\nthreshold = 0.9\n")
    assert scan_settings(None, {}).until_sure
    monkeypatch.setenv("SCREENER_FPS", "2")
    settings = scan_settings(None, {"fpr": 0.1})
    assert (settings.until_sure, settings.fps, settings.threshold, settings.fpr) == (False, 2, None, 0.1)
    assert scan_settings(None, {"all_frames": True}).fps is None


@pytest.mark.parametrize(
    ("file", "environment", "given", "message"),
    [
        ("frames = 0", {}, {}, "screener.toml: frames: expected a whole number of at least 1, got 0"),
        ("frame = 1", {}, {}, "screener.toml: unknown setting frame; known are "),
        ("frames = 1\nfps = 2", {}, {}, "screener.toml: choose one of frames and fps, not both"),
        (
            "frames = 0",
            {"SCREENER_FRAMES": "few"},
            {},
            "environment (SCREENER_FRAMES): frames: expected a whole number of at least 1, got 'few'",
        ),
        ("frames = 0", {"SCREENER_FRAMES": "few"}, {"frames": -1}, "frames: expected a whole number of at least 1, got -1"),
    ],
)
def test_a_fault_is_blamed_on_the_layer_that_has_it(
    file: str, environment: dict[str, str], given: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("screener.toml").write_text(f"[screener]\n{file}\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        scan_settings(None, given)
    assert str(refused.value).startswith(message)


def test_the_file_of_the_folder_goes_before_the_users_and_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert found_file() is None
    users = tmp_path / "config" / "screener" / "screener.toml"
    users.parent.mkdir(parents=True)
    users.write_text("[screener]\nframes = 7\n")
    assert scan_settings(None, {}).frames == 7 and capsys.readouterr().err == ""
    Path("screener.toml").write_text("[screener]\nframes = 8\n")
    assert scan_settings(None, {}).frames == 8
    assert capsys.readouterr().err == "screener: settings from screener.toml in this folder\n"
    Path("other.toml").write_text("[screener]\nfpr = 0.1\n")
    named = scan_settings(Path("other.toml"), {})
    assert (named.frames, named.fpr) == (32, 0.1) and capsys.readouterr().err == ""


def test_other_commands_have_tables_and_variables_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("screener.toml").write_text("[screener]\nframes = 8\n[screener.live]\nwindow_seconds = 4\njudged_fps = 3\n")
    monkeypatch.setenv("SCREENER_LIVE_JUDGED_FPS", "5.5")
    monkeypatch.setenv("SCREENER_LIVE_DEVICE", "cpu")
    monkeypatch.setenv("SCREENER_JUDGED_FPS", "1")
    live = command_settings(LiveSettings, "live", None, {})
    assert (live.window_seconds, live.judged_fps, live.device) == (4, 5.5, "cpu")


def test_the_file_to_begin_with_changes_nothing_and_knows_every_setting() -> None:
    text = "\n".join(template())
    Path("screener.toml").write_text(text)
    opened = [line.removeprefix("# ") if " = " in line and not line.endswith("= none") else line for line in text.splitlines()]
    for command, kind in KINDS.items():
        assert combined(kind, layers(kind, "" if command == "scan" else command, None), {}) == kind()
        table = text.partition(f"[screener{'' if command == 'scan' else '.' + command}]")[2].partition("\n[")[0]
        assert all(f"\n# {name} = " in table for name in vars(kind()))
    settable = "\n".join(line for line in opened if line.startswith("[") or (" = " in line and line.split(" = ")[0].isidentifier()))
    assert tomllib.loads(settable)["screener"]["frames"] == 32


def test_values_of_a_preset_are_said_to_be_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.toml").write_text('[screener.train]\npreset = "improved"\npatience = 3\n')
    config_show("train", Path("own.toml"))
    rows = {name: (value, origin) for name, value, origin in (re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines())}
    assert rows["preset"] == ('"improved"', "own.toml") and rows["patience"] == ("3", "own.toml")
    assert rows["epochs"] == ("20", "preset improved") and rows["batch_size"] == ("120", "built in")


def test_a_misspelt_variable_is_said_and_anybodys_other_is_not(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("SCREENER_FRAME", "SCREENER_CHECKPOINT", "SCREENER_P_FAKE", "SCREENER_LIVE_HOLD_SECONDS", "SCREENER_SECONDS"):
        monkeypatch.setenv(name, "5")
    assert scan_settings(None, {}).frames == 32
    assert capsys.readouterr().err == "screener: SCREENER_FRAME is no setting and has no effect; did you mean SCREENER_FRAMES?\n"
    monkeypatch.setenv("SCREENER_LIVE_WINDOW_SECOND", "5")
    monkeypatch.setenv("SCREENER_LIVE_URL", "5")
    command_settings(LiveSettings, "live", None, {})
    assert capsys.readouterr().err.splitlines() == [
        "screener: SCREENER_LIVE_URL is no setting and has no effect",
        "screener: SCREENER_LIVE_WINDOW_SECOND is no setting and has no effect; did you mean SCREENER_LIVE_WINDOW_SECONDS?",
    ]


@pytest.mark.parametrize(("table", "advice"), [("trian", "did you mean train?"), ("scan", "those of scan are in [screener] itself")])
def test_a_table_of_no_command_is_refused(table: str, advice: str) -> None:
    Path("own.toml").write_text(f"[screener.{table}]\nepochs = 3\n")
    with pytest.raises(SettingsError, match=re.escape(f"own.toml: {table}: ") + ".*" + re.escape(advice)):
        command_settings(TrainSettings, "train", Path("own.toml"), {})
    with pytest.raises(SettingsError):
        scan_settings(Path("own.toml"), {})


@pytest.mark.parametrize("table", ["screener", "tool.screener", "screener.live", "tool.screener.live", "tool.screener.liev"])
def test_an_array_of_tables_is_refused_by_every_command(table: str) -> None:
    outer = "" if table.endswith("screener") else f"[{table.rpartition('.')[0]}]\nframes = 3\n"
    Path("own.toml").write_text(f"{outer}[[{table}]]\nepochs = 3\n")
    refused = re.escape(f"own.toml: [[...{table.rpartition('.')[2]}]] begins an array of tables")
    for command, kind in KINDS.items():
        with pytest.raises(SettingsError, match=refused):
            layers(kind, "" if command == "scan" else command, Path("own.toml"))


def test_every_command_with_a_table_is_known_to_the_environment() -> None:
    assert ("scan", *TABLES) == tuple(KINDS)
