"""Scans one input once, in order of time: an ordinary scan.

A few numbers are kept of each judged face, so memory grows slowly, and with the video's length only under `--fps` and `--all-frames`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from screener.errors import SourceError
from screener.records import FaceScore, TrackVerdict, Verdict, VideoFacts
from screener.runtime.cores import use_cores
from screener.runtime.file_hash import sha256_of
from screener.scanning.conclusion import Findings, verdict_on
from screener.scanning.given_frames import GivenFrames
from screener.scanning.models import Models
from screener.scanning.stages import Course, FrameTransform, Stages
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import judge_person
from screener.video import Source, open_video

OnProgress = Callable[[int, int | None], None]
"""Called with (frames examined, frames expected or None) after each frame."""


class SinglePass:
    """One pass over one source: an iterator of scores that keeps what the verdict needs. failure: the error that ended reading early."""

    def __init__(
        self,
        models: Models,
        source: Source,
        on_progress: OnProgress | None = None,
        frame_transform: FrameTransform | None = None,
        given: GivenFrames | None = None,
    ) -> None:
        """given: pictures that are judged instead of decoding `source`."""
        self._models, self._source, self._given = models, source, given
        self._cropper = models.new_cropper()
        self._evidence = TellingCrops(models.settings.thumbnails)
        course = Course(self._cropper.followed, on_progress or (lambda looked_at, expected: None))
        self._stress = models.new_stress_test()
        self._stages = Stages(models, self._cropper, self._evidence, course, frame_transform, self._stress)
        self._facts = VideoFacts()
        self._origin: dict[str, Any] = {}
        self._started = time.perf_counter()
        self.failure: SourceError | None = None

    def scores(self) -> Iterator[FaceScore]:
        """Decode, find, track, crop and score; if a stage raises, all stages end."""
        use_cores(self._models.cores)
        try:
            with closing(self._given or open_video(self._source, self._models.settings)) as video:
                try:
                    yield from self._stages.run(video)
                finally:
                    self._facts, self._origin = video.facts, video.origin
        except SourceError as error:
            self.failure = error

    def verdict(self) -> Verdict:
        """The verdict from everything scored so far."""
        facts = replace(self._facts, frames_judged=len(self._stages.judged_frames))
        sightings, limits = self._cropper.sightings, self._models.limits
        return verdict_on(
            self._models,
            Findings(
                source=self._source,
                started=self._started,
                facts=facts,
                sha256=None if self._source.path is None else sha256_of(self._source.path),
                people=self._people(),
                scores=self._stages.scores,
                evidence=self._evidence,
                failure=self.failure,
                seconds=self._stages.seconds,
                origin=self._origin,
                after_changes=[] if self._stress is None else self._stress.people(sightings, limits, self._facts.is_still),
            ),
        )

    def _people(self) -> tuple[TrackVerdict, ...]:
        sightings = self._cropper.sightings
        by_track: dict[int, list[FaceScore]] = {track_id: [] for track_id in sightings}
        for score in self._stages.scores:
            by_track[score.track_id].append(score)
        limits, is_still = self._models.limits, self._facts.is_still
        return tuple(judge_person(sightings[track_id], by_track[track_id], limits, is_still) for track_id in sorted(by_track))
