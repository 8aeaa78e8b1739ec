"""Settings and a checkpoint in, detector, limits and scorer out: what every pass over an input needs.

Does not know sources, passes or verdicts.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from screener.checkpoint import Checkpoint, load_checkpoint, localisation_of, rates_of
from screener.errors import CheckpointError, SettingsError
from screener.faces import DETECTORS, FaceDetector
from screener.records import Frame
from screener.runtime.allocator import keep_freed_memory
from screener.runtime.cores import core_count, use_one_core
from screener.scanning.cropping import Cropper, Glances, glances_of
from screener.scanning.engines import build_scorer
from screener.scoring import PROCESSOR, Engine, Scorer
from screener.settings import ScanSettings
from screener.verdict.judging import POOLING, Limits

if TYPE_CHECKING:
    from screener.scanning.stress import StressTest

_LOG = logging.getLogger(__name__)

FACE_THREADS = 4
"""Maximum number of pictures searched for faces at once on a CPU."""

DETECT_EVERY = 4
"""On a CPU, and without a setting: how often at least a whole picture is searched, in frames. `scripts/measure_faces.py` measures what that
misses. On a GPU each is, for there searching costs next to nothing.
"""


class Models:
    """Detector, scorer and limits, loaded once for any number of inputs and threads.

    cores: number of CPU cores that PyTorch may use for one input; set it lower if several inputs are judged at once.
    """

    def __init__(
        self,
        settings: ScanSettings | None = None,
        checkpoint: Checkpoint | str | Path | None = None,
        engine: Engine | None = None,
        once: bool = False,
    ) -> None:
        """checkpoint: a loaded one, its path, or None for the default. engine: scores the faces instead of the one that the settings name,
        and leaves this process the CPU for finding them. once: for a single input, so that `auto` may take what starts quickly; its scores
        differ by less than `scoring.TOLERANCE_P_FAKE`. Raises CheckpointError, SettingsError, DeviceError.
        """
        self.settings = settings or ScanSettings()
        self.checkpoint = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)
        contract = self.checkpoint.contract
        located = localisation_of(contract.figures)
        self.locates = located is not None and located.earned
        self.limits = limits_of(self.checkpoint, self.settings)
        self.operating_point = operating_point_of(self.checkpoint, self.settings)
        if engine is None:
            self.scorer = build_scorer(self.checkpoint, self.settings, once)
        else:
            self.scorer = Scorer(engine, contract.preprocessing, batch_size=self.settings.batch_size)
        self._finds_on = self.scorer.device if engine is None else PROCESSOR
        self.detector = build_detector(self.settings.detector or contract.detector["name"], self._finds_on, contract.detector)
        self.detect_every = self.settings.detect_every or (DETECT_EVERY if self._finds_on.type == "cpu" else 1)
        self.least_sharpness = self.limits.sharpness[0] if self.settings.min_sharpness is None else self.settings.min_sharpness
        self.cores = core_count()
        keep_freed_memory()
        ran_on = ", ".join(f"{name} {value}" for name, value in self.ran_on().items())
        _LOG.info("weights %s, sha256 %.16s, from %s; %s", contract.name, self.checkpoint.sha256, self.checkpoint.path, ran_on)

    def ran_on(self) -> dict[str, str | int]:
        """The values that `auto` was resolved to, and the hash of a model file, for the settings of a verdict."""
        return {**self.scorer.ran_on(), "detect_every": self.detect_every}

    def new_cropper(self) -> Cropper:
        """A cropper for one video, or for frames without gaps: it remembers faces."""
        settings, contract = self.settings, self.checkpoint.contract
        limits = contract.preprocessing, settings.min_face_px, self.least_sharpness
        changes = None
        if settings.stress:
            from screener.scanning.stress import Changes  # which loads codecs

            changes = Changes(*limits)
        return Cropper(self.detector, *limits, self.detect_every, keeps_scenes=settings.thumbnails > 0, changes=changes)

    def new_stress_test(self) -> StressTest | None:
        """Takes the changed crops that a cropper makes under `stress`; None without that setting."""
        if not self.settings.stress:
            return None
        from screener.scanning.stress import StressTest

        return StressTest(self.scorer, self.checkpoint.contract.calibration)

    def glances(self, cropper: Cropper, frames: Iterator[Frame]) -> Generator[tuple[Glances, float]]:
        """The faces found in the frames, a few frames at a time, in order, and the seconds it took.

        On a CPU each picture uses one core, because the steps are too small to be shared, and several pictures are processed at once; half
        the cores are left for decoding and scoring.
        """
        on_processor = self._finds_on.type == "cpu"
        threads = max(1, min(self.cores // 2, FACE_THREADS)) if on_processor else 1
        at_once = max(self.detector.pictures_at_once, self.detect_every)
        return glances_of(cropper, frames, at_once, threads, use_one_core if on_processor else lambda: None)


def limits_of(checkpoint: Checkpoint, settings: ScanSettings) -> Limits:
    """Decision limits: the settings' threshold, or the checkpoint's operating point at the settings' false-positive rate."""
    contract = checkpoint.contract
    pooling = settings.pooling or contract.pooling
    if pooling not in POOLING:
        raise SettingsError(f"pooling: expected one of {', '.join(POOLING)}, got {pooling!r}")
    if settings.threshold is not None:
        threshold = genuine_below = settings.threshold
    else:
        point = contract.operating_point(settings.fpr)
        threshold, genuine_below = point.threshold, point.genuine_below
    everything = (0.0, float("inf"))
    return Limits(
        threshold, genuine_below, settings.min_frames, pooling,
        contract.valid_range.get("face_px", everything), contract.valid_range.get("sharpness", everything),
    )  # fmt: skip


def operating_point_of(checkpoint: Checkpoint, settings: ScanSettings) -> dict[str, float]:
    """The operating point in use, for the report; empty if the threshold was given explicitly."""
    if settings.threshold is not None:
        return {}
    point = checkpoint.contract.operating_point(settings.fpr)
    measured = {"fpr": point.fpr, "genuine_below": point.genuine_below, "real_videos": point.real_videos, "fake_videos": point.fake_videos}
    rates = rates_of(checkpoint.contract.figures, settings.fpr)
    return measured if rates is None else {**measured, "reals_called_fake": rates.reals_called_fake, "fakes_found": rates.fakes_found}


def build_detector(name: str, device: Any, contract: dict[str, Any]) -> FaceDetector:
    """The named detector. Refuses one whose boxes would differ from those that the checkpoint was made with."""
    if name not in DETECTORS:
        raise SettingsError(f"detector: expected one of {', '.join(DETECTORS)}, got {name!r}")
    detector = DETECTORS[name](device=device)
    if name == contract["name"] and detector.contract() != contract:
        raise CheckpointError(f"detector {name}: this screener runs it with {detector.contract()}, the checkpoint was made with {contract}")
    return detector
