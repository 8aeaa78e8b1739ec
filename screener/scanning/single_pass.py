"""One input from source to verdict: decode, find faces, follow people, crop, score in batches, judge.

Three stages run at once with short queues between: decoding in a process of its own, faces in threads, scoring in the caller's thread
(on a CUDA card a batch is begun before the scores of the one before are waited for). The one place, besides watching, training and
evaluation, that puts stages together. Does not know the command line or report formats. Pixels die at scoring; of a judged face a handful
of numbers stays: memory grows by little, and with the video's length only under `--fps` and `--all-frames`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from screener.checkpoint import Checkpoint, load_checkpoint, localisation_of
from screener.errors import SettingsError, SourceError
from screener.records import FaceCrop, FaceScore, Frame, TrackVerdict, Verdict, VideoFacts
from screener.runtime.allocator import keep_freed_memory
from screener.runtime.cores import core_count, use_cores, use_one_core
from screener.runtime.file_hash import sha256_of
from screener.runtime.in_flight import in_flight
from screener.runtime.readahead import read_ahead
from screener.runtime.versions import versions
from screener.scanning.cropping import Cropper, Glances, glances_of
from screener.scanning.engines import build_scorer
from screener.scanning.resolved import build_detector, limits_of, operating_point_of
from screener.scoring import Begun, keep_float32_whole
from screener.settings import ScanSettings
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import coverage_of, judge_person, judge_video, leading_person, score_of
from screener.video import Source, SourceFailure, Video, expand_sources, open_video

OnProgress = Callable[[int, int | None], None]
"""Called with (frames looked at, frames expected or None) after each frame."""

FrameTransform = Callable[[Frame], Frame]
"""What is done to each sampled frame, at full size, before faces are looked for in it."""

FACE_THREADS = 4
"""Pictures in which faces are looked for at once, at most, on a processor."""

FRAMES_AHEAD = 4
"""Decoded frames that may wait for the face stage."""

FIRST_BATCH = 4
"""Faces that are scored together at first: the first scores come sooner, and the network is warm when there is more to do."""

LOOKS_AHEAD = 8
"""Frames whose crops may wait for the scoring stage."""


class Screener:
    """Models loaded once, for any number of inputs, also for several at once, each in a thread of its own."""

    def __init__(self, settings: ScanSettings | None = None, checkpoint: Checkpoint | str | Path | None = None) -> None:
        keep_float32_whole()
        self.settings = settings or ScanSettings()
        self.checkpoint = checkpoint if isinstance(checkpoint, Checkpoint) else load_checkpoint(checkpoint)
        contract = self.checkpoint.contract
        located = localisation_of(contract.figures)
        self.locates = located is not None and located.earned
        self.limits = limits_of(self.checkpoint, self.settings)
        self.operating_point = operating_point_of(self.checkpoint, self.settings)
        self.scorer = build_scorer(self.checkpoint, self.settings)
        self.detector = build_detector(self.settings.detector or contract.detector["name"], self.scorer.device, contract.detector)
        self.least_sharpness = self.limits.sharpness[0] if self.settings.min_sharpness is None else self.settings.min_sharpness
        self.cores = core_count()
        keep_freed_memory()

    def scan(
        self,
        source: Source | SourceFailure | str | Path,
        on_progress: OnProgress | None = None,
        frame_transform: FrameTransform | None = None,
    ) -> Verdict:
        """Judge one input. Never raises for a bad input: the verdict is then undecided, coverage none, with the reason."""
        found = as_source(source)
        if isinstance(found, SourceFailure):
            return Scanning(self, Source(found.name, "file", found.name, None), None).unreadable(found.reason, found.message)
        scanning = self._scanning(found, on_progress, frame_transform)
        for _ in scanning.scores():
            pass
        return scanning.verdict()

    def scan_stream(self, source: Source | str | Path) -> Iterator[FaceScore]:
        """The scores of one input as they come, in the order of its frames; raises SourceError when it cannot be read at all."""
        found = as_source(source)
        if isinstance(found, SourceFailure):
            raise SourceError(found.reason, found.message)
        if self.settings.progressive:
            raise SettingsError("scan_stream gives scores in the order of frames; until_sure and budget_seconds have none: use scan")
        scanning = Scanning(self, found, None)
        yield from scanning.scores()
        if scanning.failure is not None:
            raise scanning.failure

    def new_cropper(self) -> Cropper:
        """For one video, or for frames without a gap of one: it remembers faces."""
        settings, contract = self.settings, self.checkpoint.contract
        return Cropper(self.detector, contract.preprocessing, settings.min_face_px, self.least_sharpness, settings.detect_every)

    def glances(self, cropper: Cropper, frames: Iterator[Frame]) -> Generator[tuple[Glances, float]]:
        """What faces are found in some frames at a time, in order, and the seconds it took. On a processor with one core a picture, as the
        steps are too small to be shared, and several pictures at once; half the cores are left to decoding and scoring."""
        on_processor = self.scorer.device.type == "cpu"
        threads = max(1, min(self.cores // 2, FACE_THREADS)) if on_processor else 1
        return glances_of(cropper, frames, self.detector.pictures_at_once, threads, use_one_core if on_processor else lambda: None)

    def _scanning(self, source: Source, on_progress: OnProgress | None, frame_transform: FrameTransform | None) -> Scanning:
        from screener.scanning.progressive_pass import ProgressiveScanning  # which builds on what is defined here

        kind = ProgressiveScanning if self.settings.progressive else Scanning
        return kind(self, source, on_progress, frame_transform)


class Scanning:
    """One pass over one source: an iterator of scores that keeps what the verdict needs."""

    def __init__(
        self, screener: Screener, source: Source, on_progress: OnProgress | None, frame_transform: FrameTransform | None = None
    ) -> None:
        self._screener, self._source, self._on_progress, self._frame_transform = screener, source, on_progress, frame_transform
        self._contract = screener.checkpoint.contract
        self._cropper = screener.new_cropper()
        self._scores: list[FaceScore] = []
        self._judged_frames: set[int] = set()
        self._telling = TellingCrops(screener.settings.thumbnails)
        self._facts = VideoFacts()
        self._started = time.perf_counter()
        self._seconds = {"faces": 0.0, "score": 0.0}
        self.failure: SourceError | None = None

    def scores(self) -> Iterator[FaceScore]:
        """Decode, find, follow, crop and score; a stage that raises ends it, and the other stages with it."""
        self._use_cores()
        try:
            with closing(open_video(self._source, self._screener.settings)) as video:
                try:
                    yield from self._judged(video)
                finally:
                    self._facts = video.facts
        except SourceError as error:
            self.failure = error

    def _use_cores(self) -> None:
        use_cores(self._screener.cores)

    def _judged(self, video: Video) -> Iterator[FaceScore]:
        """The scores of one pass over the frames of a video."""
        with closing(self._begun(video)) as begun:
            for crops, scoring in in_flight(begun, int(self._screener.scorer.keeps_in_flight)):
                yield from self._scored(crops, scoring)

    def _begun(self, video: Video) -> Generator[tuple[list[FaceCrop], Begun]]:
        """Each batch as soon as its crops are there, on its way through the network."""
        waiting: list[FaceCrop] = []
        batch_size, gone = self._screener.scorer.batch_size, len(self._scores)
        size = batch_size if gone else min(batch_size, FIRST_BATCH)
        with closing(read_ahead(self._looks(video), LOOKS_AHEAD, stop=video.close)) as looks:
            for looked_at, crops in enumerate(looks, 1):
                waiting += crops
                while len(waiting) >= size:
                    batch, waiting, gone, size = waiting[:size], waiting[size:], gone + size, batch_size
                    yield batch, self._begin(batch)
                self._note_look(looked_at, video.expected_frames)
                if self._is_late(len(waiting) + gone - len(self._scores)):
                    break
        if waiting:
            yield waiting, self._begin(waiting)

    def _note_look(self, looked_at: int, expected: int | None) -> None:
        """After each look whose crops arrived. looked_at, expected: frames of the present pass."""
        if self._on_progress:
            self._on_progress(looked_at, expected)

    def _is_late(self, waiting: int = 0) -> bool:
        """Whether to look no further, with so many crops whose scores are not there yet."""
        return False

    def _looks(self, video: Video) -> Iterator[list[FaceCrop]]:
        """The crops of each frame. Runs in a thread of its own."""
        with closing(read_ahead(video.frames(), FRAMES_AHEAD, stop=video.close)) as frames:
            ready = frames if self._frame_transform is None else map(self._frame_transform, frames)
            with closing(self._screener.glances(self._cropper, ready)) as found:
                for glances, seconds in found:
                    self._seconds["faces"] += seconds
                    yield from self._crops_of(glances)

    def _crops_of(self, glances: Glances) -> list[list[FaceCrop]]:
        """The crops of some frames, in the order of time, each with the person it belongs to."""
        return self._cropper.followed(glances)

    def _begin(self, crops: list[FaceCrop]) -> Begun:
        started = time.perf_counter()
        begun = self._screener.scorer.begin(crops, self._screener.locates)
        self._seconds["score"] += time.perf_counter() - started
        return begun

    def _scored(self, crops: list[FaceCrop], scoring: Begun) -> Iterator[FaceScore]:
        started = time.perf_counter()
        logits, maps = scoring.result()
        self._seconds["score"] += time.perf_counter() - started
        calibration = self._contract.calibration
        for crop, logit, blend_map in zip(crops, logits, repeat(None, len(crops)) if maps is None else maps, strict=True):
            score = score_of(crop, float(logit), calibration.temperature, calibration.bias)
            self._scores.append(score)
            self._judged_frames.add(crop.frame_index)
            self._telling.offer(score, crop.crop_rgb, blend_map)
            yield score

    def verdict(self) -> Verdict:
        """The verdict from everything that was scored so far."""
        if self.failure is not None and not self._facts.frames_sampled:
            return self.unreadable(self.failure.reason, self.failure.message)
        facts = replace(self._facts, frames_judged=len(self._judged_frames))
        if self.failure is not None and self.failure.reason not in facts.reasons:
            facts = replace(facts, reasons=(*facts.reasons, self.failure.reason))
        coverage = coverage_of(facts)
        people = self._people(facts.is_still)
        outcome, reasons = judge_video(people, coverage, facts.frames_sampled, self._screener.limits.threshold)
        leader = leading_person(people)
        return self._row(
            outcome=outcome,
            coverage=coverage,
            reasons=tuple(dict.fromkeys((*facts.reasons, *reasons))),
            detail=self.failure.message if self.failure else "",
            facts=facts,
            people=people,
            p_fake=leader.p_fake if leader else None,
            interval=leader.interval if leader else None,
        )

    def unreadable(self, reason: str, message: str) -> Verdict:
        """The row of an input of which nothing could be read."""
        return self._row("undecided", "none", (reason,), message, self._facts, (), None, None)

    def _people(self, is_still: bool) -> tuple[TrackVerdict, ...]:
        sightings = self._cropper.sightings
        by_track: dict[int, list[FaceScore]] = {track_id: [] for track_id in sightings}
        for score in self._scores:
            by_track[score.track_id].append(score)
        return tuple(judge_person(sightings[t], by_track[t], self._screener.limits, is_still) for t in sorted(by_track))

    def _sha256(self) -> str | None:
        return None if self._source.path is None else sha256_of(self._source.path)

    def _row(
        self,
        outcome: str,
        coverage: str,
        reasons: tuple[str, ...],
        detail: str,
        facts: VideoFacts,
        people: tuple[TrackVerdict, ...],
        p_fake: float | None,
        interval: tuple[float, float] | None,
    ) -> Verdict:
        limits, settings = self._screener.limits, self._screener.settings
        fakes = {person.track_id for person in people if person.outcome == "fake"}
        return Verdict(
            source=self._source.name,
            sha256=self._sha256(),
            outcome=outcome,
            p_fake=p_fake,
            interval=interval,
            threshold=limits.threshold,
            operating_point=self._screener.operating_point,
            coverage=coverage,
            reasons=reasons,
            warnings=facts.warnings,
            video=facts,
            people=people,
            frames=self._telling.attach(self._scores, lambda face: face.track_id in fakes and face.p_fake >= limits.threshold),
            checkpoint=self._screener.checkpoint.summary(),
            settings={**settings.to_dict(), **self._screener.scorer.ran_on()},
            versions=versions(),
            timing_seconds={"decode": facts.decode_seconds, **self._seconds, "total": time.perf_counter() - self._started},
            detail=detail,
        )


def as_source(source: Source | SourceFailure | str | Path) -> Source | SourceFailure:
    """One path, URL or camera -> the input it names; raises SettingsError when it names several."""
    if isinstance(source, (Source, SourceFailure)):
        return source
    found = expand_sources([source])
    if len(found) != 1:
        raise SettingsError(f"{source}: names {len(found)} inputs; give them one at a time to Screener.scan")
    return found[0]
