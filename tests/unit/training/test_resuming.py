"""The run folder: atomic files, only for the same run, and clear messages when the disk is full."""

from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from screener.errors import OutputError, SettingsError
from screener.runtime.stop_signals import Terminated
from screener.training import resuming
from screener.training.resuming import RunFolder, load_state, save_state

IDENTITY = {"settings": {"epochs": 3, "seed": 0}, "data": {"1": "a" * 64}}


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    content = {"head": {"w": torch.tensor([1.5, float("inf")])}, "epoch": 2, "best": None, "history": [{"auc": 0.5}]}
    save_state(tmp_path / "state", content)
    found = load_state(tmp_path / "state")
    assert found is not None
    assert torch.equal(found["head"]["w"], content["head"]["w"])  # type: ignore[index]
    assert {name: found[name] for name in ("epoch", "best", "history")} == {"epoch": 2, "best": None, "history": [{"auc": 0.5}]}
    assert load_state(tmp_path / "nothing") is None


def test_a_signal_while_a_state_is_written_is_no_fault_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch answers the exception of a signal with one of its own, and that with another if a worker got the signal too."""
    save_state(tmp_path / "state", {"epoch": 1})

    class Stopped(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell() > 500:
                raise Terminated
            return super().write(data)

    monkeypatch.setattr(resuming, "whole_file", lambda path: nullcontext(Stopped()))
    with pytest.raises(Terminated):
        save_state(tmp_path / "state", {"head": torch.zeros(1000)})
    save = torch.save

    def interrupted(*arguments: Any) -> None:
        try:
            save(*arguments)
        finally:
            raise RuntimeError("DataLoader worker is killed by signal: Terminated.")

    with monkeypatch.context() as patch, pytest.raises(Terminated):
        patch.setattr(torch, "save", interrupted)
        save_state(tmp_path / "state", {"head": torch.zeros(1000)})
    assert load_state(tmp_path / "state") == {"epoch": 1}


def test_a_state_that_is_not_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"not a state")
    with pytest.raises(OutputError, match=rf"{tmp_path / 'state'}: the saved state of the run cannot be read.*remove {tmp_path}"):
        load_state(tmp_path / "state")


def test_a_full_disk_below_pytorch_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:668] . PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"state: cannot be written: .*file write failed"):
        save_state(tmp_path / "state", {})
    assert not list(tmp_path.iterdir())


def test_a_run_at_work_keeps_others_out(tmp_path: Path) -> None:
    output = tmp_path / "head.safetensors"
    with RunFolder(output) as first:
        first.open(IDENTITY)
        save_state(first.file("fold-1.state"), {"epoch": 1})
        with pytest.raises(OutputError, match=r"head\.safetensors\.training: another training is at work there; wait for it, or name"):
            RunFolder(output).open(IDENTITY)
    with RunFolder(output) as second:
        second.open(IDENTITY)
        assert second.file("fold-1.state").exists()
        second.remove()
    assert not list(tmp_path.iterdir())


def test_a_run_of_a_version_with_other_settings_says_so(tmp_path: Path) -> None:
    """The same command repeated could not finish it."""
    folder = RunFolder(tmp_path / "head.safetensors")
    folder.open(IDENTITY)
    newer = {"settings": {"epochs": 3, "seed": 0, "warmth": 0.5}, "data": IDENTITY["data"]}
    with pytest.raises(SettingsError, match=r"another version of screener began it, without the same settings \(warmth\); finish it with"):
        folder.open(newer)


def test_the_same_run_is_taken_up_and_another_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "head.safetensors")
    folder.open(IDENTITY)
    assert folder.path == tmp_path / "head.safetensors.training"
    folder.open(dict(IDENTITY))
    other = {"settings": {"epochs": 5, "seed": 0}, "data": {"1": "b" * 64}}
    with pytest.raises(
        SettingsError, match=r"unfinished run with another data\.1, settings\.epochs \(3 then, 5 now\); repeat that command"
    ):
        folder.open(other)


def test_what_a_kill_left_half_written_is_swept_away(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "head.safetensors")
    folder.open(IDENTITY)
    folder.file(f".screener-{'0' * 16}.part").write_bytes(b"half")
    folder.file("fold-1.state").write_bytes(b"whole")
    folder.open(IDENTITY)
    assert sorted(path.name for path in folder.path.iterdir()) == ["fold-1.state", "lock", "run.json"]


def test_the_folder_goes_with_everything_in_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "head.safetensors")
    folder.open(IDENTITY)
    folder.file("fold-1.result").write_bytes(b"x")
    folder.file("faces").mkdir()
    folder.remove()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        RunFolder(tmp_path / "file" / "head.safetensors").open(IDENTITY)
