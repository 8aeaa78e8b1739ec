"""Scores of faces in, the verdict on each person and on the video out: calibration, pooling, interval, abstention. No torch, no files.

Does not know pixels or networks. To add a pooling rule, write a function and add one line to `POOLING`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from screener.records import FaceCrop, FaceScore, Segment, TrackVerdict, VideoFacts
from screener.verdict.student import t_quantile

Floats = NDArray[np.float64]

INTERVAL_SHARE = 0.90
RESAMPLES = 400
RESAMPLING_SEED = 20220407
MOST_PICKED = 1_000_000
"""Scores drawn at a time by the bootstrap, so that a long video with all frames judged does not exhaust the memory."""

TRIMMED_SHARE = 0.10
GAP_FACTOR = 3.0
"""A time step of more than this many median steps is an absence."""

SEGMENT_SAMPLES = 3
SEGMENT_SECONDS = 0.3
"""Minimum length of a suspicious segment, besides its number of judged frames, because neighbouring frames repeat each other."""

MATTERING_SHARE = 0.10
"""People seen in too few frames to be judged do not affect the video's outcome while together they fill less than this share of the sampled
frames.
"""

NEAR_THRESHOLD = ("near_threshold",)
PARTLY_JUDGED = ("partly_judged",)
"""Reasons of people who have a score that can be compared with the thresholds, and are undecided all the same."""


@dataclass(frozen=True)
class Limits:
    """Requirements for judging a person, and the decision thresholds.

    threshold: a person whose pooled score is at or above it is fake. genuine_below: below it the person is genuine; between the two
    undecided.
    min_frames: number of judged frames needed. face_px, sharpness: range of medians that the checkpoint was calibrated on.
    """

    threshold: float
    genuine_below: float
    min_frames: int
    pooling: str = "trimmed_mean"
    face_px: tuple[float, float] = (0.0, float("inf"))
    sharpness: tuple[float, float] = (0.0, float("inf"))


@dataclass
class Sighting:
    """Counts and measurements of one person's faces, judged or not; a few numbers per frame."""

    track_id: int
    first_seconds: float
    last_seconds: float
    frames_seen: int
    face_px: list[float]
    too_small: int = 0
    too_blurred: int = 0


def calibrated(logit: float, temperature: float, bias: float) -> float:
    """Uncalibrated log-odds -> probability of fake: 1 / (1 + exp(-(logit / temperature + bias))) (Platt 1999; Guo et al. 2017)."""
    return float(1.0 / (1.0 + np.exp(-np.clip(logit / temperature + bias, -60, 60))))


def score_of(crop: FaceCrop, logit: float, temperature: float, bias: float) -> FaceScore:
    """What is kept of a crop once it is scored: everything but its pixels. temperature, bias: as in `calibrated`."""
    return FaceScore(
        track_id=crop.track_id,
        frame_index=crop.frame_index,
        pts_seconds=crop.pts_seconds,
        logit=float(logit),
        p_fake=calibrated(float(logit), temperature, bias),
        box_xyxy=crop.box.box_xyxy,
        confidence=crop.box.confidence,
        face_px=crop.box.size_px,
        sharpness=crop.sharpness,
    )


def pool_mean(p_fake: Floats) -> Floats:
    """Mean over the frames."""
    return np.asarray(p_fake.mean(-1))


def pool_trimmed_mean(p_fake: Floats) -> Floats:
    """Mean without the lowest and highest tenth, so that a few bad frames (motion blur, a half-turned face) have no influence."""
    drop = int(p_fake.shape[-1] * TRIMMED_SHARE)
    kept = np.sort(p_fake, -1)[..., drop : p_fake.shape[-1] - drop]
    return np.asarray(kept.mean(-1))


def pool_median(p_fake: Floats) -> Floats:
    """Median over the frames, which stays right if fewer than half of them are wrong."""
    return np.asarray(np.median(p_fake, -1))


POOLING: dict[str, Callable[[Floats], Floats]] = {"mean": pool_mean, "trimmed_mean": pool_trimmed_mean, "median": pool_median}
"""Rules that turn one person's scores (..., frames) into one score (...)."""


def interval(p_fake: Floats, pooling: str) -> tuple[float, float] | None:
    """Central 90 % range of the pooled score, by a moving-block bootstrap over frames in time order; None for a single frame.

    Neighbouring frames repeat each other, so blocks of n^(1/3) frames are drawn instead of single frames (Kuensch 1989). A bootstrap of few
    frames is too narrow: its deviations are widened by the ratio of Student's t to the normal quantile and by sqrt(n / (n - 1)).
    """
    n = len(p_fake)
    if n < 2:
        return None
    block = max(1, round(n ** (1 / 3)))
    rng = np.random.default_rng(RESAMPLING_SEED)
    starts = rng.integers(0, n - block + 1, (RESAMPLES, -(-n // block)))
    pool = POOLING[pooling]
    parts = np.array_split(starts, min(RESAMPLES, 1 + RESAMPLES * n // MOST_PICKED))
    pooled = np.concatenate([pool(p_fake[(part[..., None] + np.arange(block)).reshape(len(part), -1)[:, :n]]) for part in parts])
    centre = float(pool(p_fake))
    tail = (1 - INTERVAL_SHARE) / 2
    blocks = max(1, n // block - 1)
    widen = t_quantile(1 - tail, blocks) / NormalDist().inv_cdf(1 - tail) * np.sqrt(n / (n - 1))
    low, high = np.quantile(pooled, (tail, 1 - tail))
    return float(max(0.0, min(centre, centre + (low - centre) * widen))), float(min(1.0, max(centre, centre + (high - centre) * widen)))


def suspicious_segments(seconds: Floats, p_fake: Floats, threshold: float) -> tuple[Segment, ...]:
    """Stretches of at least SEGMENT_SAMPLES judged frames and SEGMENT_SECONDS whose running median of three is at or above the threshold.

    A stretch reaches halfway to the judged frames around it.
    """
    n = len(p_fake)
    if n < SEGMENT_SAMPLES:
        return ()
    steps = np.diff(seconds)
    # Frames with the same timestamp are one moment; their zero steps must not affect the usual step.
    moving = steps[steps > 0]
    away = np.flatnonzero(steps > GAP_FACTOR * np.median(moving)) + 1 if len(moving) else steps[:0].astype(np.intp)
    if len(away):
        # Absences split the track: a segment must not span a time when the person is not visible.
        stays = zip(np.split(seconds, away), np.split(p_fake, away), strict=True)
        return tuple(segment for stay in stays for segment in suspicious_segments(*stay, threshold))
    padded = np.concatenate([p_fake[:1], p_fake, p_fake[-1:]])
    high = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), 0) >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8)))
    found = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= SEGMENT_SAMPLES:
            begin = seconds[start] if start == 0 else (seconds[start - 1] + seconds[start]) / 2
            end = seconds[stop - 1] if stop == n else (seconds[stop - 1] + seconds[stop]) / 2
            if end - begin >= SEGMENT_SECONDS:
                found.append(Segment(float(begin), float(end), float(p_fake[start:stop].mean())))
    return tuple(found)


def judge_person(
    seen: Sighting, scores: Sequence[FaceScore], limits: Limits, is_still: bool, closer: Sequence[FaceScore] = ()
) -> TrackVerdict:
    """One person's scores -> verdict; undecided with its reasons if the evidence does not support a decision.

    closer: scores of additional frames that were examined because something near them looked fake. They locate segments, and count in the
    pooled score only if the person cannot be judged without them; otherwise they would give that part too much weight.
    """
    everything = _in_time([*scores, *closer])
    ordered = _in_time(scores) if len(scores) >= limits.min_frames else everything
    p_fake = np.array([s.p_fake for s in ordered])
    reasons = _reasons(seen, ordered, limits, is_still)
    pooled = float(POOLING[limits.pooling](p_fake)) if len(p_fake) else None
    between = interval(p_fake, limits.pooling) if len(p_fake) else None
    segments = suspicious_segments(
        np.array([s.pts_seconds for s in everything]), np.array([s.p_fake for s in everything]), limits.threshold
    )
    outcome = "undecided"
    if pooled is not None and not reasons:
        outcome = _decide(pooled, between or (pooled, pooled), limits, bool(segments))
        reasons = NEAR_THRESHOLD if outcome == "undecided" else ()
    return TrackVerdict(
        track_id=seen.track_id,
        outcome=outcome,
        p_fake=pooled,
        interval=between,
        first_seconds=seen.first_seconds,
        last_seconds=seen.last_seconds,
        frames_seen=seen.frames_seen,
        frames_judged=len(everything),
        face_px_median=float(np.median(seen.face_px)) if seen.face_px else 0.0,
        segments=segments,
        reasons=reasons,
    )


def _in_time(scores: Sequence[FaceScore]) -> list[FaceScore]:
    return sorted(scores, key=lambda s: (s.pts_seconds, s.frame_index))


def _decide(pooled: float, between: tuple[float, float], limits: Limits, has_segments: bool) -> str:
    if pooled >= limits.threshold and between[0] >= limits.genuine_below:
        return "fake"
    # A mean that dilutes a suspicious segment must not make the person genuine.
    if pooled < limits.genuine_below and between[1] < limits.threshold and not has_segments:
        return "genuine"
    return "undecided"


def _reasons(seen: Sighting, scores: Sequence[FaceScore], limits: Limits, is_still: bool) -> tuple[str, ...]:
    """Reasons that prevent judging this person, regardless of the scores."""
    if not scores:
        return ("too_small",) if seen.too_small >= seen.too_blurred else ("low_quality",)
    if not is_still and len(scores) < limits.min_frames:
        cause = {"too_small": seen.too_small, "low_quality": seen.too_blurred}
        return (*(reason for reason, count in cause.items() if count > len(scores)), "too_short")
    face_px = float(np.median([s.face_px for s in scores]))
    sharpness = float(np.median([s.sharpness for s in scores]))
    inside = limits.face_px[0] <= face_px <= limits.face_px[1] and limits.sharpness[0] <= sharpness <= limits.sharpness[1]
    return () if inside else ("out_of_range",)


def deciding_people(people: Sequence[TrackVerdict], frames_sampled: int, threshold: float) -> list[TrackVerdict]:
    """The people whose outcome counts for the video: everyone judged, and brief appearances that are too many or too suspicious to ignore.

    A passer-by who was always too small never counts. Brief appearances count together, because a forger could cut one person into many of
    them.
    """
    glimpses = [person for person in people if _is_glimpse(person)]
    too_many = sum(person.frames_seen for person in glimpses) >= MATTERING_SHARE * frames_sampled
    suspicious = [person for person in glimpses if person.p_fake is not None and person.p_fake >= threshold]
    counted = glimpses if too_many else suspicious
    return [person for person in people if person in counted or not (_is_passer_by(person) or _is_glimpse(person))]


def _is_passer_by(person: TrackVerdict) -> bool:
    return not person.frames_judged and person.reasons[:1] == ("too_small",)


def _is_glimpse(person: TrackVerdict) -> bool:
    """Whether a person was seen in too few usable frames to be judged; blurred frames count as little as missing ones."""
    return not _is_passer_by(person) and ("too_short" in person.reasons or person.reasons == ("low_quality",))


def judge_video(people: Sequence[TrackVerdict], coverage: str, frames_sampled: int, threshold: float) -> tuple[str, tuple[str, ...]]:
    """People and coverage -> outcome of the video, and the reasons if it is undecided.

    Fake if any person is; genuine if coverage is complete and every person that matters is genuine; otherwise undecided.
    """
    if any(person.outcome == "fake" for person in people):
        return "fake", ()
    deciding = deciding_people(people, frames_sampled, threshold)
    if not people:
        return "undecided", ("no_face",) if frames_sampled else ()
    if not deciding:
        return "undecided", _distinct(people)
    undecided = [person for person in deciding if person.outcome != "genuine"]
    if undecided:
        return "undecided", _distinct(undecided)
    return ("genuine" if coverage == "complete" else "undecided"), ()


def coverage_of(facts: VideoFacts) -> str:
    """`none` if no frame could be decoded, `partial` if the reader gave any reason, else `complete`."""
    if not facts.frames_sampled:
        return "none"
    return "partial" if facts.reasons else "complete"


def withheld(people: Sequence[TrackVerdict], coverage: str) -> tuple[TrackVerdict, ...]:
    """The people as they may be reported: unless coverage is complete nobody is genuine, as what was not judged may show them forged."""
    if coverage == "complete":
        return tuple(people)
    return tuple(
        replace(person, outcome="undecided", reasons=PARTLY_JUDGED) if person.outcome == "genuine" else person for person in people
    )


def _distinct(people: Sequence[TrackVerdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for person in people for reason in person.reasons))


def leading_person(people: Sequence[TrackVerdict]) -> TrackVerdict | None:
    """The person whose score represents the video: of the fake ones, else of those who leave it undecided, else of all judged, the one with
    the highest pooled score.
    """
    judged = [
        person
        for person in people
        if person.p_fake is not None and (person.outcome != "undecided" or person.reasons in (NEAR_THRESHOLD, PARTLY_JUDGED))
    ]
    if not judged:
        return None
    return max(judged, key=lambda person: (person.outcome == "fake", person.reasons == NEAR_THRESHOLD, person.p_fake or 0.0))
