"""The train command: on folds on disk, killed, under torchrun, with invalid input, end to end on pictures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import TINY_PREPROCESSING
from command_line import environment, run_here
from face_media import portrait, stranger, write_picture
from prepared_command import start_prepared

from screener.checkpoint import load_checkpoint, verify_checkpoint
from screener.training import validation

QUICK = ("--epochs", "2", "--batch-size", "8", "--learning-rate", "0.003", "--l1-factor", "0", "--dtype", "float32", "--device", "cpu")


def write_fold(folder: Path, fingerprint: str, seed: int = 0, signal: float = 1.5, break_row: int | None = None) -> Path:
    """A native fold, by its published format: 48 training and 40 validation rows, real and fake in turn."""
    folder.mkdir(parents=True)
    splits: dict[str, Any] = {}
    for number, (name, count) in enumerate({"train": 48, "validation": 40}.items()):
        labels = np.arange(count) % 2
        values = np.abs(np.random.default_rng([seed, number]).normal(0, 1, (count, 64, 4, 4)))
        values[labels == 1, :32] += signal
        if break_row is not None and name == "train":
            values[break_row, 3, 2, 1] = np.nan
        np.save(folder / f"{name}.npy", values.astype(np.float16))
        rows = [
            [f"{name}/{n}.png", "fake" if label else "real", f"{name}-{n}", f"{name}/{n}.png", None, 0, "", []]
            for n, label in enumerate(labels)
        ]
        splits[name] = {"array": f"{name}.npy", "rows": rows}
    document = {
        "fold_version": 1, "number": int(folder.name.rpartition("-")[2]) if "-" in folder.name else 1, "backbone_fingerprint": fingerprint,
        "preprocessing": TINY_PREPROCESSING.to_dict(), "feature_shape": [64, 4, 4], "splits": splits,
    }  # fmt: skip
    (folder / "fold.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def fingerprint(tiny_checkpoint: Path) -> str:
    return load_checkpoint(tiny_checkpoint).contract.backbone_fingerprint


@pytest.fixture(scope="module")
def folds(fingerprint: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds, of which the second is the easier."""
    folder = tmp_path_factory.mktemp("folds")
    write_fold(folder / "fold-1", fingerprint, seed=1, signal=0.02)
    write_fold(folder / "fold-2", fingerprint, seed=2)
    return folder


def test_folds_become_a_checkpoint(folds: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine" / "head.safetensors"
    ended = run_here("train", folds, "-o", output, "--checkpoint", tiny_checkpoint, *QUICK)
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["fold", "epoch", "validation", "auc", "validation", "accuracy", "validation", "f1"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "mean"]
    assert lines[2].split()[1] == "*"
    assert "±" in lines[3]
    assert lines[-1].startswith(f"written: {output}, {output.parent / 'head.metrics.csv'}")
    assert ended.err.splitlines()[0] == "fold 1 of 2: 48 rows to learn from, 40 to validate on"
    assert len(ended.err.splitlines()) == 2 + 4
    verify_checkpoint(output)
    contract = load_checkpoint(output).contract
    assert contract.figures["head_training"]["chosen_fold"] == 2
    assert [point.fpr for point in contract.operating_points] == [0.05, 0.10]
    with (output.parent / "head.metrics.csv").open(newline="") as file:
        assert [(row["fold"], row["epoch"]) for row in csv.DictReader(file)] == [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]
    assert not [path for path in output.parent.iterdir() if path.name.startswith(".") or path.suffix == ".training"]


def test_settings_come_from_preset_file_and_options_in_this_order(folds: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    config = tmp_path / "screener.toml"
    config.write_text('[tool.screener]\nframes = 8\n[tool.screener.train]\npreset = "improved"\nepochs = 1\nmixup = 0.1\nbatch_size = 9\n')
    output = tmp_path / "head.safetensors"
    ended = run_here(
        "train", folds, "-o", output, "--checkpoint", tiny_checkpoint, "--config", config, "--fold", "2", "--batch-size", "8", "--quiet"
    )
    assert (ended.status, ended.err) == (0, "")
    settings = load_checkpoint(output).contract.figures["head_training"]["settings"]
    found = {name: settings[name] for name in ("preset", "optimiser", "epochs", "mixup", "batch_size")}
    assert found == {"preset": "improved", "optimiser": "adamw", "epochs": 1, "mixup": 0.1, "batch_size": 8}


def test_a_killed_command_repeated_ends_as_if_it_had_not_been_killed(folds: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    def arguments(output: Path) -> list[str | Path]:
        return [
            "train", folds, "-o", output, "--checkpoint", tiny_checkpoint, *QUICK, "--preset", "improved", "--fold", "2",
            "--epochs", "12", "--patience", "0", "--save-every", "0.000001",
        ]  # fmt: skip

    killed, whole = tmp_path / "killed" / "head.safetensors", tmp_path / "whole" / "head.safetensors"
    process = start_prepared(*arguments(killed))
    try:
        state = killed.with_name("head.safetensors.training") / "fold-2.state"
        for _ in range(6000):
            if state.exists() or process.poll() is not None:
                break
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    assert state.exists()
    assert not killed.exists()
    assert run_here(*arguments(killed)).status == 0
    assert run_here(*arguments(whole)).status == 0
    assert killed.read_bytes() == whole.read_bytes()
    assert not state.parent.exists()


def test_a_killed_command_does_not_go_on_with_other_features(fingerprint: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    folds = tmp_path / "folds"
    for number in (1, 2):
        write_fold(folds / f"fold-{number}", fingerprint, seed=number)
    output = tmp_path / "head.safetensors"
    arguments = [
        "train",
        folds,
        "-o",
        output,
        "--checkpoint",
        tiny_checkpoint,
        *QUICK,
        "--epochs",
        "400",
        "--save-every",
        "0.01",
        "--no-audit",
    ]
    process = start_prepared(*arguments)
    try:
        state = output.with_name("head.safetensors.training") / "fold-1.state"
        until = time.monotonic() + 120
        while not state.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    assert state.exists()
    features = np.load(folds / "fold-2" / "train.npy", mmap_mode="r+")
    features[7] = features[8]
    features.flush()
    ended = run_here(*arguments)
    assert ended.status == 2 and not output.exists()
    assert "holds an unfinished run on other data: fold-2/train.npy: changed since it began" in ended.err


def test_several_processes_train_one_head_and_one_of_them_writes(folds: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "head.safetensors"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "screener", "train", folds,
        "-o", output, "--checkpoint", tiny_checkpoint, *QUICK, "--epochs", "6", "--fold", "2", "--batch-size", "17",
    ]  # fmt: skip
    ended = subprocess.run(list(map(str, command)), env=environment(), capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert len([line for line in ended.stdout.splitlines() if line.startswith("written: ")]) == 1
    assert len([line for line in ended.stderr.splitlines() if line.startswith("fold 2 epoch")]) == 6
    record = load_checkpoint(output).contract.figures["head_training"]["folds"]
    assert [row["fold"] for row in record] == [2]
    assert record[0]["validation"]["auc"] > 0.95
    assert record[0]["validation"]["rows"] == 40
    left = sorted(path.name for path in tmp_path.iterdir() if path.suffix not in (".png", ".svg"))
    assert left == ["head.metrics.csv", "head.safetensors"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "best"], "preset: expected one of published, improved, got 'best'"),
        (["--learning-rate", "-1"], "--learning-rate: expected a number above 0, got -1.0"),
        (["--fold", "9"], "has the folds 1, 2, not 9"),
        (["--backbone", "imagenet"], "choose one of --checkpoint and --backbone, not both"),
        (["--minutes", "3"], "--minutes: only with --end-to-end"),
        (["--end-to-end", "--epochs", "3", "--fold", "1"], "--epochs, --fold: only for training on feature folds"),
        (["--end-to-end", "--no-class-balance"], "--no-class-balance: only for training on feature folds"),
        (["--no-grow", "--own-statistics", "--share", "matched=1"], "--own-statistics, --no-grow, --share: only with --end-to-end"),
    ],
)
def test_wrong_options_are_named(folds: Path, tiny_checkpoint: Path, tmp_path: Path, options: list[str], message: str) -> None:
    checkpoint = [] if "--end-to-end" in options else ["--checkpoint", tiny_checkpoint]
    ended = run_here("train", folds, "-o", tmp_path / "head.safetensors", *checkpoint, *options)
    assert ended.status == 2
    assert message in ended.err
    assert not list(tmp_path.iterdir())


def test_wrong_data_is_named_and_nothing_is_left_under_the_final_name(fingerprint: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "head.safetensors"
    broken = write_fold(tmp_path / "broken", fingerprint, break_row=7)
    other = write_fold(tmp_path / "other", "0" * 64)
    cases = {
        tmp_path / "nothing": "there is no such folder",
        broken: "row 7 of split train (train/7.png)",
        other: "its features come from the backbone 000000000000",
    }
    for folder, message in cases.items():
        ended = run_here("train", folder, "-o", output, "--checkpoint", tiny_checkpoint, *QUICK)
        assert ended.status == 2
        assert message in ended.err
        assert len([line for line in ended.err.splitlines() if line.startswith("screener: ")]) == 1
        assert not output.exists()
        # Nothing is kept that would be taken for the start of a run on mended folds.
        assert not output.with_name("head.safetensors.training").exists()


def test_a_run_that_diverged_does_not_stand_in_the_way_of_the_next(folds: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """It is told to lower the learning rate, and may."""
    command = ("train", folds, "-o", tmp_path / "head.safetensors", "--checkpoint", tiny_checkpoint, *QUICK, "--fold", "2")
    diverged = run_here(*command, "--optimiser", "sgd", "--learning-rate", "1e30")
    assert diverged.status == 2 and "lower learning_rate" in diverged.err
    ended = run_here(*command)
    assert ended.status == 0, ended.err


def test_the_folds_are_not_replaced_by_the_checkpoint(fingerprint: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    document = write_fold(tmp_path / "folds", fingerprint) / "fold.json"
    before = document.read_bytes()
    ended = run_here("train", tmp_path / "folds", "-o", document, "--checkpoint", tiny_checkpoint, *QUICK)
    assert ended.status == 2
    assert f"{document}: expected the name of a checkpoint, which ends in .safetensors" in ended.err
    assert document.read_bytes() == before


def test_another_checkpoint_than_the_folds_come_from_is_refused_by_default(folds: Path, tmp_path: Path) -> None:
    ended = run_here("train", folds, "-o", tmp_path / "head.safetensors", *QUICK)
    assert ended.status == 2
    assert "its features come from the backbone" in ended.err


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six faces to train on and two to validate on, with their splits in a manifest."""
    folder = tmp_path_factory.mktemp("pictures")
    lines = ["path,label,group,split"]
    for number in range(8):
        make = stranger if number % 2 else portrait
        write_picture(folder / f"{number}.png", make(number))
        lines.append(f"{number}.png,real,{number},{'validation' if number > 5 else 'train'}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_end_to_end_on_pictures(pictures: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "PAIRS", 12)
    output = tmp_path / "own.safetensors"
    ended = run_here(
        "train", "--end-to-end", pictures, "-o", output, "--init", tiny_checkpoint, "--minutes", "0.05", "--input-size", "64",
        "--pairs", "4", "--device", "cpu", "--save-every", "1",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert "6 faces to train on, 2 held out; 0 pictures show none" in ended.err
    verify_checkpoint(output)
    written, start = load_checkpoint(output), load_checkpoint(tiny_checkpoint)
    assert written.contract.preprocessing.input_size == 64
    assert written.contract.backbone_fingerprint != start.contract.backbone_fingerprint
    assert written.contract.operating_points == ()
    stages = written.contract.figures["end_to_end_training"]["stages"]
    assert [row["stage"] for row in stages] == [1, 2, 3]
    assert all(row["pictures"] > 0 for row in stages)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.metrics.csv", "own.safetensors"]
