"""Verdicts on labelled videos -> one score per video for the metrics, the same way the verdict is reached. Pure; knows no files.

A video's score is that of its leading person. A video in which nobody could be judged has no score: it lowers coverage instead of being
counted as 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.evaluation.manifest import LabelledVideo
from screener.records import Verdict

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VideoScore:
    """A labelled video and what was found in it. logits: (n,) of the judged frames of its leading person, in time order; may be empty."""

    video: LabelledVideo
    outcome: str
    coverage: str
    p_fake: float | None
    logits: Floats
    face_px: Floats
    sharpness: Floats


def video_score(video: LabelledVideo, verdict: Verdict) -> VideoScore:
    """The leading person is the one whose mean logit is highest among those judged in enough frames to matter."""
    by_track: dict[int, list[int]] = {}
    for i, frame in enumerate(verdict.frames):
        by_track.setdefault(frame.track_id, []).append(i)
    people = {person.track_id: person for person in verdict.people}
    judged = {t: rows for t, rows in by_track.items() if "too_short" not in people[t].reasons}
    rows = max(judged.values(), key=lambda r: float(np.mean([verdict.frames[i].logit for i in r])), default=[])
    frames = sorted((verdict.frames[i] for i in rows), key=lambda f: f.frame_index)
    return VideoScore(
        video,
        verdict.outcome,
        verdict.coverage,
        verdict.p_fake,
        np.array([f.logit for f in frames]),
        np.array([f.face_px for f in frames]),
        np.array([f.sharpness for f in frames]),
    )


def labels_of(scores: Sequence[VideoScore]) -> NDArray[np.int64]:
    return np.array([score.video.label for score in scores], np.int64)


def halves_by_group(scores: Sequence[VideoScore], seed: int = 0) -> NDArray[np.bool_]:
    """Marks about half of the videos, whole groups at a time, for calibrating on one half and testing on the other."""
    groups = sorted({score.video.group for score in scores})
    chosen = set(np.random.default_rng(seed).permutation(groups)[: len(groups) // 2].tolist())
    return np.array([score.video.group in chosen for score in scores])
