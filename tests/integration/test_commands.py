"""The commands other than `scan`, all help texts, and the cost of running or importing the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import environment, run_command, run_here

from screener import ScanSettings, cli
from screener.checkpoint import load_checkpoint, save_contract
from screener.runtime.versions import PACKAGES

HEAVY = ("torch", "torchvision", "cv2", "facenet_pytorch", "av", "scipy", "jinja2")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_lists_and_explains_every_option(path: tuple[str, ...]) -> None:
    ended = run_here(*path, "--help")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: screener {' '.join(path)}".rstrip())
    shown = " ".join(ended.out.split())
    for parameter in COMMANDS[path].params:
        for name in [*parameter.opts, *parameter.secondary_opts]:
            assert name.startswith("-") is False or name in shown
        if parameter.param_type_name == "option":
            assert parameter.help
            assert " ".join(parameter.help.split()) in shown
    for name, command in getattr(COMMANDS[path], "commands", {}).items():
        # Not cut off at the end of a line.
        sentence = " ".join((command.help or "").partition("\n\n")[0].split()).partition(". ")[0]
        assert sentence and f" {name} {sentence}" in shown


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    ended = run_command("--help", cwd=tmp_path)
    assert (ended.status, ended.err) == (0, "")
    assert "scan" in ended.out


@pytest.mark.parametrize(
    "code",
    [
        "import screener",
        "import screener; screener.ScanSettings; screener.SettingsError; screener.Verdict",
        "import sys; sys.argv = ['screener', 'scan', '--help']; from screener.cli import main; main()",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    watched = f"import atexit, sys; atexit.register(lambda: print('loaded', [name for name in {HEAVY!r} if name in sys.modules])); {code}"
    ended = subprocess.run([sys.executable, "-c", watched], env=environment(), capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "loaded []"


def test_a_folder_that_is_gone_is_said(tmp_path: Path, media: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'cd "$1" && rmdir "$1" && exec "{sys.executable}" -m screener scan "$2"'
    arguments = ["sh", "-c", command, "sh", str(gone), str(media / "one.mp4")]
    ended = subprocess.run(arguments, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "screener: the current folder no longer exists; change to another one\n"


def test_a_folder_that_is_gone_is_said_to_programs_too(tmp_path: Path) -> None:
    """PyTorch would end the program, with nothing that it could catch."""
    code = (
        "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]); import screener\n"
        "try: screener.scan\nexcept screener.SourceError as error: print(error)"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    ended = subprocess.run([sys.executable, "-c", code, gone], env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.stderr) == ("the current folder no longer exists; change to another one\n", "")


def test_version_names_every_library_that_results_depend_on() -> None:
    ended = run_here("version")
    assert ended.status == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == ["python", *PACKAGES]


def test_weights_show_tells_the_contract(checkpoint: Path) -> None:
    ended = run_here("weights", "show", checkpoint)
    assert ended.status == 0
    for words in (
        str(checkpoint),
        load_checkpoint(checkpoint).sha256,
        "Apache-2.0",
        "trimmed_mean",
        "at 5% false positives",
        "at 10% false positives",
    ):
        assert words in ended.out


def test_default_names_the_shipped_weights_as_an_argument_too(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run_here("weights", "show").out
    monkeypatch.setenv("SCREENER_CHECKPOINT", str(checkpoint))
    ended = run_here("weights", "show", "default")
    assert ended.status == 0, ended.err
    assert ended.out == expected


@pytest.mark.parametrize("command", ["show", "verify"])
def test_of_two_checkpoints_none_is_passed_over(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    ended = run_here("weights", command, checkpoint, "--checkpoint", tmp_path / "none.safetensors")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("screener: choose one of CHECKPOINT and --checkpoint, not both")
    monkeypatch.setenv("SCREENER_CHECKPOINT", str(tmp_path / "none.safetensors"))
    assert run_here("weights", command, checkpoint).status == 0


@pytest.mark.parametrize(
    "words",
    ["extract none -o folds --backbone imagenet", "evaluate none --compare a.safetensors b.safetensors"],
    ids=["extract", "evaluate"],
)
def test_weights_of_the_environment_give_way_to_options_that_exclude_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "choose one of" in run_here(*words.split(), "--checkpoint", "weights.safetensors").err
    monkeypatch.setenv("SCREENER_CHECKPOINT", "weights.safetensors")
    assert run_here(*words.split()).err.startswith("screener: none: there is no such file or folder")


def test_a_checkpoint_can_neither_add_rows_nor_steer_the_terminal(checkpoint: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(checkpoint)
    odd = tmp_path / ("odd\x1b[31m.safetensors" if os.name == "posix" else "odd.safetensors")
    save_contract(odd, replace(loaded.contract, limits="none known\nlicence  MIT"), checkpoint)
    plain, ended = run_here("weights", "show", checkpoint), run_here("weights", "show", odd)
    assert ended.status == 0
    assert "none known\\nlicence  MIT" in ended.out and "\x1b" not in ended.out
    rows = [[line.split()[0] for line in told.out.splitlines() if not line.startswith("figure ")] for told in (plain, ended)]
    assert rows[0] == rows[1]


def test_weights_verify_names_each_check(checkpoint: Path) -> None:
    ended = run_here("weights", "verify", checkpoint)
    assert ended.status == 0
    checks = [line.split()[0] for line in ended.out.splitlines()]
    assert checks == ["file", "contract", "preprocessing", "tensors", "seal", "values", "sha256", "fingerprint", "network"]


def test_settings_come_from_a_file_and_options_override_it(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[tool.screener]\nframes = 9\nthreshold = 0.3\ndtype = "float32"\n', encoding="utf-8")
    ended = run_here(
        "scan", media / "face.png", "--json", "--config", tmp_path / "settings.toml", "--frames", "7", "--checkpoint", checkpoint
    )
    settings = json.loads(ended.out)["settings"]
    assert (settings["frames"], settings["threshold"], settings["dtype"]) == (7, 0.3, "float32")


@pytest.mark.parametrize(
    ("command", "table", "lines", "words"),
    [
        ("scan", "screener", "frame = 3", "unknown setting frame"),
        ("scan", "screener", 'batch_size = "many"', "batch_size: expected a whole number"),
        ("scan", "screener", "threshold = 0.5\nfpr = 0.1", "choose one of fpr and threshold, not both"),
        ("live", "screener.live", "window_second = 3", "unknown setting window_second"),
        ("extract", "screener.extract", "folds = 0", "folds: expected"),
        ("train", "screener.train", "epochs = -1", "epochs: expected"),
    ],
)
def test_a_wrong_line_of_a_settings_file_is_said_to_be_in_it(tmp_path: Path, command: str, table: str, lines: str, words: str) -> None:
    (tmp_path / "settings.toml").write_text(f"[{table}]\n{lines}\n", encoding="utf-8")
    output = ["-o", tmp_path / "output.safetensors"] if command in ("extract", "train") else []
    ended = run_here(command, tmp_path / "input", *output, "--config", tmp_path / "settings.toml")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"screener: {tmp_path / 'settings.toml'}: {words}")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("scan input --budget 0", "--budget"),
        ("scan input --time-limit 0", "--time-limit"),
        ("scan input --min-face-px 1", "--min-face-px"),
        ("live input --duration 0", "--duration"),
        ("live input --heartbeat 0", "--heartbeat"),
        ("live input --window 0", "--window"),
        ("train input -o x.safetensors --save-every 0", "--save-every"),
        ("train input -o x.safetensors --end-to-end --share matched=-1", "--share matched"),
        ("train input -o x.safetensors --end-to-end --decoder swop=1", "--decoder"),
        ("serve --no-open --device abacus", "--device"),
        ("serve --no-open --port 70000", "--port"),
        ("serve --no-open --max-upload 0", "--max-upload"),
    ],
)
def test_a_wrong_option_is_named_as_it_was_typed(tmp_path: Path, words: str, option: str) -> None:
    state = ["--state", tmp_path / "state"] if words.startswith("serve") else []
    ended = run_here(*words.split(), *state)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"screener: {option}: expected ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("serve --live 97 --no-open --state state", "[screener.live]\nwindow_seconds = 0"),
        ("scan input --cluster auto -o run", "[screener.cluster]\nshard_videos = 0"),
    ],
    ids=["serve", "cluster"],
)
def test_a_settings_file_of_which_two_tables_are_read_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("screener.toml").write_text(f"[screener]\nframes = 3\n{line}\n", encoding="utf-8")
    said, refused = run_here(*words.split()).err.splitlines()
    assert said == "screener: settings from screener.toml in this folder"
    assert refused.startswith(f"screener: screener.toml: {line.split()[1]}: expected ")


def test_an_option_settles_what_a_settings_file_answers_twice(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[screener]\nthreshold = 0.5\nfpr = 0.1\n", encoding="utf-8")
    options = ("--config", tmp_path / "settings.toml", "--threshold", "0.4", "--checkpoint", checkpoint)
    settings = json.loads(run_here("scan", media / "face.png", "--json", *options).out)["settings"]
    assert (settings["threshold"], settings["fpr"]) == (0.4, ScanSettings().fpr)


def test_a_settings_file_may_switch_off_what_rivals_another_setting(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[screener]\nall_frames = false\nuntil_sure = false\nframes = 5\n", encoding="utf-8")
    ended = run_here("scan", media / "face.png", "--json", "--config", tmp_path / "settings.toml", "--checkpoint", checkpoint)
    assert json.loads(ended.out)["settings"]["frames"] == 5
