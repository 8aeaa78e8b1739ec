"""One input looked at in rounds, each closer than the one before, until the outcome is sure or the time is up.

The stages are those of any scan. Frames come in no order of time, so people are followed anew after each round, from what was observed of
every frame so far. What stays of a frame is a few kilobytes; its pixels die at scoring.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from screener.errors import SourceError
from screener.records import FaceCrop, FaceScore, TrackVerdict, Verdict, VideoFacts
from screener.runtime.file_hash import HashAhead
from screener.scanning.cropping import Following, Glance, Glances
from screener.scanning.rounds import CLOSER_AT_ONCE, FIRST_ROUND, Rounds, Slice
from screener.scanning.single_pass import FrameTransform, OnProgress, Scanning, Screener
from screener.settings import ScanSettings
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import coverage_of, judge_person, judge_video
from screener.verdict.sureness import Standing, is_sure, standing_of
from screener.video import Look, Source, open_video

KEPT_CROPS = 64
"""Of the faces in one place of the detector's order, before it is known whose they are."""

_MARGIN_SECONDS = 0.2
"""For following, judging and writing down, at the end of a budget."""

_FIRST_GUESS_SECONDS = 0.1
"""How long a face takes to score, before any was."""

FaceKey = tuple[int, int]
"""Place of a face in its glance, and the index of the frame."""


class ProgressiveScanning(Scanning):
    """Rounds over one source; `scores` yields the scores of all of them as they come, before it is known whose they are."""

    def __init__(
        self, screener: Screener, source: Source, on_progress: OnProgress | None, frame_transform: FrameTransform | None = None
    ) -> None:
        super().__init__(screener, source, on_progress, frame_transform)
        self._budget_seconds = screener.settings.budget_seconds
        self._rounds = Rounds(ScanSettings().frames)
        self._glances: dict[int, Glance] = {}
        self._closer: set[int] = set()
        self._looked_into: set[int] = set()
        self._arriving: deque[Glance] = deque()
        self._track_ids: dict[FaceKey, int] = {}
        self._people_now: tuple[TrackVerdict, ...] = ()
        self._telling = TellingCrops(KEPT_CROPS if screener.settings.thumbnails else 0)
        self._hash = HashAhead(source.path)

    def scores(self) -> Iterator[FaceScore]:
        self._use_cores()
        with closing(self._hash):
            try:
                yield from self._all_rounds()
            except SourceError as error:
                self.failure = error
            self._follow()
            if self._is_late() and len(self._glances) < FIRST_ROUND and "limit_time" not in self._facts.reasons:
                self._facts = replace(self._facts, reasons=(*self._facts.reasons, "limit_time"))
            self._hash.wait(self._seconds_left())

    def _all_rounds(self) -> Iterator[FaceScore]:
        slices, before = self._rounds.first(), None
        while slices and not self._is_late():
            yield from self._round(slices)
            if "sparse" not in self._facts.warnings:
                return  # it could only be read as ever, and was
            self._follow()
            if suspects := self._suspects():
                yield from self._look_closer(suspects)
            now = self._standing()
            if self._screener.settings.until_sure and is_sure(before, now):
                return
            before = now
            spread = (glance.pts_seconds for index, glance in self._glances.items() if index not in self._closer)
            slices = self._rounds.next(self._facts.duration_seconds, spread)

    def _round(self, slices: tuple[Slice, ...]) -> Iterator[FaceScore]:
        taken = tuple((glance.pts_seconds, index) for index, glance in self._glances.items())
        settings, left = self._screener.settings, self._seconds_left()
        if left is not None:
            limit = settings.time_limit_seconds
            settings = replace(settings, time_limit_seconds=left if limit is None else min(limit, left))
        facts = self._facts
        with closing(open_video(self._source, settings, Look(slices, taken))) as video:
            try:
                yield from self._judged(video)
            finally:
                self._facts = _together(facts, video.facts)
        if "sparse" in self._facts.warnings:  # frames that were still on their way when the time was up were not looked at
            self._facts = replace(self._facts, frames_sampled=len(self._glances))

    def _look_closer(self, suspects: list[FaceScore]) -> Iterator[FaceScore]:
        moments = [suspect.pts_seconds for suspect in suspects]
        self._looked_into.update(suspect.frame_index for suspect in suspects)
        seen = (glance.pts_seconds for glance in self._glances.values())
        slices, known = self._rounds.closer(moments, self._facts.duration_seconds, seen), set(self._glances)
        if slices and not self._is_late():
            yield from self._round(slices)
            self._closer |= set(self._glances) - known
            self._follow()

    def _crops_of(self, glances: Glances) -> list[list[FaceCrop]]:
        self._arriving.extend(glance for glance, _ in glances)
        return [crops for _, crops in glances]

    def _note_look(self, looked_at: int, expected: int | None) -> None:
        glance = self._arriving.popleft()
        self._glances[glance.frame_index] = glance
        super()._note_look(len(self._glances), None if expected is None else len(self._glances) - looked_at + expected)

    def _is_late(self, waiting: int = 0) -> bool:
        """Whether what is left of the budget is needed to score what waits: one look more would be too much."""
        left = self._seconds_left()
        if left is None:
            return False
        score = self._seconds["score"] / len(self._scores) if self._scores else _FIRST_GUESS_SECONDS
        look = (time.perf_counter() - self._started) / len(self._glances) if len(self._glances) >= FIRST_ROUND else 0.0
        return left <= _MARGIN_SECONDS + look + waiting * score

    def _seconds_left(self) -> float | None:
        if self._budget_seconds is None:
            return None
        return max(1e-3, self._budget_seconds - (time.perf_counter() - self._started))

    def _follow(self) -> None:
        """Everyone through all that was seen so far, in the order of time, and the verdict on each as it stands."""
        following = Following()
        self._track_ids = {}
        for glance in sorted(self._glances.values(), key=lambda glance: (glance.pts_seconds, glance.frame_index)):
            for place, track_id in enumerate(following.place(glance)):
                self._track_ids[place, glance.frame_index] = track_id
        spread: dict[int, list[FaceScore]] = {track_id: [] for track_id in following.sightings}
        closer: dict[int, list[FaceScore]] = {track_id: [] for track_id in following.sightings}
        for score in self._scores:
            (closer if score.frame_index in self._closer else spread)[self._track_of(score)].append(score)
        self._people_now = tuple(
            judge_person(seen, spread[track_id], self._screener.limits, self._facts.is_still, closer[track_id])
            for track_id, seen in sorted(following.sightings.items())
        )

    def _track_of(self, score: FaceScore) -> int:
        return self._track_ids[score.track_id, score.frame_index]

    def _suspects(self) -> list[FaceScore]:
        """Suspicious faces of people who are not fake as they stand, at moments that were not looked at more closely, the worst first."""
        fakes = {person.track_id for person in self._people_now if person.outcome == "fake"}
        threshold = self._screener.limits.threshold
        found = [
            score
            for score in self._scores
            if score.p_fake >= threshold
            and score.frame_index not in self._closer | self._looked_into
            and self._track_of(score) not in fakes
        ]
        return sorted(found, key=lambda score: (-score.p_fake, score.frame_index))[:CLOSER_AT_ONCE]

    def _standing(self) -> Standing:
        facts, limits = self._facts, self._screener.limits
        outcome, _ = judge_video(self._people_now, coverage_of(facts), facts.frames_sampled, limits.threshold)
        return standing_of(outcome, self._people_now, facts.frames_sampled, limits, len(self._suspects()))

    def _people(self, is_still: bool) -> tuple[TrackVerdict, ...]:
        return self._people_now

    def _sha256(self) -> str | None:
        return self._hash.result()

    def verdict(self) -> Verdict:
        self._telling = self._telling.by_person(self._track_ids, self._screener.settings.thumbnails)
        named = [replace(score, track_id=self._track_of(score)) for score in self._scores]
        self._scores = sorted(named, key=lambda score: (score.pts_seconds, score.track_id))
        return super().verdict()


def _together(before: VideoFacts, now: VideoFacts) -> VideoFacts:
    """The facts of two looks at one file."""
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
