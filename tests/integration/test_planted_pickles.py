"""A planted pickle is never executed, whatever its name and whichever command reads it."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run_here
from face_media import portrait, write_picture
from safetensors.torch import save as to_safetensors

NATIVE = Path("folds") / "fold-1"


class Canary:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.makedirs, (os.fspath(self.mark),)


def plain(canary: Canary) -> bytes:
    return pickle.dumps(canary)


def oldest(canary: Canary) -> bytes:
    return pickle.dumps(canary, protocol=0)


def torch_zip(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state": canary}, buffer)
    return buffer.getvalue()


def torch_legacy(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    torch.save({"state": canary}, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def numpy_array(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([canary], object), allow_pickle=True)
    return buffer.getvalue()


def numpy_archive(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, key=np.array([canary], object), boxes=np.array([canary], object))
    return buffer.getvalue()


def archive(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("data.pkl", pickle.dumps(canary))
        file.writestr("data/0", bytes(1000))
    return buffer.getvalue()


def safetensors_with_a_tail(canary: Canary) -> bytes:
    return to_safetensors({"x": torch.zeros(1)}, metadata={"screener": "{}"}) + pickle.dumps(canary)


KINDS: dict[str, Callable[[Canary], bytes]] = {
    make.__name__: make for make in (plain, oldest, torch_zip, torch_legacy, numpy_array, numpy_archive, archive, safetensors_with_a_tail)
}
LOADERS = {
    "plain": pickle.loads,
    "oldest": pickle.loads,
    "torch_zip": lambda data: torch.load(io.BytesIO(data), weights_only=False),
    "torch_legacy": lambda data: torch.load(io.BytesIO(data), weights_only=False),
    "numpy_array": lambda data: np.load(io.BytesIO(data), allow_pickle=True),
    "numpy_archive": lambda data: np.load(io.BytesIO(data), allow_pickle=True)["key"],
}


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "ran")


@pytest.mark.parametrize("kind", LOADERS)
def test_the_canary_sings_where_pickles_are_run(canary: Canary, kind: str) -> None:
    LOADERS[kind](KINDS[kind](canary))
    assert canary.mark.is_dir()


def labelled(folder: Path, content: bytes, suffix: str) -> Path:
    """A data set whose every file is the pickle."""
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
        for number in range(2):
            (folder / label / f"{number}{suffix}").write_bytes(content)
    return folder


def legacy(folder: Path, content: bytes) -> Path:
    for place in ("train_1", "test"):
        labelled(folder / place, content, ".flatten")
    return folder


def native(folder: Path, content: bytes, everything: bool) -> Path:
    """A fold whose arrays, or whose document too, are the pickle."""
    place = folder / "fold-1"
    place.mkdir(parents=True)
    rows = [[f"{n}.png", "fake" if n % 2 else "real", str(n), f"{n}.png", None, 0, "", []] for n in range(4)]
    splits = {name: {"array": f"{name}.npy", "rows": rows} for name in ("train", "validation")}
    document = {
        "fold_version": 1,
        "number": 1,
        "backbone_fingerprint": "",
        "preprocessing": {},
        "feature_shape": [64, 4, 4],
        "splits": splits,
    }
    (place / "fold.json").write_bytes(content if everything else json.dumps(document).encode())
    for name in splits:
        (place / f"{name}.npy").write_bytes(content)
    return folder


def commands(folder: Path, content: bytes, checkpoint: Path, face: Path, suffixes: tuple[str, ...]) -> dict[str, list[str | Path]]:
    """Every way to hand a file to screener, with the pickle as that file. suffixes: those of the files that are given as weights."""
    planted: dict[str, Path] = {}
    for suffix in (
        ".pt",
        ".pth",
        ".pkl",
        ".npy",
        ".npz",
        ".safetensors",
        ".mp4",
        ".png",
        ".flatten",
        ".csv",
        ".json",
        ".jsonl",
        ".toml",
        ".txt",
    ):
        planted[suffix] = folder / f"planted{suffix}"
        planted[suffix].write_bytes(content)
    own: list[str | Path] = ["--checkpoint", checkpoint]
    data = labelled(folder / "data", content, ".png")
    clips = labelled(folder / "clips", content, ".mp4")
    out = folder / "out.safetensors"
    given: dict[str, list[str | Path]] = {
        "scan": ["scan", *own, *planted.values()],
        "scan a folder": ["scan", *own, clips],
        "scan a list": ["scan", *own, f"@{planted['.txt']}"],
        "scan by settings": ["scan", *own, "--config", planted[".toml"], face],
        "scan with a journal": ["scan", *own, "--journal", planted[".jsonl"], "--jsonl", face],
        "audit": ["audit", data],
        "audit a manifest": ["audit", planted[".csv"]],
        "extract": ["extract", data, "-o", folder / "extracted", *own],
        "extract from a manifest": ["extract", planted[".csv"], "-o", folder / "extracted", *own],
        "extract by settings": ["extract", data, "-o", folder / "extracted", *own, "--config", planted[".toml"]],
        "train on old folds": ["train", legacy(folder / "old", content), "-o", out, *own],
        "train on folds": ["train", native(folder / "folds", content, False), "-o", out, *own],
        "train on folds without a document": ["train", native(folder / "foldless", content, True), "-o", out, *own],
        "train on a file": ["train", planted[".json"], "-o", out, *own],
        "evaluate": ["evaluate", clips, *own],
        "evaluate a manifest": ["evaluate", planted[".csv"], *own],
        "evaluate results": ["evaluate", clips, *own, "--results", planted[".jsonl"]],
        "calibrate data": ["calibrate", checkpoint, clips, "-o", out],
        "calibrate results": ["calibrate", checkpoint, clips, "-o", out, "--results", planted[".jsonl"]],
    }
    for suffix in suffixes:
        weights = planted[suffix]
        given |= {
            f"checkpoint {suffix} of scan": ["scan", "--checkpoint", weights, face],
            f"checkpoint {suffix} of show": ["weights", "show", weights],
            f"checkpoint {suffix} of verify": ["weights", "verify", weights],
            f"checkpoint {suffix} of calibrate": ["calibrate", weights, clips, "-o", out],
            f"checkpoint {suffix} of evaluate": ["evaluate", clips, "--checkpoint", weights],
            f"checkpoint {suffix} of compare": ["evaluate", clips, "--compare", checkpoint, weights],
            f"checkpoint {suffix} of extract": ["extract", data, "-o", folder / "extracted", "--checkpoint", weights],
            f"checkpoint {suffix} of train": ["train", folder / "old", "-o", out, "--checkpoint", weights],
            f"backbone {suffix} of extract": ["extract", data, "-o", folder / "extracted", "--backbone", weights],
            f"backbone {suffix} of train": ["train", folder / "old", "-o", out, "--backbone", weights],
        }
    return given


@pytest.mark.parametrize("kind", KINDS)
def test_no_command_runs_a_planted_pickle(
    kind: str, canary: Canary, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    face = write_picture(tmp_path / "face.png", portrait())
    # Every command gets every kind, and every suffix with several kinds.
    suffixes = (".safetensors", (".pt", ".pth", ".pkl")[list(KINDS).index(kind) % 3])
    for name, arguments in commands(tmp_path, KINDS[kind](canary), checkpoint, face, suffixes).items():
        ended = run_here(*arguments, "--quiet") if arguments[0] == "scan" else run_here(*arguments)
        assert not canary.mark.exists(), f"{name}: the pickle was run"
        # Audits and evaluations count what they cannot read, and that is no failure of their own.
        assert ended.status in ((0, 2) if arguments[0] in ("audit", "evaluate") else (2, 3)), f"{name}: {ended.status} {ended.err}"
        assert "Traceback" not in ended.err, f"{name}: {ended.err}"
        shutil.rmtree(tmp_path / "extracted", ignore_errors=True)


@pytest.mark.parametrize("kind", KINDS)
def test_no_state_of_a_training_run_is_run(kind: str, canary: Canary, tmp_path: Path) -> None:
    from screener.errors import OutputError
    from screener.training.resuming import load_state

    (tmp_path / "state.pt").write_bytes(KINDS[kind](canary))
    with pytest.raises(OutputError, match="cannot be read"):
        load_state(tmp_path / "state.pt")
    assert not canary.mark.exists()
