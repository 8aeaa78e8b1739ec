"""`screener export`, and a scan with the exported file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import JUDGED_FRAMES, run_here

from screener.export import agreement
from screener.runtime.file_hash import sha256_of
from screener.scoring import TOLERANCE_P_FAKE

TOOLS = ("onnx", "onnxscript", "onnxruntime")


def scores(clip: Path, checkpoint: Path, *options: str) -> tuple[list[float], dict[str, object]]:
    arguments = ["scan", clip, "--checkpoint", checkpoint, "--device", "cpu", "--frames", str(JUDGED_FRAMES), "--json", "--quiet", *options]
    document = json.loads(run_here(*arguments).out)
    verdict = document["results"][0] if "results" in document else document
    return [frame["p_fake"] for frame in verdict["frames"]], verdict["settings"]


def test_a_scan_with_an_exported_model_is_the_scan_without(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name in TOOLS:
        pytest.importorskip(name, reason="needs the extra export")
    model = tmp_path / "tiny.onnx"
    ended = run_here("export", "-o", model, "--checkpoint", checkpoint)
    assert ended.status == 0, ended.err
    assert "float32, of tiny" in ended.out and "from the checkpoint's on average" in ended.out
    expected, plain = scores(media / "one.mp4", checkpoint, "--engine", "torch", "--dtype", "float32")
    found, settings = scores(media / "one.mp4", checkpoint, "--engine", str(model))
    assert (plain["engine"], settings["engine"], settings["dtype"]) == ("torch", "onnxruntime", "float32")
    assert len(found) == JUDGED_FRAMES
    assert found == pytest.approx(expected, abs=TOLERANCE_P_FAKE["float32"])


def test_a_report_and_a_journal_say_which_model_scored(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name in TOOLS:
        pytest.importorskip(name, reason="needs the extra export")
    weights = Path(shutil.copy(checkpoint, tmp_path / "tiny.safetensors"))
    one, other = (tmp_path / f"batch-{size}.onnx" for size in (4, 8))
    for model, size in ((one, "4"), (other, "8")):
        assert run_here("export", "-o", model, "--checkpoint", weights, "--batch", size).status == 0
    report, rest = tmp_path / "one.json", ("--checkpoint", weights, "--device", "cpu", "--frames", "5")
    scan = ("scan", media / "one.mp4", "--json", "-o", report, "--resume", *rest)
    assert "taken from" not in run_here(*scan, "--engine", other).err
    assert "taken from" not in run_here(*scan, "--engine", one).err
    assert json.loads(report.read_text())["settings"]["model_sha256"] == sha256_of(one)
    assert "taken from" in run_here(*scan, "--engine", one).err
    beside = tmp_path / "tiny.int8.onnx"
    shutil.copy(other, beside)
    verify = ("report", "verify", report, "--checkpoint", weights, "--rerun")
    ended = run_here(*verify)
    assert ended.status == 3 and "unknown  again" in ended.out and f"put that file at {beside}" in ended.out
    shutil.copy(one, beside)
    ended = run_here(*verify)
    assert ended.status == 0 and "holds    again" in ended.out
    document = json.loads(report.read_text())
    del document["settings"]["model_sha256"]
    report.write_text(json.dumps(document))
    ended = run_here(*verify)
    assert ended.status == 3 and "unknown  again" in ended.out and "does not say which" in ended.out


def test_an_8_bit_model_is_calibrated_on_the_faces_of_clips(
    media: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TOOLS:
        pytest.importorskip(name, reason="needs the extra export")
    monkeypatch.setitem(agreement.MOST_APART, "int8", (0.5, 1.0))  # random weights forgive little
    model = tmp_path / "tiny.int8.onnx"
    ended = run_here("export", media / "one.mp4", media / "pair.mp4", "--int8", "-o", model, "--checkpoint", checkpoint)
    assert ended.status == 0, ended.err
    assert "calibrated  on " in ended.out and "one.mp4: 16 faces" in ended.err
    found, settings = scores(media / "one.mp4", checkpoint, "--engine", str(model))
    assert (settings["engine"], settings["dtype"], len(found)) == ("onnxruntime", "int8", JUDGED_FRAMES)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["clip.mp4"], "add --int8, or leave them out"),
        (["--int8"], "--int8 needs clips with faces"),
        (["--batch", "many"], "--batch: expected a whole number from 1 to 1024, or dynamic, got 'many'"),
        (["--batch", "0"], "--batch: expected a whole number from 1 to 1024, or dynamic, got 0"),
        (["--batch", "100000000"], "--batch: expected a whole number from 1 to 1024, or dynamic, got 100000000"),
        (["--batch", "9" * 5000], "--batch: expected a whole number from 1 to 1024, or dynamic, got '999"),
    ],
)
def test_wrong_requests_are_refused(options: list[str], words: str, tmp_path: Path) -> None:
    ended = run_here("export", "-o", tmp_path / "model.onnx", *options)
    assert ended.status == 2 and words in ended.err
    assert not list(tmp_path.iterdir())


def test_a_clip_that_gives_no_face_is_said_why(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    options = ["--int8", "-o", tmp_path / "model.int8.onnx", "--checkpoint", checkpoint]
    ended = run_here("export", tmp_path / "missing.mp4", media / "notes.txt", *options)
    assert ended.status == 2
    assert "missing.mp4: 0 faces; it cannot be found" in ended.err
    assert "notes.txt: 0 faces; it is neither a video nor a picture" in ended.err


def test_a_place_that_cannot_be_written_is_said_before_clips_are_searched(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    places = {"none/model.onnx": "there is no folder", "folder.onnx": "it is a folder; name the file to write"}
    if Path("/proc/self").is_dir():
        places["/proc/self/model.onnx"] = "cannot be written"  # not even by root
    for place, words in places.items():
        ended = run_here("export", tmp_path / "missing.mp4", "--int8", "-o", tmp_path / place)
        assert ended.status == 2 and words in ended.err and "missing.mp4" not in ended.err


def test_a_wrong_name_is_refused(tmp_path: Path) -> None:
    ended = run_here("export", "-o", tmp_path / "model.pt")
    assert ended.status == 2 and "expected a name that ends in .onnx" in ended.err


def test_an_unknown_engine_is_refused(media: Path, checkpoint: Path) -> None:
    ended = run_here("scan", media / "one.mp4", "--checkpoint", checkpoint, "--engine", "abacus")
    assert (
        ended.status == 2
        and "engine: expected one of auto, torch, opencv, onnxruntime or the path of a .onnx file, got 'abacus'" in ended.err
    )
