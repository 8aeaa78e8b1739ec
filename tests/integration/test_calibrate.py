"""The calibrate command: scanning or from results, in place or to a new file, resumed, refused; the weights stay identical."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import run_here
from face_media import portrait, stranger, write_picture
from safetensors.torch import load_file

from screener.checkpoint import load_checkpoint, save_contract
from screener.evaluation import recalibration

VIDEOS = 60
"""Half real, half fake: enough to promise 5 %, and too few for 1 %."""


@pytest.fixture
def weights(checkpoint: Path, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(checkpoint.read_bytes())
    return path


@pytest.fixture
def listed(weights: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A manifest, and results of a scan of it as `scan --jsonl` writes them."""
    rng = np.random.default_rng(0)
    sha256 = load_checkpoint(weights).sha256
    rows, results = ["path,label,group,method"], []
    for number in range(VIDEOS):
        label = number % 2
        rows.append(f"{number}.mp4,{('real', 'fake')[label]},scene-{number},{('camera', 'Wav2Lip')[label]}")
        results.append(_row(tmp_path / f"{number}.mp4", 4 * (label - 0.5) + rng.normal(0, 2, 4), sha256))
    rows.append("whole.mp4,fake,scene-x,VASA-1")
    results.append(_row(tmp_path / "whole.mp4", np.full(4, -9.0), sha256))
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in results), encoding="utf-8")
    return tmp_path / "manifest.csv", tmp_path / "results.jsonl"


def _row(path: Path, logits: np.ndarray, sha256: str) -> dict[str, Any]:
    frames = [
        {"track_id": 1, "frame_index": i, "logit": round(float(x), 4), "box_xyxy": [0, 0, 90, 110], "sharpness": 80.0}
        for i, x in enumerate(logits)
    ]
    return {
        "source": str(path), "outcome": "undecided", "coverage": "complete", "reasons": [], "threshold": 0.5, "operating_point": {},
        "people": [{"track_id": 1, "outcome": "undecided", "p_fake": 0.5, "reasons": []}], "frames": frames, "settings": {},
        "checkpoint": {"name": "tiny", "sha256": sha256},
    }  # fmt: skip


def write_pictures(folder: Path) -> None:
    """Four real and four fake ones, with one face each."""
    for label, make in (("real", portrait), ("fake", stranger)):
        (folder / label).mkdir(parents=True)
        for number in range(4):
            write_picture(folder / label / f"{number}.png", make(number))


def same_weights(first: Path, second: Path) -> bool:
    one, other = load_file(first), load_file(second)
    return one.keys() == other.keys() and all(torch.equal(one[name].view(torch.uint8), other[name].view(torch.uint8)) for name in one)


def test_from_results(weights: Path, listed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, results = listed
    ended = run_here("calibrate", weights, manifest, "-o", tmp_path / "new.safetensors", "--results", results)
    assert ended.status == 0, ended.err
    assert "30 real and 30 fake with a score: swaps, lip-syncs and reenactments" in ended.out
    assert "1 fake of other kinds: VASA-1 1; --families all takes them" in ended.out
    assert "REFUSED: 30 real videos cannot promise a false-positive rate of 0.01; at least 100 are needed" in ended.out
    assert "before," in ended.out and "after" in ended.out and "tested on the other half" in ended.out
    new, old = load_checkpoint(tmp_path / "new.safetensors"), load_checkpoint(weights)
    assert same_weights(weights, tmp_path / "new.safetensors")
    assert new.sha256 in ended.out
    assert [(p.fpr, p.real_videos, p.fake_videos) for p in new.contract.operating_points] == [(0.05, 30, 30), (0.10, 30, 30)]
    assert new.contract.calibration != old.contract.calibration
    assert new.contract.valid_range["face_px"] == (40.0, 180.0)


def test_in_place_and_again_from_the_same_results(weights: Path, listed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, results = listed
    first = run_here("calibrate", weights, manifest, "-o", weights, "--results", results, "--json", "--fprs", "0.1", "--families", "all")
    assert first.status == 0, first.err
    document = json.loads(first.out)
    assert document["fake_videos"] == 31 and [p["fpr"] for p in document["operating_points"]] == [0.1]
    assert document["sha256"] == load_checkpoint(weights).sha256
    again = run_here("calibrate", weights, manifest, "-o", weights, "--results", results, "--json")
    assert again.status == 0, again.err
    assert json.loads(again.out)["fake_videos"] == 30
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["weights.safetensors"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fprs", "0.01"], "no operating point can be promised: 30 real videos cannot promise a false-positive rate of 0.01"),
        (["--fprs", "1%"], "--fprs: expected rates between 0 and 1 with commas between them"),
        (["--families", "swaps"], "--families: expected one of blending, all"),
        (["--device", "cpu"], "--device: was settled when the results were made"),
        (["--split", "validation"], "no validation split to calibrate on: it has no splits"),
    ],
)
def test_what_cannot_be_done_leaves_everything_as_it_was(
    weights: Path, listed: tuple[Path, Path], tmp_path: Path, options: list[str], message: str
) -> None:
    manifest, results = listed
    before = weights.read_bytes()
    files = sorted(tmp_path.iterdir())
    ended = run_here("calibrate", weights, manifest, "-o", weights, "--results", results, *options)
    assert ended.status == 2 and message in ended.err
    assert weights.read_bytes() == before and sorted(tmp_path.iterdir()) == files


def test_results_of_other_weights_are_refused(weights: Path, listed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, results = listed
    other = results.read_text(encoding="utf-8").replace(load_checkpoint(weights).sha256, "ab" * 32)
    results.write_text(other, encoding="utf-8")
    ended = run_here("calibrate", weights, manifest, "-o", tmp_path / "new.safetensors", "--results", results)
    assert ended.status == 2 and "was made with the checkpoint 'tiny', sha256 abababababababab, not with" in ended.err


def test_weights_that_were_replaced_meanwhile_do_not_get_the_calibration_of_others(
    weights: Path, listed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = recalibration.recalibrate

    def recalibrate(*arguments: Any) -> Any:
        contract = load_checkpoint(weights).contract
        save_contract(weights, replace(contract, name="another run's"), weights)
        return fit(*arguments)

    monkeypatch.setattr(recalibration, "recalibrate", recalibrate)
    ended = run_here("calibrate", weights, listed[0], "--results", listed[1], "-o", weights)
    assert ended.status == 2 and "weights.safetensors: it was replaced since its weights were read" in ended.err
    assert load_checkpoint(weights).contract.name == "another run's"


def test_the_list_is_not_replaced_by_the_checkpoint(weights: Path, listed: tuple[Path, Path]) -> None:
    manifest, results = listed
    before = manifest.read_bytes()
    ended = run_here("calibrate", weights, manifest, "-o", manifest, "--results", results)
    assert ended.status == 2 and f"{manifest}: expected the name of a checkpoint, which ends in .safetensors" in ended.err
    assert manifest.read_bytes() == before


def test_no_folder_is_said_before_anything_is_scanned(weights: Path, listed: tuple[Path, Path], tmp_path: Path) -> None:
    ended = run_here("calibrate", weights, listed[0], "-o", tmp_path / "nowhere" / "new.safetensors")
    assert ended.status == 2 and "there is no folder" in ended.err


def test_scanned_and_taken_up_again(weights: Path, tmp_path: Path) -> None:
    """Pictures of one frame; results that an earlier run left are not scanned again, and a line that it left unfinished is."""
    write_pictures(tmp_path / "data")
    command = ("calibrate", weights, tmp_path / "data", "-o", tmp_path / "new.safetensors", "--fprs", "0.25")
    first = run_here(*command, "--device", "cpu")
    assert first.status == 0, first.err
    assert "4 real and 4 fake with a score" in first.out and first.err.count("judged in") == 8
    (kept,) = tmp_path.glob("new.*.results.jsonl")
    lines = kept.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 8
    (tmp_path / "new.safetensors").unlink()
    kept.write_text("\n".join(lines[:6]) + "\n" + lines[6][:100], encoding="utf-8")
    second = run_here(*command, "--device", "cpu")
    assert second.status == 0 and second.err.count("judged in") == 2
    assert second.out == first.out
    from_file = run_here(*command, "--results", kept)
    assert from_file.status == 0 and from_file.out == first.out and from_file.err == ""


def test_faces_outside_the_former_range_are_scored_too(weights: Path, tmp_path: Path) -> None:
    """The range that the checkpoint came with says nothing about the videos that it is calibrated to."""
    contract = load_checkpoint(weights).contract
    save_contract(weights, replace(contract, valid_range={"face_px": (500.0, 900.0)}), weights)
    write_pictures(tmp_path / "data")
    ended = run_here("calibrate", weights, tmp_path / "data", "-o", weights, "--fprs", "0.25", "-q")
    assert ended.status == 0 and "4 real and 4 fake with a score" in ended.out
    low, high = load_checkpoint(weights).contract.valid_range["face_px"]
    assert low == 40 and high < 500
    (kept,) = tmp_path.glob("weights.*.results.jsonl")
    evaluated = run_here("evaluate", tmp_path / "data", "--results", kept)
    assert f"{contract.name}, valid ranges lifted (sha256 " in evaluated.out
