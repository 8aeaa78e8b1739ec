"""The extract command: clips and pictures to folds, bad files, a kill, a full disk."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from command_line import environment, run_here
from face_media import FRAMES, RATE, landscape, portrait, stranger, write_clip, write_picture
from torchvision.models.resnet import Bottleneck, ResNet

from screener.cli import extract as command
from screener.training.folds import UNFINISHED, open_folds

SAMPLED = 3
"""Frames of each clip."""

COMMITS_AT_ONCE = (
    "import screener.training.extraction as extraction; extraction.COMMIT_SECONDS = 0.0; from screener.cli import main; main()"
)
"""The command, except that it keeps what it has after each batch, so that a kill always falls between two commits."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips and two pictures of each class, and a picture without a face."""
    root = tmp_path_factory.mktemp("labelled")
    for label, picture in (("real", portrait), ("fake", stranger)):
        folder = root / label
        folder.mkdir()
        write_clip(folder / f"{label}-a.mp4", picture)
        write_clip(folder / f"{label}-b.mp4", lambda number, picture=picture: picture(number // 2))
        write_picture(folder / f"{label}-c.png", picture(4))
        write_picture(folder / f"{label}-d.jpg", picture(9))
    write_picture(root / "real" / "hills.png", landscape())
    return root


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Face pictures for `--cropped`: many small batches and no detector."""
    root = tmp_path / "crops"
    for label, picture in (("real", portrait), ("fake", stranger)):
        (root / label).mkdir(parents=True)
        for number in range(6):
            write_picture(root / label / f"{label}{number}.png", picture(number, 64))
    return root


def arguments(data: Path, folds: Path, checkpoint: Path) -> list[str]:
    return list(map(os.fspath, ["extract", data, "-o", folds, "--checkpoint", checkpoint, "--device", "cpu", "--dtype", "float32"]))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_clips_and_pictures(clips: Path, checkpoint: Path, tmp_path: Path) -> None:
    folds = tmp_path / "folds"
    with mock.patch.object(command, "LINE_EVERY_SECONDS", 0.0):
        ended = run_here(*arguments(clips, folds, checkpoint), "--frames", str(SAMPLED), "--augment", "1", "--validation-share", "0.3")
    assert ended.status == 0, ended.err
    (fold,) = open_folds(folds)
    rows = {name: [row for row in split.rows if row.augmentation == 0] for name, split in fold.splits.items()}
    everything = [row for split in rows.values() for row in split]
    # Two clips and two pictures of each class; the clips by frames at the centres of equal slices.
    assert len(everything) == 2 * (2 * SAMPLED + 2)
    seconds = [row.seconds for row in everything if row.name == "real/real-a.mp4"]
    expected = (np.arange(SAMPLED) + 0.5) * FRAMES / RATE / SAMPLED
    assert seconds == pytest.approx(np.floor(expected * RATE) / RATE, abs=1e-3)
    assert all(row.seconds is None for row in everything if not row.name.endswith(".mp4"))
    assert not {row.name for row in rows["train"]} & {row.name for row in rows["validation"]}
    assert len(fold.splits["train"].rows) == 2 * len(rows["train"]) and len(fold.splits["validation"].rows) == len(rows["validation"])
    assert "9 files, 5 real and 4 fake, layout folders" in ended.out
    assert "1 file gave nothing (no_face 1):\n  real/hills.png: no face was found\n" in ended.out
    assert "extract: 9 of 9 files" in ended.err and "left" in ended.err
    document = json.loads((folds / "fold.json").read_text(encoding="utf-8"))
    assert [bad["name"] for bad in document["extraction"]["bad_files"]] == ["real/hills.png"]

    again = run_here(*arguments(clips, folds, checkpoint), "--frames", str(SAMPLED), "--augment", "1", "--validation-share", "0.3", "-q")
    assert again.status == 0 and "nothing was left to do" in again.out and again.err == ""
    other = run_here(*arguments(clips, folds, checkpoint), "--frames", "4")
    assert other.status == 2 and "holds another extraction, with settings.augment 1 where this one has 0" in other.err


def test_the_same_features_as_a_scan_would_judge(clips: Path, checkpoint: Path, tmp_path: Path) -> None:
    """The head on an extracted feature gives the logit that the scan of the same picture gives."""
    from screener import ScanSettings, Screener
    from screener.checkpoint import load_checkpoint
    from screener.model.network import fake_logit

    assert run_here(*arguments(clips, tmp_path / "folds", checkpoint), "--frames", str(SAMPLED), "-q").status == 0
    screener = Screener(ScanSettings(device="cpu", dtype="float32"), checkpoint)
    head = load_checkpoint(checkpoint).build_network().head
    found = {}
    for split in open_folds(tmp_path / "folds")[0].splits.values():
        with torch.inference_mode():
            logits = fake_logit(head(torch.from_numpy(split.features[0 : len(split)].astype(np.float32))))
        found |= {row.name: float(logit) for row, logit in zip(split.rows, logits, strict=True) if row.seconds is None}
    assert len(found) == 4
    for name, logit in found.items():
        assert logit == pytest.approx(screener.scan(clips / name).frames[0].logit, abs=0.02)


def start(*words: str, limit_bytes: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.Popen(
        [sys.executable, "-c", COMMITS_AT_ONCE, *words],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=limited,
    )


def commits(folds: Path) -> int:
    journal = folds / UNFINISHED
    return journal.read_bytes().count(b"\n") - 1 if journal.exists() else -1


def test_killed_and_repeated_it_ends_with_the_same_bytes(crops: Path, checkpoint: Path, tmp_path: Path) -> None:
    options = ["--cropped", "--augment", "15", "--batch-size", "4", "--folds", "2", "-q"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(*arguments(crops, killed, checkpoint), *options)
    try:
        while commits(killed) < 2 and process.poll() is None:
            time.sleep(0.001)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.communicate()
    assert commits(killed) >= 2 and not list(killed.rglob("*.npy"))
    ended = run_here(*arguments(crops, killed, checkpoint), *options)
    assert ended.status == 0, ended.err
    assert run_here(*arguments(crops, whole, checkpoint), *options).status == 0
    assert contents(killed) == contents(whole)


def test_a_folder_that_is_there_already_takes_nothing_from_the_audit(crops: Path, checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(crops / "real" / "real0.png", crops / "real" / "copy.png")
    folds, options = tmp_path / "folds", ("--cropped", "--validation-share", "0.3", "-q")
    folds.mkdir()
    refused = run_here(*arguments(crops, folds, checkpoint), *options, "--strict")
    assert refused.status == 2 and "the audit found" in refused.err and not list(folds.iterdir())
    first = run_here(*arguments(crops, folds, checkpoint), *options)
    assert first.status == 0 and "WARNING: " in first.err
    again = run_here(*arguments(crops, folds, checkpoint), *options)
    assert again.status == 0 and again.err == "" and "nothing was left to do" in again.out
    strict = run_here(*arguments(crops, folds, checkpoint), *options, "--strict")
    assert strict.status == 2 and "the audit found" in strict.err


def test_a_full_disk_keeps_what_is_whole(crops: Path, checkpoint: Path, tmp_path: Path) -> None:
    options = ["--cropped", "--augment", "15", "--batch-size", "4"]
    folds = tmp_path / "folds"
    # Room for a part of the 160 training rows of 64 x 4 x 4 halves.
    process = start(*arguments(crops, folds, checkpoint), *options, limit_bytes=100_000)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2 and "train.npy.partial: cannot be written: File too large" in err and "Traceback" not in err
    assert commits(folds) > 0 and not list(folds.rglob("*.npy")) and not list(folds.rglob("fold.json"))
    ended = run_here(*arguments(crops, folds, checkpoint), *options)
    assert ended.status == 0 and len(open_folds(folds)[0].splits["train"]) == 160


def test_a_published_backbone_from_a_file(crops: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=8).state_dict(), tmp_path / "small.pth")
    ended = run_here("extract", crops, "-o", tmp_path / "folds", "--backbone", tmp_path / "small.pth", "--cropped", "--device", "cpu", "-q")
    assert ended.status == 0, ended.err
    assert open_folds(tmp_path / "folds")[0].feature_shape == (1024, 14, 14)


def test_refusals(crops: Path, checkpoint: Path, tmp_path: Path) -> None:
    folds = tmp_path / "folds"
    for words, says in (
        ([*arguments(tmp_path / "none", folds, checkpoint)], "none: there is no such file or folder"),
        ([*arguments(crops, folds, checkpoint), "--layout", "dfdc"], "does not look like the layout dfdc"),
        ([*arguments(crops, folds, checkpoint), "--folds", "0"], "--folds: expected a whole number of at least 1, got 0"),
        ([*arguments(crops, folds, checkpoint), "--folds", "7"], "too few independent groups"),
        ([*arguments(crops, folds, checkpoint), "--backbone", "imagenet"], "choose one of --checkpoint and --backbone"),
        (["extract", os.fspath(crops), "-o", os.fspath(folds), "--backbone", "none.pth"], "none.pth: there is no such file"),
    ):
        ended = run_here(*words)
        assert ended.status == 2 and says in ended.err and ended.out == "", ended
        assert not folds.exists()
    shutil.rmtree(crops / "fake")
    one_class = run_here(*arguments(crops, folds, checkpoint))
    assert one_class.status == 2 and "none of them is fake; both real and fake ones are needed" in one_class.err
