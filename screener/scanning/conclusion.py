"""Findings of a pass over one input in, its verdict out. Does not know how they were found."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from screener.errors import SourceError
from screener.records import FaceScore, TrackVerdict, Verdict, VideoFacts
from screener.runtime.file_hash import size_of_hashed
from screener.runtime.moments import begun_at
from screener.runtime.versions import versions
from screener.scanning.models import Models
from screener.verdict.evidence import TellingCrops
from screener.verdict.judging import coverage_of, judge_video, leading_person, withheld
from screener.video import Source

_LOG = logging.getLogger(__name__)

_NO_STAGE_SECONDS = {"faces": 0.0, "score": 0.0}


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything known about one input once its pass has ended.

    started: start of the pass, by `time.perf_counter`. sha256: of the file, None if there is none. scores: in the order of the report.
    evidence: the crops that the report shows. failure: the error that ended reading early. seconds: time that each stage took.
    origin: what the file states about its origin. after_changes: everyone's verdict after each change of a stress test.
    """

    source: Source
    started: float
    facts: VideoFacts = field(default_factory=VideoFacts)
    sha256: str | None = None
    people: tuple[TrackVerdict, ...] = ()
    scores: Sequence[FaceScore] = ()
    evidence: TellingCrops = field(default_factory=lambda: TellingCrops(0))
    failure: SourceError | None = None
    seconds: Mapping[str, float] = field(default_factory=lambda: _NO_STAGE_SECONDS)
    origin: Mapping[str, Any] = field(default_factory=dict)
    after_changes: Sequence[tuple[TrackVerdict, ...]] = ()


def verdict_on(models: Models, found: Findings) -> Verdict:
    """The verdict on the findings; undecided, with the reason, if nothing could be read."""
    facts, failure = found.facts, found.failure
    if failure is not None and not facts.frames_sampled:
        verdict = _row(models, replace(found, people=()), "undecided", "none", (failure.reason,))
        _log(verdict)
        return verdict
    if failure is not None and failure.reason not in facts.reasons:
        facts = replace(facts, reasons=(*facts.reasons, failure.reason))
    coverage = coverage_of(facts)
    outcome, reasons = judge_video(found.people, coverage, facts.frames_sampled, models.limits.threshold)
    verdict = _row(models, replace(found, facts=facts), outcome, coverage, tuple(dict.fromkeys((*facts.reasons, *reasons))))
    if found.after_changes:
        from screener.scanning.stress import stressed

        after = stressed(found.people, found.after_changes, coverage, facts.frames_sampled, models.limits.threshold)
        verdict = replace(verdict, stress=after)
    _log(verdict)
    return verdict


def _log(verdict: Verdict) -> None:
    facts, seconds = verdict.video, ", ".join(f"{name} {value:.2f} s" for name, value in verdict.timing_seconds.items())
    _LOG.info("%s: %s, coverage %s %s %s", verdict.source, verdict.outcome, verdict.coverage, " ".join(verdict.reasons), verdict.detail)
    size = f"{facts.size_wh[0]}x{facts.size_wh[1]}"
    _LOG.debug(
        "%s: %s %s by %s, %.3f fps, %.3f s; frames promised %d, decoded %d, sampled %d, judged %d, errors %d; warnings %s; %s",
        verdict.source, facts.codec, size, facts.reader, facts.fps, facts.duration_seconds, facts.frames_promised, facts.frames_decoded,
        facts.frames_sampled, facts.frames_judged, facts.decode_errors, " ".join(verdict.warnings) or "none", seconds,
    )  # fmt: skip


def _row(models: Models, found: Findings, outcome: str, coverage: str, reasons: tuple[str, ...]) -> Verdict:
    threshold, people, facts = models.limits.threshold, withheld(found.people, coverage), found.facts
    leader = leading_person(people)
    fakes = {person.track_id for person in people if person.outcome == "fake"}
    total = time.perf_counter() - found.started
    return Verdict(
        source=found.source.name,
        sha256=found.sha256,
        size_bytes=size_of_hashed(found.sha256, found.source.path),
        outcome=outcome,
        p_fake=leader.p_fake if leader else None,
        interval=leader.interval if leader else None,
        threshold=threshold,
        operating_point=dict(models.operating_point),
        coverage=coverage,
        reasons=reasons,
        warnings=facts.warnings,
        video=facts,
        people=people,
        frames=found.evidence.attach(found.scores, lambda face: face.track_id in fakes and face.p_fake >= threshold),
        checkpoint=models.checkpoint.summary(),
        settings={**models.settings.to_dict(), **models.ran_on()},
        versions=versions(),
        timing_seconds={"decode": facts.decode_seconds, **found.seconds, "total": total},
        detail=found.failure.message if found.failure else "",
        scanned_at=begun_at(total),
        scene=found.evidence.scene(leader.track_id) if leader else None,
        provenance=dict(found.origin),
    )
