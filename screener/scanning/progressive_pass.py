"""Scans one input in rounds, each denser than the one before, until the outcome is sure or the time is up.

The stages are those of any scan. Frames come in no order of time, so people are tracked again after each round, from the observations of
all frames so far. A few kilobytes are kept of a frame; its pixels are dropped at scoring.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from screener.errors import SourceError
from screener.records import FaceCrop, FaceScore, TrackVerdict, Verdict, VideoFacts
from screener.runtime.cores import use_cores
from screener.runtime.file_hash import HashAhead
from screener.scanning.conclusion import Findings, verdict_on
from screener.scanning.cropping import Following, Glance, Glances
from screener.scanning.models import Models
from screener.scanning.rounds import CLOSER_AT_ONCE, FIRST_ROUND, Rounds, Slice
from screener.scanning.single_pass import OnProgress
from screener.scanning.stages import Course, FrameTransform, Stages
from screener.settings import ScanSettings
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import coverage_of, judge_person, judge_video
from screener.verdict.sureness import Standing, is_sure, standing_of
from screener.video import SeekPlan, Source, open_video

KEPT_CROPS = 64
"""Crops kept per index in the detector's order, before it is known to whom they belong."""

_MARGIN_SECONDS = 0.2
"""Reserved at the end of a time budget for tracking, judging and writing."""

_LEAST_SECONDS = 1e-3
"""What is left of a time that is over: 0 is no time limit that a look could be given."""

_FIRST_GUESS_SECONDS = 0.1
"""Assumed time to score a face, before any was scored."""

FaceKey = tuple[int, int]
"""Index of a face in its glance, and index of the frame."""


class ProgressivePass:
    """Rounds over one source. `scores` yields the scores of all rounds as they come, before it is known to whom they belong."""

    def __init__(
        self, models: Models, source: Source, on_progress: OnProgress | None = None, frame_transform: FrameTransform | None = None
    ) -> None:
        self._models, self._source, self._on_progress = models, source, on_progress
        self._budget_seconds, self._limit_seconds = models.settings.budget_seconds, models.settings.time_limit_seconds
        self._budget_ends_first = (self._budget_seconds or math.inf) < (self._limit_seconds or math.inf)
        self._rounds = Rounds(ScanSettings().frames)
        self._has_finished_round = False
        self._glances: dict[int, Glance] = {}
        self._closer: set[int] = set()
        self._looked_into: set[int] = set()
        self._arriving: deque[Glance] = deque()
        self._track_ids: dict[FaceKey, int] = {}
        self._people: tuple[TrackVerdict, ...] = ()
        self._evidence = TellingCrops(KEPT_CROPS if models.settings.thumbnails else 0)
        course = Course(self._crops_of, self._note_look, self._is_late)
        self._stages = Stages(models, models.new_cropper(), self._evidence, course, frame_transform)
        self._hash = HashAhead(source.path)
        self._facts = VideoFacts()
        self._origin: dict[str, Any] = {}
        self._started = time.perf_counter()
        self.failure: SourceError | None = None

    def scores(self) -> Iterator[FaceScore]:
        """Yield every score as it comes, round by round; if the source fails, the error is kept in `failure`."""
        use_cores(self._models.cores)
        with closing(self._hash):
            try:
                yield from self._all_rounds()
            except SourceError as error:
                self.failure = error
            self._follow()
            too_few = self._is_late() and len(self._glances) < FIRST_ROUND
            if too_few or (self.failure is None and not self._has_finished_round):
                self._facts = _out_of_time(self._facts)
            self._hash.wait(self._seconds_left())

    def verdict(self) -> Verdict:
        """The verdict from everything scored so far; may be called at any time and repeatedly."""
        self._follow()
        named = [replace(score, track_id=self._track_of(score)) for score in self._stages.scores]
        return verdict_on(
            self._models,
            Findings(
                source=self._source,
                started=self._started,
                facts=replace(self._facts, frames_judged=len(self._stages.judged_frames)),
                sha256=self._hash.result(),
                people=self._people,
                scores=sorted(named, key=lambda score: (score.pts_seconds, score.track_id)),
                evidence=self._evidence.by_person(self._track_ids, self._models.settings.thumbnails),
                failure=self.failure,
                seconds=self._stages.seconds,
                origin=self._origin,
            ),
        )

    def _all_rounds(self) -> Iterator[FaceScore]:
        slices, before = self._rounds.first(), None
        while slices and not self._stages.was_broken_off and not self._is_late() and not self._is_at_limit():
            yield from self._round(slices)
            if self._stages.was_broken_off:
                return  # the rest of the budget went into the crops that waited
            self._has_finished_round |= "limit_time" not in self._facts.reasons
            if "sparse" not in self._facts.warnings:
                return  # single frames cannot be sought in it, so it was read in order, completely
            self._follow()
            if suspects := self._suspects():
                yield from self._look_closer(suspects)
            now = self._standing()
            if self._models.settings.until_sure and is_sure(before, now):
                return
            before = now
            spread = (glance.pts_seconds for index, glance in self._glances.items() if index not in self._closer)
            slices = self._rounds.next(self._facts.duration_seconds, spread)

    def _round(self, slices: tuple[Slice, ...]) -> Iterator[FaceScore]:
        taken = tuple((glance.pts_seconds, index) for index, glance in self._glances.items())
        left = (self._seconds_left(), self._left_of(self._limit_seconds))
        limit = min((seconds for seconds in left if seconds is not None), default=None)
        settings = replace(self._models.settings, time_limit_seconds=limit)
        if self._origin:
            settings = replace(settings, provenance=False)  # it was told in an earlier look
        facts = self._facts
        with closing(open_video(self._source, settings, SeekPlan(slices, taken))) as video:
            try:
                yield from self._stages.run(video)
            finally:
                self._facts = _together(facts, self._as_covered(video.facts))
                self._origin = video.origin or self._origin
        if "sparse" in self._facts.warnings or self._stages.was_broken_off:
            # Frames that were decoded when the time was up were not examined.
            self._facts = replace(self._facts, frames_sampled=len(self._glances))

    def _as_covered(self, facts: VideoFacts) -> VideoFacts:
        """The facts of a look, with the reason `limit_time` only if the time was up before everything was examined that must be.

        A file that is read in order must be read to its end. In one in which frames are sought, a budget must last for one whole round,
        whose frames come from all over the video; later looks take what is left of it. A time limit must last for every look.
        """
        if "sparse" not in facts.warnings:
            return _out_of_time(facts) if self._stages.was_broken_off else facts
        if self._has_finished_round and self._budget_ends_first:
            return replace(facts, reasons=tuple(reason for reason in facts.reasons if reason != "limit_time"))
        return facts

    def _look_closer(self, suspects: list[FaceScore]) -> Iterator[FaceScore]:
        moments = [suspect.pts_seconds for suspect in suspects]
        self._looked_into.update(suspect.frame_index for suspect in suspects)
        seen = (glance.pts_seconds for glance in self._glances.values())
        slices, known = self._rounds.closer(moments, self._facts.duration_seconds, seen), set(self._glances)
        if slices and not self._is_late() and not self._is_at_limit():
            yield from self._round(slices)
            self._closer |= set(self._glances) - known
            self._follow()

    def _crops_of(self, glances: Glances) -> list[list[FaceCrop]]:
        self._arriving.extend(glance for glance, _ in glances)
        return [crops for _, crops in glances]

    def _note_look(self, looked_at: int, expected: int | None) -> None:
        glance = self._arriving.popleft()
        self._glances[glance.frame_index] = glance
        if self._on_progress is not None:
            self._on_progress(len(self._glances), None if expected is None else len(self._glances) - looked_at + expected)

    def _is_late(self, waiting: int = 0) -> bool:
        """Whether the rest of the budget is needed to score the waiting crops, so that no further frame can be examined."""
        left = self._seconds_left()
        if left is None:
            return False
        score = self._stages.seconds["score"] / len(self._stages.scores) if self._stages.scores else _FIRST_GUESS_SECONDS
        look = (time.perf_counter() - self._started) / len(self._glances) if len(self._glances) >= FIRST_ROUND else 0.0
        return left <= _MARGIN_SECONDS + look + waiting * score

    def _seconds_left(self) -> float | None:
        return self._left_of(self._budget_seconds)

    def _left_of(self, seconds: float | None) -> float | None:
        return None if seconds is None else max(_LEAST_SECONDS, seconds - (time.perf_counter() - self._started))

    def _is_at_limit(self) -> bool:
        """Whether the time limit is over, which all looks at one input share, although there is more to look at."""
        left = self._left_of(self._limit_seconds)
        if left is None or left > _LEAST_SECONDS:
            return False
        self._facts = _out_of_time(self._facts)
        return True

    def _follow(self) -> None:
        """Track everyone through all glances so far, in order of time, and update the verdict on each."""
        following = Following()
        self._track_ids = {}
        for glance in sorted(self._glances.values(), key=lambda glance: (glance.pts_seconds, glance.frame_index)):
            for place, track_id in enumerate(following.place(glance)):
                self._track_ids[place, glance.frame_index] = track_id
        spread: dict[int, list[FaceScore]] = {track_id: [] for track_id in following.sightings}
        closer: dict[int, list[FaceScore]] = {track_id: [] for track_id in following.sightings}
        for score in self._stages.scores:
            (closer if score.frame_index in self._closer else spread)[self._track_of(score)].append(score)
        self._people = tuple(
            judge_person(seen, spread[track_id], self._models.limits, self._facts.is_still, closer[track_id])
            for track_id, seen in sorted(following.sightings.items())
        )

    def _track_of(self, score: FaceScore) -> int:
        return self._track_ids[score.track_id, score.frame_index]

    def _suspects(self) -> list[FaceScore]:
        """Suspicious faces of people who are not judged fake yet, at moments not examined more closely yet, highest score first."""
        fakes = {person.track_id for person in self._people if person.outcome == "fake"}
        threshold = self._models.limits.threshold
        found = [
            score
            for score in self._stages.scores
            if score.p_fake >= threshold
            and score.frame_index not in self._closer | self._looked_into
            and self._track_of(score) not in fakes
        ]
        return sorted(found, key=lambda score: (-score.p_fake, score.frame_index))[:CLOSER_AT_ONCE]

    def _standing(self) -> Standing:
        facts, limits = self._facts, self._models.limits
        outcome, _ = judge_video(self._people, coverage_of(facts), facts.frames_sampled, limits.threshold)
        return standing_of(outcome, self._people, facts.frames_sampled, limits, len(self._suspects()))


def _out_of_time(facts: VideoFacts) -> VideoFacts:
    """The facts with the reason `limit_time`."""
    return replace(facts, reasons=tuple(dict.fromkeys((*facts.reasons, "limit_time"))))


def _together(before: VideoFacts, now: VideoFacts) -> VideoFacts:
    """The combined facts of two looks at one file."""
    if not before.frames_sampled:
        return now
    changed = ("resolution_change",) * (before.size_wh != now.size_wh and now.frames_sampled > 0)
    return replace(
        before,
        duration_seconds=min(before.duration_seconds, now.duration_seconds) or before.duration_seconds,
        frames_decoded=before.frames_decoded + now.frames_decoded,
        frames_sampled=before.frames_sampled + now.frames_sampled,
        decode_errors=before.decode_errors + now.decode_errors,
        decode_seconds=before.decode_seconds + now.decode_seconds,
        reasons=tuple(dict.fromkeys((*before.reasons, *now.reasons))),
        warnings=tuple(dict.fromkeys((*before.warnings, *now.warnings, *changed))),
    )
