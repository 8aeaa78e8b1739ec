"""The statistics of a watch, and its verdict at the end as for one input. Knows the record of the watch, not how it was made.

Coverage is complete if there was a current picture all the time (not counting the wait for the first one), no frame was damaged, and a file
or recording was read to its end. Frames skipped for newer ones do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from screener.records import Verdict, VideoFacts
from screener.runtime.file_hash import size_of_hashed
from screener.runtime.versions import versions
from screener.scanning.models import Models
from screener.settings import LiveSettings
from screener.verdict.judging import coverage_of, judge_video, leading_person, withheld
from screener.video import Source
from screener.video.live.feed import FeedStatus
from screener.watching.chronicle import Chronicle
from screener.watching.judging_thread import Counts
from screener.watching.records import LiveStats


@dataclass(frozen=True)
class WatchFacts:
    """begun_at: what the wall clock, which may have been set since, said at the start. watched_seconds: from the first attempt to connect
    to the end, including time in which the machine slept. lost_seconds: of those, without a current picture. sha256: of the watched file;
    None if it is none, or if it was not read to its end yet.
    """

    begun_at: str
    watched_seconds: float
    lost_seconds: float
    outages: int
    status: FeedStatus
    counts: Counts
    delay: tuple[float, float] | None
    sha256: str | None = None


def stats_of(status: FeedStatus, counts: Counts) -> LiveStats:
    """The statistics for an update."""
    middle, late = counts.delay or (None, None)
    return LiveStats(
        frames_received=status.frames_received,
        frames_dropped=max(0, status.frames_received - counts.looked_at),
        frames_judged=counts.judged,
        received_fps=status.received_fps,
        judged_fps=counts.judged_fps,
        delay_median_seconds=middle,
        delay_p95_seconds=late,
        segments=status.segments,
        source_fps=status.source_fps,
    )


def summary_verdict(models: Models, source: Source, settings: LiveSettings, chronicle: Chronicle, facts: WatchFacts) -> Verdict:
    """The verdict on the whole watch: everyone who was seen, with their strongest evidence, and the coverage."""
    status, counts = facts.status, facts.counts
    lost = facts.outages > 0 or not counts.looked_at
    # If no frame ever arrived, the reason of the last failed attempt is the most informative.
    loss = status.reason if status.reason and not status.frames_received else "stream_lost"
    said = (*(loss,) * lost, *("corrupt",) * (status.frames_damaged > 0), *("unread_part",) * ("multi_video" in status.warnings))
    reasons = tuple(dict.fromkeys((*said, *status.end_reasons)))
    video = VideoFacts(
        duration_seconds=facts.watched_seconds,
        size_wh=status.size_wh,
        fps=status.source_fps,
        reader="live",
        frames_decoded=status.frames_received,
        frames_sampled=counts.looked_at,
        frames_judged=counts.judged,
        decode_errors=status.frames_damaged,
        reasons=reasons,
        warnings=status.warnings,
    )
    coverage = coverage_of(video)
    people = chronicle.people()
    everyone = (*people, *chronicle.unlisted())
    outcome, why = judge_video(everyone, coverage, counts.looked_at, models.limits.threshold)
    people = withheld(people, coverage)
    leader = leading_person(withheld(everyone, coverage))
    return Verdict(
        source=source.name,
        sha256=facts.sha256,
        size_bytes=size_of_hashed(facts.sha256, source.path),
        outcome=outcome,
        p_fake=leader.p_fake if leader else None,
        interval=leader.interval if leader else None,
        threshold=models.limits.threshold,
        operating_point=models.operating_point,
        coverage=coverage,
        reasons=tuple(dict.fromkeys((*reasons, *why))),
        warnings=video.warnings,
        video=video,
        people=people,
        frames=(),
        checkpoint=models.checkpoint.summary(),
        settings={**settings.to_dict(), **models.scorer.ran_on()},
        versions=versions(),
        timing_seconds={"total": facts.watched_seconds},
        scanned_at=facts.begun_at,
        detail=_detail(facts, chronicle),
    )


def summary_details(verdict: Verdict, chronicle: Chronicle, facts: WatchFacts) -> dict[str, Any]:
    """The fields of a whole input, plus those that only a watch has."""
    middle, late = facts.delay or (None, None)
    return {
        **verdict.to_dict(),
        "alarms": chronicle.alarms,
        "people_forgotten": chronicle.forgotten,
        "watched_seconds": round(facts.watched_seconds, 3),
        "lost_seconds": round(facts.lost_seconds, 3),
        "outages": facts.outages,
        "connections": facts.status.segments,
        "frames_dropped": max(0, facts.status.frames_received - facts.counts.looked_at),
        "delay_median_seconds": middle,
        "delay_p95_seconds": late,
    }


def _detail(facts: WatchFacts, chronicle: Chronicle) -> str:
    parts = [facts.status.message] if facts.status.message and not facts.status.frames_received else []
    if facts.outages:
        parts.append(f"no current picture for {facts.lost_seconds:.1f} of {facts.watched_seconds:.1f} seconds")
    if facts.status.frames_damaged:
        parts.append(f"{facts.status.frames_damaged} frames came damaged and were not judged")
    if chronicle.forgotten:
        parts.append(f"{chronicle.forgotten} people who were seen least are not listed")
    return "; ".join(parts)
