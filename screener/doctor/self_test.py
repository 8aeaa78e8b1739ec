"""A whole scan on this machine, from a clip on the disk to a verdict, on two generated clips whose content is known.

Runs the stages only to test them. The scores say nothing about accuracy, only that they exist, have the right polarity and are repeatable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Checkpoint, default_checkpoint_path, load_checkpoint, require_fingerprint
from screener.doctor.engines import compare_engines
from screener.doctor.findings import Examination, Fault
from screener.doctor.known_answers import box_fault, check_crop, check_normalisation, picture_fault
from screener.doctor.specimen import FPS, FRAMES, SIDE_PX, Specimen, encode, make_specimen
from screener.faces import DETECTORS
from screener.model.preprocessing import Preprocessing, crop_face
from screener.records import Verdict
from screener.runtime.versions import DISTRIBUTION
from screener.scanning.screener import Screener
from screener.scoring import TOLERANCE_P_FAKE, choose_device
from screener.settings import ScanSettings
from screener.verdict.judging import calibrated
from screener.video import file_source, open_video

ENCODERS = ("libx264", "libopenh264", "mpeg4")
BATCH_SIZE = 8
SCORED_ALONE = 3
"""Number of crops that are scored again, one by one."""

TIME_TOLERANCE_SECONDS = 1e-3

_READERS = "install the readers again: pip install --force-reinstall --no-deps opencv-python av"
_DETECTOR = f"install screener again: pip install --force-reinstall --no-deps {DISTRIBUTION}, and try `--device cpu`"
_WEIGHTS = "see `screener weights verify`; install screener again, or name a sound checkpoint with --checkpoint"
_ARITHMETIC = "scan with `--dtype float32`, then with `--device cpu`; if one of them mends it, the device or its driver is at fault"
_POLARITY = (
    "see `screener weights verify`; scan with `--device cpu --dtype float32`; if the weights are your own, check that fake is 1 in training"
)
_ENGINES = "scan with `--engine torch`; if it is the 8-bit model that differs, delete it or export it again; otherwise install OpenCV again"
_CROPS = "install OpenCV again: pip install --force-reinstall --no-deps opencv-python; remove opencv-python-headless"


def examine(examination: Examination, checkpoint: Path | None, device: str) -> None:
    """Check a whole scan on two generated clips: weights, decoding, faces, crops, scores, polarity, repeatability."""
    trial = Trial(checkpoint, lambda loaded: Screener(trial_settings(device), loaded), device)
    examination.check("weights", trial.load_weights, _WEIGHTS)
    with TemporaryDirectory(prefix="screener-doctor-", ignore_cleanup_errors=True) as folder:
        trial.run(examination, Path(folder))
    examination.check("temporary files", lambda: _gone(Path(folder)), "close the programs that hold them open and remove them")


def trial_settings(device: str) -> ScanSettings:
    """Every frame, of any sharpness, and a threshold that works with any checkpoint."""
    return ScanSettings(all_frames=True, threshold=0.5, min_sharpness=0.0, device=device, batch_size=BATCH_SIZE)


class Trial:
    """The generated clips and each stage's results, passed from check to check."""

    def __init__(self, checkpoint_path: Path | None, build: Callable[[Checkpoint], Screener], device: str) -> None:
        """build: makes the screener to be tested."""
        self._checkpoint_path, self._build, self._device = checkpoint_path, build, device
        self._checkpoint: Checkpoint | None = None
        self._specimen: Specimen
        self._clips: dict[str, Path] = {}
        self._frames: list[NDArray[np.uint8]] = []
        self._screener: Screener
        self._verdict: Verdict

    def run(self, examination: Examination, folder: Path) -> None:
        """Run every check that needs the clips, which are made in `folder`, and the check of the crop rules."""
        examination.check("test clips", lambda: self._make_clips(folder), "free some space in the temporary folder; " + _READERS)
        examination.check("decoding", self._decode, _READERS, needs=["test clips"])
        examination.check("faces", self._find_faces, _DETECTOR, needs=["decoding"])
        examination.check("face crops", check_crop, _CROPS)
        examination.check("normalisation", self._normalise, "install NumPy again: pip install --force-reinstall --no-deps numpy")
        examination.check("scores", self._score, _ARITHMETIC, needs=["weights", "decoding", "faces"])
        examination.check("polarity", self._compare_twins, _POLARITY, needs=["scores"])
        examination.check("repeatability", self._repeat, _ARITHMETIC, needs=["scores"])
        examination.check("batch size", self._score_alone, _ARITHMETIC, needs=["scores"])
        examination.check("engines", self._compare_engines, _ENGINES, needs=["weights", "test clips"])

    def load_weights(self) -> str:
        """Load and verify the checkpoint, including its backbone's fingerprint, which a scan does not check."""
        started = time.perf_counter()
        path = self._checkpoint_path or default_checkpoint_path()
        self._checkpoint = loaded = load_checkpoint(path)
        require_fingerprint(loaded)
        seconds = time.perf_counter() - started
        size = path.stat().st_size / 1e6
        return f"{loaded.contract.name}, {size:.1f} MB, whole and verified in {seconds:.1f} s; sha256 {loaded.sha256}; {path}"

    def _make_clips(self, folder: Path) -> str:
        encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
        if encoder is None:
            raise Fault(f"PyAV has none of the encoders {', '.join(ENCODERS)}")
        self._specimen = make_specimen()
        for name, frames in (("genuine", self._specimen.genuine), ("manipulated", self._specimen.manipulated)):
            self._clips[name] = folder / f"{name}.mp4"
            encode(self._clips[name], frames, encoder)
        return f"a genuine and a manipulated one, {FRAMES} frames of {SIDE_PX} x {SIDE_PX}, written with {encoder}"

    def _decode(self) -> str:
        with open_video(file_source(self._clips["genuine"]), ScanSettings(all_frames=True)) as video:
            frames = list(video.frames())
        if len(frames) != FRAMES or video.facts.reasons:
            raise Fault(f"{len(frames)} of {FRAMES} frames came back {' '.join(video.facts.reasons)}")
        error = max(abs(frame.pts_seconds - i / FPS) for i, frame in enumerate(frames))
        if error > TIME_TOLERANCE_SECONDS:
            raise Fault(f"the frames' times are off by up to {error:.3f} s")
        self._frames = [frame.picture_rgb for frame in frames]
        for picture in self._frames:
            if fault := picture_fault(picture):
                raise Fault(fault)
        return f"every frame, its time, its colours and which way is up, with {video.facts.reader}"

    def _find_faces(self) -> str:
        detector = DETECTORS["mtcnn"](device=choose_device(self._device))
        overlaps = []
        for number, (picture, box_xyxy) in enumerate(zip(self._frames, self._specimen.boxes_xyxy, strict=True)):
            overlap, fault = box_fault(detector.detect(picture), box_xyxy)
            if fault:
                raise Fault(f"frame {number}: {fault}")
            overlaps.append(overlap)
        return f"one in each of {FRAMES} frames, where it is (overlap at least {min(overlaps):.2f}), with {detector.name}"

    def _normalise(self) -> str:
        if self._checkpoint is None:
            check_normalisation(Preprocessing())
            return "as checkpoints usually ask for"
        check_normalisation(self._checkpoint.contract.preprocessing)
        return "as the checkpoint asks for"

    def _score(self) -> str:
        assert self._checkpoint is not None  # the check of the weights has passed
        self._screener = self._build(self._checkpoint)
        self._verdict = verdict = self._screener.scan(self._clips["genuine"])
        if verdict.video.frames_judged != FRAMES or verdict.coverage != "complete":
            why = ", ".join(verdict.reasons) or "for no stated reason"
            raise Fault(
                f"{verdict.video.frames_judged} of {FRAMES} frames were judged, coverage {verdict.coverage} ({why}) {verdict.detail}"
            )
        if len(verdict.people) != 1:
            raise Fault(f"one person was taken for {len(verdict.people)}")
        if not all(np.isfinite((score.logit, score.p_fake)).all() for score in verdict.frames):
            raise Fault("some scores are not finite numbers")
        scorer = self._screener.scorer
        return f"one person in {FRAMES} of {FRAMES} frames, p_fake {_mean(verdict):.4f}, on {scorer.device.type} in {scorer.dtype_name}"

    def _compare_twins(self) -> str:
        genuine, manipulated = _mean(self._verdict), _mean(self._screener.scan(self._clips["manipulated"]))
        if not manipulated > genuine:
            raise Fault(f"the manipulated clip has p_fake {manipulated:.4f}, the genuine one {genuine:.4f}: fake must go up")
        return f"fake goes up: genuine {genuine:.4f}, manipulated {manipulated:.4f}"

    def _repeat(self) -> str:
        again = self._screener.scan(self._clips["genuine"])
        first, second = (verdict.to_dict()["frames"] for verdict in (self._verdict, again))
        if first != second:
            changed = sum(a != b for a, b in zip(first, second, strict=False)) + abs(len(first) - len(second))
            raise Fault(f"a second scan of the same clip gives other digits in {changed} of {FRAMES} frames")
        return "a second scan gives the same digits"

    def _score_alone(self) -> str:
        contract, scorer = self._screener.checkpoint.contract, self._screener.scorer
        worst = 0.0
        for score in self._verdict.frames[:SCORED_ALONE]:
            crop = crop_face(self._frames[score.frame_index], score.box_xyxy, contract.preprocessing)
            alone = calibrated(float(scorer.logits(crop[None])[0]), contract.calibration.temperature, contract.calibration.bias)
            worst = max(worst, abs(alone - score.p_fake))
        tolerance = TOLERANCE_P_FAKE[scorer.dtype_name]
        if not worst <= tolerance:
            raise Fault(f"scored alone instead of {BATCH_SIZE} at a time, p_fake moves by {worst:.4f}; up to {tolerance:g} is usual")
        return f"scored alone or {BATCH_SIZE} at a time, p_fake moves by {worst:.1g} at most"

    def _compare_engines(self) -> str:
        assert self._checkpoint is not None  # the check of the weights has passed
        return compare_engines(self._checkpoint, self._specimen)


def _mean(verdict: Verdict) -> float:
    """Mean p_fake over the frames of a verdict."""
    if not verdict.frames:
        raise Fault(f"{verdict.source}: no face was scored")
    return float(np.mean([score.p_fake for score in verdict.frames]))


def _gone(folder: Path) -> str:
    if folder.exists():
        left = ", ".join(sorted(path.name for path in folder.iterdir())) or "the empty folder"
        raise Fault(f"{folder} could not be removed: {left}")
    return "all removed"
