"""Frames of one video in, scores of faces out: three stages running at once, with short queues between.

Decoding runs in a process of its own, faces are found in threads, scoring happens in the caller's thread (on a CUDA card a batch is started
before the scores of the previous one are fetched). Pixels are dropped at scoring. Does not know which frames are wanted, nor verdicts: the
pass that runs the stages decides about these.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Protocol

from screener.records import FaceCrop, FaceScore, Frame
from screener.runtime.in_flight import in_flight
from screener.runtime.readahead import read_ahead
from screener.scanning.cropping import Cropper, Glances
from screener.scanning.models import Models
from screener.scoring import Begun
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import score_of

if TYPE_CHECKING:
    from screener.scanning.stress import StressTest

FrameTransform = Callable[[Frame], Frame]
"""Applied to each sampled frame, at full size, before finding faces."""

FRAMES_AHEAD = 4
"""Maximum number of decoded frames waiting for the face stage."""

FIRST_BATCH = 4
"""Size of the first batch of faces: small, so that the first scores come sooner and the network is warm when more arrive."""

LOOKS_AHEAD = 8
"""Maximum number of frames whose crops wait for the scoring stage."""


@dataclass(frozen=True)
class Course:
    """Decisions that a pass makes while its stages run."""

    crops_of: Callable[[Glances], list[list[FaceCrop]]]
    """Returns the crops of some frames, in the order of the frames; runs in the thread of the face stage."""

    note_look: Callable[[int, int | None], None]
    """Called for each frame whose crops arrived, with the number of such frames in this run and the number expected, None if unknown."""

    is_late: Callable[[int], bool] = lambda waiting: False
    """Whether to examine no further frames, given the number of crops without scores."""


class FrameStream(Protocol):
    """The stages' interface of a video. `frames` may be ended from another thread by `close`."""

    @property
    def expected_frames(self) -> int | None:
        """How many frames will come if all goes well; None if unknown."""
        ...

    def frames(self) -> Iterator[Frame]:
        """The frames in order, once."""
        ...

    def close(self) -> None:
        """End a running `frames`."""
        ...


class Stages:
    """The stages of one input, for one run after another; `scores`, `judged_frames` and `seconds` grow with each.

    was_broken_off: whether the course ended the last run before its video had ended.
    """

    def __init__(
        self,
        models: Models,
        cropper: Cropper,
        evidence: TellingCrops,
        course: Course,
        frame_transform: FrameTransform | None = None,
        stress: StressTest | None = None,
    ) -> None:
        self._models, self._cropper, self._evidence, self._course = models, cropper, evidence, course
        self._frame_transform, self._stress = frame_transform, stress
        self.scores: list[FaceScore] = []
        self.judged_frames: set[int] = set()
        self.seconds = {"faces": 0.0, "score": 0.0}
        self.was_broken_off = False

    def run(self, video: FrameStream) -> Iterator[FaceScore]:
        """Yield the scores of a video's frames as they come; if a stage raises, all stages end."""
        self.was_broken_off = False
        with closing(self._begun(video)) as begun:
            for crops, scoring in in_flight(begun, int(self._models.scorer.keeps_in_flight)):
                yield from self._scored(crops, scoring)

    def _begun(self, video: FrameStream) -> Generator[tuple[list[FaceCrop], Begun]]:
        """Start each batch as soon as its crops are there."""
        waiting: list[FaceCrop] = []
        batch_size, gone = self._models.scorer.batch_size, len(self.scores)
        size = batch_size if gone else min(batch_size, FIRST_BATCH)
        with closing(read_ahead(self._looks(video), LOOKS_AHEAD, stop=video.close)) as looks:
            for looked_at, crops in enumerate(looks, 1):
                waiting += crops
                self._course.note_look(looked_at, video.expected_frames)  # before scoring: no frame has scores before it was counted
                while len(waiting) >= size:
                    batch, waiting, gone, size = waiting[:size], waiting[size:], gone + size, batch_size
                    yield batch, self._begin(batch)
                if self._course.is_late(len(waiting) + gone - len(self.scores)):
                    self.was_broken_off = True
                    break
        if waiting:
            yield waiting, self._begin(waiting)

    def _looks(self, video: FrameStream) -> Iterator[list[FaceCrop]]:
        """The crops of each frame. Runs in a thread of its own."""
        with closing(read_ahead(video.frames(), FRAMES_AHEAD, stop=video.close)) as frames:
            ready = frames if self._frame_transform is None else map(self._frame_transform, frames)
            with closing(self._models.glances(self._cropper, ready)) as found:
                for glances, seconds in found:
                    self.seconds["faces"] += seconds
                    yield from self._course.crops_of(glances)

    def _begin(self, crops: list[FaceCrop]) -> Begun:
        started = time.perf_counter()
        begun = self._models.scorer.begin(crops, self._models.locates)
        self.seconds["score"] += time.perf_counter() - started
        return begun

    def _scored(self, crops: list[FaceCrop], scoring: Begun) -> Iterator[FaceScore]:
        started = time.perf_counter()
        logits, maps = scoring.result()
        self.seconds["score"] += time.perf_counter() - started
        calibration = self._models.checkpoint.contract.calibration
        for crop, logit, blend_map in zip(crops, logits, repeat(None, len(crops)) if maps is None else maps, strict=True):
            score = score_of(crop, float(logit), calibration.temperature, calibration.bias)
            self.scores.append(score)
            self.judged_frames.add(crop.frame_index)
            self._evidence.offer(score, crop.crop_rgb, blend_map, crop.scene)
            yield score
        if self._stress is not None:
            started = time.perf_counter()
            self._stress.take(crops)
            self.seconds["stress"] = self.seconds.get("stress", 0.0) + time.perf_counter() - started
