"""Invalid checkpoints and settings: exit status 2 and a one-line message, before anything is judged."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from command_line import Ended, run_here
from safetensors import safe_open
from safetensors.torch import save_file

from screener.checkpoint.reading import seal


class Canary:
    """Unpickling it writes the file that it was made for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self._path, "alive")


def missing(path: Path, good: Path, canary: Canary) -> None:
    pass


def plain_pickle(path: Path, good: Path, canary: Canary) -> None:
    path.write_bytes(pickle.dumps({"state": canary}))


def torch_pickle(path: Path, good: Path, canary: Canary) -> None:
    torch.save({"state": canary}, path)


def empty(path: Path, good: Path, canary: Canary) -> None:
    path.touch()


def truncated(path: Path, good: Path, canary: Canary) -> None:
    path.write_bytes(good.read_bytes()[:-100])


def truncated_header(path: Path, good: Path, canary: Canary) -> None:
    path.write_bytes(good.read_bytes()[:64])


def garbage(path: Path, good: Path, canary: Canary) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def changed(path: Path, good: Path, canary: Canary) -> None:
    _with_bias(path, good, 0.5, sealed=False)


def not_a_number(path: Path, good: Path, canary: Canary) -> None:
    _with_bias(path, good, float("nan"), sealed=True)


def _with_bias(path: Path, good: Path, value: float, sealed: bool) -> None:
    with safe_open(good, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the handle is no mapping
        contract = json.loads(file.metadata()["screener"])
    tensors["head.fc.bias"][0] = value
    said = contract.pop("sha256")
    contract["sha256"] = seal(contract, tensors) if sealed else said
    save_file(tensors, path, {"screener": json.dumps(contract)})


def bare_weights(path: Path, good: Path, canary: Canary) -> None:
    save_file({"head.fc.bias": torch.zeros(2)}, path)


def folder(path: Path, good: Path, canary: Canary) -> None:
    path.mkdir()


BAD_CHECKPOINTS = {
    "is missing": (missing, "no such file"),
    "is a pickle": (plain_pickle, "pickle"),
    "is a pickle of torch.save": (torch_pickle, "pickle"),
    "is empty": (empty, "empty"),
    "is cut short": (truncated, "does not fit the file"),
    "is cut within its header": (truncated_header, "truncated"),
    "is garbage": (garbage, "not a safetensors file"),
    "was changed after it was written": (changed, "not as they were written"),
    "holds a NaN": (not_a_number, "head.fc.bias"),
    "has no contract": (bare_weights, "no 'screener' entry"),
    "is a folder": (folder, "not a regular file"),
}
"""How to make it, and what the message must say."""


def assert_refused(ended: Ended, words: str) -> None:
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("screener: ")
    assert len(ended.err.splitlines()) == 1, ended.err
    assert words in ended.err


@pytest.mark.parametrize("fault", BAD_CHECKPOINTS)
def test_a_bad_checkpoint_is_refused_by_every_command(fault: str, checkpoint: Path, media: Path, tmp_path: Path) -> None:
    make, words = BAD_CHECKPOINTS[fault]
    path = tmp_path / "bad.safetensors"
    make(path, checkpoint, Canary(tmp_path / "canary"))
    for command in (["scan", media / "face.png", "--checkpoint"], ["weights", "verify"], ["weights", "show"]):
        ended = run_here(*command, path)
        assert_refused(ended, words)
        assert str(path) in ended.err
    assert not (tmp_path / "canary").exists()


def test_the_canary_would_have_sung(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Canary(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frames", "0"], "frames: expected a whole number of at least 1, got 0"),
        (["--fps", "-1"], "fps: expected a number above 0"),
        (["--threshold", "1.5"], "threshold: expected a probability"),
        (["--fpr", "0"], "fpr: expected a rate"),
        (["--fpr", "0.033"], "--fpr: checkpoint 'tiny' was measured at 0.05, 0.1, not at 0.033"),
        (["--device", "abacus"], "device: expected one of auto, cpu, cuda, mps, got 'abacus'"),
        (["--dtype", "float7"], "dtype: expected one of"),
        (["--json", "--csv"], "choose one of --json and --csv"),
        (["--frames", "8", "--fps", "2"], "choose one of --frames and --fps"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_a_bad_setting_is_refused(options: list[str], words: str, checkpoint: Path, media: Path) -> None:
    assert_refused(run_here("scan", media / "face.png", *options, "--checkpoint", checkpoint), words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_refused(checkpoint: Path, media: Path) -> None:
    assert_refused(run_here("scan", media / "face.png", "--device", "cuda", "--checkpoint", checkpoint), "device cuda: not available")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[tool.screener]\nframse = 3\n", "unknown setting framse"),
        ("[tool.screener]\nframes = 'many'\n", "frames: expected a whole number"),
        ("[tool.other]\nframes = 3\n", "neither a [tool.screener] nor a [screener] table"),
        ("frames = = 3\n", "not valid TOML"),
        ("screener = 3\n", "neither a [tool.screener] nor a [screener] table"),
        ("tool = 3\n", "neither a [tool.screener] nor a [screener] table"),
    ],
)
def test_a_bad_settings_file_is_refused(content: str, words: str, checkpoint: Path, media: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(content, encoding="utf-8")
    assert_refused(run_here("scan", media / "face.png", "--config", tmp_path / "settings.toml", "--checkpoint", checkpoint), words)


def test_a_list_file_that_cannot_be_read_is_refused(checkpoint: Path) -> None:
    assert_refused(run_here("scan", "@none.txt", "--checkpoint", checkpoint), "list file none.txt")


@pytest.mark.parametrize(
    "arguments", [["scan"], ["scan", "--frames", "many", "x.mp4"], ["scan", "--no-such-option", "x.mp4"], ["no-such-command"]]
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    ended = run_here(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert "Usage: " in ended.err
    assert "Traceback" not in ended.err


def test_an_empty_list_file_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing yet\n", encoding="utf-8")
    assert_refused(run_here("scan", f"@{tmp_path / 'empty.txt'}", "--checkpoint", checkpoint), "names no input")


def test_an_option_overrules_its_rival_in_the_settings_file(checkpoint: Path, media: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[screener]\nall_frames = true\nthreshold = 0.5\n", encoding="utf-8")
    options = ["--config", tmp_path / "settings.toml", "--frames", "8", "--fpr", "0.1", "--checkpoint", checkpoint, "--json"]
    found = json.loads(run_here("scan", media / "face.png", *options).out)
    assert (found["settings"]["all_frames"], found["settings"]["frames"], found["settings"]["threshold"]) == (False, 8, None)
    assert found["operating_point"]["fpr"] == 0.1
