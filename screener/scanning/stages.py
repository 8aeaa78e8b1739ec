"""Frames of one video in, scores of faces out: three stages at once, with short queues between.

Decoding runs in a process of its own, faces are found in threads, scoring happens in the caller's thread (on a CUDA card a batch is begun
before the scores of the one before are waited for). Pixels die at scoring. Does not know which frames are wanted, nor verdicts: what
depends on that is given by the pass that runs the stages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

from screener.records import FaceCrop, FaceScore, Frame
from screener.runtime.in_flight import in_flight
from screener.runtime.readahead import read_ahead
from screener.scanning.cropping import Cropper, Glances
from screener.scanning.models import Models
from screener.scoring import Begun
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import score_of

FrameTransform = Callable[[Frame], Frame]
"""What is done to each sampled frame, at full size, before faces are looked for in it."""

FRAMES_AHEAD = 4
"""Decoded frames that may wait for the face stage."""

FIRST_BATCH = 4
"""Faces that are scored together at first: the first scores come sooner, and the network is warm when there is more to do."""

LOOKS_AHEAD = 8
"""Frames whose crops may wait for the scoring stage."""


@dataclass(frozen=True)
class Course:
    """What a pass decides while its stages run."""

    crops_of: Callable[[Glances], list[list[FaceCrop]]]
    """The crops of some frames, in the order in which the frames came; runs in the thread of the face stage."""

    note_look: Callable[[int, int | None], None]
    """Told of each frame whose crops arrived: how many have in this run, and how many are expected, None where that is unknown."""

    is_late: Callable[[int], bool] = lambda waiting: False
    """Whether to look no further, with so many crops whose scores are not there yet."""


class FrameStream(Protocol):
    """What the stages ask of a video. `frames` may be ended from another thread by `close`."""

    @property
    def expected_frames(self) -> int | None:
        """How many frames will come if all goes well; None where that cannot be known."""
        ...

    def frames(self) -> Iterator[Frame]:
        """The frames in order, once."""
        ...

    def close(self) -> None:
        """End a running `frames`."""
        ...


class Stages:
    """The stages of one input, for one run after the other; `scores`, `judged_frames` and `seconds` grow with each."""

    def __init__(
        self, models: Models, cropper: Cropper, evidence: TellingCrops, course: Course, frame_transform: FrameTransform | None = None
    ) -> None:
        self._models, self._cropper, self._evidence, self._course = models, cropper, evidence, course
        self._frame_transform = frame_transform
        self.scores: list[FaceScore] = []
        self.judged_frames: set[int] = set()
        self.seconds = {"faces": 0.0, "score": 0.0}

    def run(self, video: FrameStream) -> Iterator[FaceScore]:
        """The scores of the frames of a video as they come; a stage that raises ends it, and the other stages with it."""
        with closing(self._begun(video)) as begun:
            for crops, scoring in in_flight(begun, int(self._models.scorer.keeps_in_flight)):
                yield from self._scored(crops, scoring)

    def _begun(self, video: FrameStream) -> Generator[tuple[list[FaceCrop], Begun]]:
        """Each batch as soon as its crops are there, on its way through the network."""
        waiting: list[FaceCrop] = []
        batch_size, gone = self._models.scorer.batch_size, len(self.scores)
        size = batch_size if gone else min(batch_size, FIRST_BATCH)
        with closing(read_ahead(self._looks(video), LOOKS_AHEAD, stop=video.close)) as looks:
            for looked_at, crops in enumerate(looks, 1):
                waiting += crops
                self._course.note_look(looked_at, video.expected_frames)  # first: nothing is scored of a frame that nobody knows of
                while len(waiting) >= size:
                    batch, waiting, gone, size = waiting[:size], waiting[size:], gone + size, batch_size
                    yield batch, self._begin(batch)
                if self._course.is_late(len(waiting) + gone - len(self.scores)):
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
