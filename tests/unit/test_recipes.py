"""Each row of "Where to add something" in docs/architecture.md: something new is registered as it says there, and used by the rest."""

from __future__ import annotations

import csv
import io
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import face_scores, limits, sighting, tiny_contract, tiny_network, verdict
from numpy.typing import NDArray
from video_media import number_of, write_clip

from screener.checkpoint import Calibration, Checkpoint, load_checkpoint, save_checkpoint
from screener.datasets.item import LabelledItem
from screener.datasets.layouts import LAYOUTS, Layout, read_data, recognise
from screener.doctor import diagnosis
from screener.doctor.findings import Examination, Fault
from screener.evaluation.figures import FIGURE_NAMES
from screener.evaluation.measurement import VIDEO_METRICS, Sample, measure
from screener.evaluation.metrics import Metric
from screener.evaluation.videos import scores_of
from screener.faces import DETECTORS
from screener.markers import FORMATS, MarkerFolder
from screener.perturbation.applied import Applied
from screener.perturbation.kinds import PERTURBATIONS, Perturbation, chosen_kinds
from screener.records import FaceBox, Frame, Verdict
from screener.report import WRITERS, Summary
from screener.scanning.engines import ENGINES
from screener.scanning.screener import Screener
from screener.settings import ScanSettings
from screener.verdict.judging import POOLING, judge_person
from screener.video.ledger import Complaints
from screener.video.readers import sequential

from .evaluation.made import item, row
from .markers.made import marked_verdict


class MiddleDetector:
    """Takes the middle of every picture for a face."""

    name = "middle"
    pictures_at_once = 1

    def __init__(self, device: torch.device | str = "cpu") -> None: ...

    def contract(self) -> dict[str, Any]:
        return {"name": self.name, "share": 0.5}

    def detect(self, picture_rgb: NDArray[np.uint8]) -> list[FaceBox]:
        height, width = picture_rgb.shape[:2]
        box = np.array([width / 4, height / 4, 3 * width / 4, 3 * height / 4], np.float32)
        return [FaceBox(box, 1.0, np.tile(box[:2], (5, 1)))]

    def detect_all(self, pictures_rgb: Sequence[NDArray[np.uint8]]) -> list[list[FaceBox]]:
        return [self.detect(picture) for picture in pictures_rgb]

    def follow(self, picture_rgb: NDArray[np.uint8], faces: Sequence[FaceBox]) -> list[FaceBox]:
        return self.detect(picture_rgb) if faces else []

    def is_small(self, face: FaceBox, size_wh: tuple[int, int]) -> bool:
        return False


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve noisy frames of 128 x 96, so that no crop is too blurred to judge."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=12, size_wh=(128, 96), picture=lambda _: noise)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A checkpoint made with MiddleDetector's boxes."""
    path = tmp_path_factory.mktemp("checkpoint") / "middle.safetensors"
    save_checkpoint(path, tiny_contract(detector=MiddleDetector().contract()), tiny_network().state_dict())
    return load_checkpoint(path)


def scanned(clip: Path, checkpoint: Checkpoint, **settings: Any) -> Verdict:
    return Screener(ScanSettings(frames=6, min_face_px=8, device="cpu", dtype="float32", **settings), checkpoint).scan(clip)


def test_a_face_detector(monkeypatch: pytest.MonkeyPatch, clip: Path, checkpoint: Checkpoint) -> None:
    monkeypatch.setitem(DETECTORS, "middle", MiddleDetector)
    found = scanned(clip, checkpoint)
    assert found.coverage == "complete" and found.video.frames_judged == 6
    assert [score.box_xyxy.tolist() for score in found.frames] == [[32, 24, 96, 72]] * 6


def test_a_pooling_rule(monkeypatch: pytest.MonkeyPatch, clip: Path, checkpoint: Checkpoint) -> None:
    monkeypatch.setitem(POOLING, "highest", lambda p_fake: np.asarray(p_fake.max(-1)))
    monkeypatch.setitem(DETECTORS, "middle", MiddleDetector)
    judged = judge_person(sighting(5), face_scores([0.1, 0.2, 0.9, 0.3, 0.2]), limits(pooling="highest"), is_still=False)
    assert judged.p_fake == pytest.approx(0.9)
    found = scanned(clip, checkpoint, pooling="highest")
    assert found.people[0].p_fake == pytest.approx(max(score.p_fake for score in found.frames))


class SourcesOnly:
    """One quoted name per line."""

    def __init__(self, inputs: int | None = None, colour: bool = False, columns: int | None = None) -> None: ...

    def begin(self) -> str:
        return "name\r\n"

    def one(self, verdict: Verdict) -> str:
        out = io.StringIO()
        csv.writer(out).writerow([verdict.source])
        return out.getvalue()

    def end(self, summary: Summary) -> str:
        return f"{summary.inputs}\r\n"


def test_a_report_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WRITERS, "names", SourcesOnly)
    writer, summary = WRITERS["names"](2, False, None), Summary()
    text = writer.begin()
    for name in ("a.mp4", "b,c.mp4"):
        judged = verdict(source=name)
        summary = summary.plus(judged)
        text += writer.one(judged)
    assert text + writer.end(summary) == 'name\r\na.mp4\r\n"b,c.mp4"\r\n2\r\n'


class Levels:
    """Reads a file whose every byte is the brightness of a frame; opened in OpenCV's place."""

    name = "levels"
    seconds = None
    is_sound = True
    faults = 0

    def __init__(self, target: bytes, options: dict[str, str], **_: Any) -> None:
        self._levels = Path(target.decode()).with_suffix(".levels").read_bytes()
        self.frames_read = 0

    def grab(self) -> bool:
        if self.frames_read == len(self._levels):
            return False
        self.frames_read += 1
        return True

    def picture(self) -> NDArray[np.uint8]:
        return np.full((8, 8, 3), self._levels[self.frames_read - 1], np.uint8)

    def close(self) -> None: ...


def test_a_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says what it delivered; what the container promised and it did not deliver, the next reader brings."""
    path = write_clip(tmp_path / "clip.mp4", frames=10)
    path.with_suffix(".levels").write_bytes(bytes([20, 23, 26, 29]))
    monkeypatch.setattr(sequential, "OpenCVReader", Levels)
    decoding = sequential.FileDecoding(path, "clip.mp4", ScanSettings(all_frames=True), Complaints())
    frames = [frame for frame in decoding.steps() if frame is not None]
    assert [number_of(frame.picture_rgb) for frame in frames] == list(range(10))
    assert [frame.picture_rgb.shape for frame in frames[:5]] == [(8, 8, 3)] * 4 + [(64, 96, 3)]
    assert decoding.ledger.reader == "levels+pyav" and decoding.ledger.frames_decoded == 10


def test_a_format_of_markers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(FORMATS, "txt", lambda video: f"{len(video.markers)} markers at {video.timebase.rate}\n")
    MarkerFolder(tmp_path).add(marked_verdict("25"), None)
    (path,) = tmp_path.glob("*.txt")
    assert path.read_text() == "3 markers at 25\n"


def test_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    def highest_real(labels: NDArray[np.int64], p_fake: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The highest score of a real video that was drawn."""
        return np.asarray(np.where((weights > 0) & (labels == 0), p_fake, -np.inf).max(1))

    monkeypatch.setitem(VIDEO_METRICS, "highest_real", lambda threshold: Metric(highest_real))
    monkeypatch.setitem(FIGURE_NAMES, "highest_real", "highest real")
    given = [(0, 0.2), (0, 0.6), (0, 0.4), (1, 0.9), (1, 0.7)]
    items = [item(f"{n}.mp4", label, group=str(n)) for n, (label, _) in enumerate(given)]
    rows = [row(one.path, [float(np.log(p / (1 - p)))]) for one, (_, p) in zip(items, given, strict=True)]
    figure = measure("method", "some", Sample.of(scores_of(items, rows), Calibration(), "mean"), 0.5).figures["highest_real"]
    assert figure.value == pytest.approx(0.6)
    assert figure.interval is not None and figure.interval == pytest.approx((0.2, 0.6))


def test_an_engine(monkeypatch: pytest.MonkeyPatch, clip: Path, checkpoint: Checkpoint) -> None:
    class Brightness:
        """Log-odds of fake by the mean of the crop."""

        name, device, dtype_name = "brightness", torch.device("cpu"), "float32"

        def logits(self, crops_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
            return np.asarray(crops_rgb.mean((1, 2, 3)) / 255)

        def logits_and_maps(self, crops_rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
            return self.logits(crops_rgb), np.zeros((len(crops_rgb), 4, 4), np.float32)

    monkeypatch.setitem(DETECTORS, "middle", MiddleDetector)
    monkeypatch.setitem(ENGINES, "brightness", lambda checkpoint, settings: Brightness())
    logits = [score.logit for score in scanned(clip, checkpoint, engine="brightness").frames]
    assert logits == pytest.approx([0.5] * 6, abs=0.05)  # noise of all levels alike


def test_a_layout_of_a_data_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def read(path: Path) -> list[LabelledItem]:
        return [item(name, name.startswith("fake")) for name in (path / "names.txt").read_text().split()]

    monkeypatch.setitem(LAYOUTS, "names", Layout(lambda path: (path / "names.txt").is_file(), read, "names.txt"))
    (tmp_path / "names.txt").write_text("fake1.mp4 real1.mp4")
    assert recognise(tmp_path) == "names"
    assert [one.label for one in read_data(tmp_path)] == [1, 0]


def test_a_perturbation(monkeypatch: pytest.MonkeyPatch) -> None:
    darker = Perturbation("darkening", "minus", (10, 20, 30, 40, 50), lambda picture, level, rng: picture - np.uint8(level))
    monkeypatch.setitem(PERTURBATIONS, "darker", darker)
    assert "darker" in chosen_kinds("all")
    changed = Applied("darker", 3).transform("a.png")(Frame(np.full((4, 4, 3), 100, np.uint8), 0.0, 0))
    assert (changed.picture_rgb == 70).all()


def test_a_check_of_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise Fault("it is broken", "mend it")

    def examine(examination: Examination, checkpoint: Path | None, device: str) -> None:
        examination.check("a new check", broken, "nothing")

    section = types.ModuleType("screener.doctor.new")
    section.examine = examine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "screener.doctor.new", section)
    monkeypatch.setattr(diagnosis, "SECTIONS", ("new",))
    (finding,) = diagnosis.diagnose(None, "cpu")
    assert (finding.name, finding.ok, finding.detail, finding.advice) == ("a new check", False, "it is broken", "mend it")
