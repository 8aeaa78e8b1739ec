"""The self-test passes on a working installation, and each fault fails only its own check."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, saving
from screener.doctor import self_test
from screener.doctor.findings import Examination, Finding
from screener.doctor.self_test import Trial, trial_settings
from screener.doctor.specimen import encode, make_specimen
from screener.faces import MtcnnDetector
from screener.model.preprocessing import sharpness
from screener.records import FaceBox, FaceCrop, Frame
from screener.scanning.screener import Screener
from screener.scoring import Begun
from screener.video import Video

Rule = Callable[[NDArray[np.uint8], int, int], float]
"""(crop, how many crops this one is scored with, how many were scored before) -> logit."""
Build = Callable[[Checkpoint], Screener]
BuildWith = Callable[[Rule], Build]
CHECKS = [
    "weights", "test clips", "decoding", "faces", "face crops", "normalisation", "scores", "polarity", "repeatability", "batch size",
    "engines",
]  # fmt: skip


specimen_once = cache(make_specimen)


def softness(crop_rgb: NDArray[np.uint8]) -> float:
    """A rule of the right polarity: the pasted face is softer than the genuine one."""
    return 2.0 - sharpness(crop_rgb) / 500


class RuleScorer:
    """Stands in for `Scorer`, with a rule instead of a network."""

    device = torch.device("cpu")
    dtype_name = "float32"
    keeps_in_flight = False

    def __init__(self, rule: Rule, batch_size: int = 8) -> None:
        self.batch_size = batch_size
        self._rule = rule
        self._scored = 0

    def ran_on(self) -> dict[str, str]:
        return {"engine": "rule", "device": "cpu", "dtype": self.dtype_name}

    def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = [self._rule(crop, len(crops_rgb), self._scored + i) for i, crop in enumerate(crops_rgb)]
        self._scored += len(found)
        return np.array(found, np.float64)

    def begin(self, crops: Sequence[FaceCrop], locate: bool) -> Begun:
        logits = self.logits(np.stack([crop.crop_rgb for crop in crops]))
        return Begun(lambda: (logits, None))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """`encode` that encodes the clip of a name once for each encoder, and copies it from then on: the clips are always the same."""
    folder = tmp_path_factory.mktemp("written")

    def write(path: Path, frames: list[NDArray[np.uint8]], encoder: str) -> None:
        kept = folder / f"{encoder}-{path.name}"
        if not kept.exists():
            encode(kept, frames, encoder)
        shutil.copy(kept, path)

    return write


@pytest.fixture(autouse=True)
def _clips_made_once(monkeypatch: pytest.MonkeyPatch, written: Callable[..., None]) -> None:
    monkeypatch.setattr(self_test, "make_specimen", specimen_once)
    monkeypatch.setattr(self_test, "encode", written)


found_before: dict[bytes, list[FaceBox]] = {}


@pytest.fixture
def faces_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """MTCNN does not look again at a picture that a test before has shown it: what is wrong on purpose are scores."""
    detect_all = MtcnnDetector.detect_all

    def found(detector: MtcnnDetector, pictures_rgb: Sequence[NDArray[np.uint8]]) -> list[list[FaceBox]]:
        new = [picture for picture in pictures_rgb if picture.tobytes() not in found_before]
        found_before.update(zip((picture.tobytes() for picture in new), detect_all(detector, new), strict=True))
        return [found_before[picture.tobytes()] for picture in pictures_rgb]

    monkeypatch.setattr(MtcnnDetector, "detect_all", found)


wrong_in_scores = pytest.mark.usefixtures("faces_found_once")


@pytest.fixture
def build_with() -> BuildWith:
    """Rule -> what builds a screener that scores by it."""

    def with_rule(rule: Rule) -> Build:
        def build(loaded: Checkpoint) -> Screener:
            screener = Screener(trial_settings("cpu"), loaded)
            screener.scorer = RuleScorer(rule)  # type: ignore[assignment]
            return screener

        return build

    return with_rule


def run(checkpoint_path: Path | None, build: Build, folder: Path) -> dict[str, Finding]:
    examination = Examination()
    trial = Trial(checkpoint_path, build, "cpu")
    examination.check("weights", trial.load_weights, "")
    trial.run(examination, folder)
    return {finding.name: finding for finding in examination.findings}


def failed(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if not finding.ok]


def test_a_sound_machine_and_sound_weights_pass_everything(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert list(found) == CHECKS
    assert failed(found) == []
    assert "tiny test head" in found["weights"].detail


@wrong_in_scores
def test_weights_whose_backbone_is_not_the_one_they_name_are_a_finding(
    tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan takes the fingerprint on trust; what proves a machine and its weights does not."""
    sound = load_checkpoint(tiny_checkpoint)
    with monkeypatch.context() as patch:
        patch.setattr(saving, "backbone_fingerprint", lambda weights, copies: "ab" * 32)
        save_checkpoint(tmp_path / "wrong.safetensors", sound.contract, sound.distinct)
    found = run(tmp_path / "wrong.safetensors", build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert not found["weights"].ok and "the contract says 'abab" in found["weights"].detail


@wrong_in_scores
def test_reversed_weights_fail_by_their_polarity_alone(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: -softness(crop)), tmp_path)
    assert failed(found) == ["polarity"]
    assert "fake must go up" in found["polarity"].detail
    assert "screener weights verify" in found["polarity"].advice


@wrong_in_scores
def test_weights_that_see_no_difference_fail_too(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    assert failed(run(tiny_checkpoint, build_with(lambda crop, together, before: 0.3), tmp_path)) == ["polarity"]


@wrong_in_scores
def test_scores_that_change_from_scan_to_scan_are_noticed(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop) + 0.002 * before), tmp_path)
    assert "repeatability" in failed(found)
    assert "other digits in 8 of 8 frames" in found["repeatability"].detail
    assert "--dtype float32" in found["repeatability"].advice


@wrong_in_scores
def test_scores_that_depend_on_their_neighbours_are_noticed(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop) + 0.1 * together), tmp_path)
    assert failed(found) == ["batch size"]
    assert "scored alone" in found["batch size"].detail


@wrong_in_scores
def test_scores_that_are_no_numbers_are_noticed_and_not_compared(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: float("nan")), tmp_path)
    assert failed(found) == ["scores", "polarity", "repeatability", "batch size"]
    assert found["polarity"].detail == "not tried, for it needs: scores"


@wrong_in_scores
def test_a_network_that_fails_is_a_finding(tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path) -> None:
    def fail(crop: Any, together: int, before: int) -> float:
        raise RuntimeError("out of memory")

    found = run(tiny_checkpoint, build_with(fail), tmp_path)
    assert found["scores"].detail == "RuntimeError: out of memory"
    assert "--device cpu" in found["scores"].advice


@wrong_in_scores
def test_without_weights_everything_that_needs_none_is_still_proved(build_with: BuildWith, tmp_path: Path) -> None:
    found = run(tmp_path / "missing.safetensors", build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert failed(found) == ["weights", "scores", "polarity", "repeatability", "batch size", "engines"]
    assert found["scores"].detail == "not tried, for it needs: weights"


def spoil_frames(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Frame], Frame | None]) -> None:
    """Decoding that goes wrong in the way of `spoil`, frame by frame."""
    decoded = Video.frames

    def frames(video: Video) -> Iterator[Frame]:
        return (spoilt for frame in decoded(video) if (spoilt := spoil(frame)) is not None)

    monkeypatch.setattr(Video, "frames", frames)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: replace(frame, picture_rgb=np.ascontiguousarray(frame.picture_rgb[..., ::-1])), "red and blue are swapped"),
        (lambda frame: replace(frame, picture_rgb=np.ascontiguousarray(frame.picture_rgb[::-1])), "upside down"),
        (lambda frame: replace(frame, pts_seconds=frame.index / 30), "times are off"),
        (lambda frame: frame if frame.index % 2 else None, "4 of 8 frames came back"),
    ],
)
def test_wrong_decoding_is_told(
    monkeypatch: pytest.MonkeyPatch,
    tiny_checkpoint: Path,
    build_with: BuildWith,
    tmp_path: Path,
    spoil: Callable[[Frame], Frame | None],
    said: str,
) -> None:
    spoil_frames(monkeypatch, spoil)
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert said in found["decoding"].detail
    assert "opencv-python" in found["decoding"].advice
    assert failed(found) == ["decoding", "faces", "scores", "polarity", "repeatability", "batch size"]


class NoFaces:
    """A detector that finds nothing."""

    name = "none"

    def __init__(self, device: Any) -> None: ...

    def detect(self, picture_rgb: Any) -> list[FaceBox]:
        return []


def test_a_detector_that_finds_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path
) -> None:
    monkeypatch.setitem(self_test.DETECTORS, "mtcnn", NoFaces)
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert found["faces"].detail == "frame 0: 0 faces were found, there is one"
    assert "screener-video" in found["faces"].advice


def test_without_an_encoder_the_clips_are_a_finding(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path
) -> None:
    monkeypatch.setattr(self_test, "ENCODERS", ("no_such_encoder",))
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert "none of the encoders no_such_encoder" in found["test clips"].detail
    assert found["face crops"].ok and found["normalisation"].ok


def test_the_clips_can_be_written_with_the_encoder_that_every_build_has(
    monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path, build_with: BuildWith, tmp_path: Path
) -> None:
    monkeypatch.setattr(self_test, "ENCODERS", ("mpeg4",))
    found = run(tiny_checkpoint, build_with(lambda crop, together, before: softness(crop)), tmp_path)
    assert failed(found) == []


def test_clips_that_stay_behind_are_told(tmp_path: Path) -> None:
    examination = Examination()
    (tmp_path / "genuine.mp4").write_bytes(b"")
    examination.check("temporary files", lambda: self_test._gone(tmp_path), "")
    examination.check("temporary files", lambda: self_test._gone(tmp_path / "removed"), "")
    assert [finding.ok for finding in examination.findings] == [False, True]
    assert "genuine.mp4" in examination.findings[0].detail
