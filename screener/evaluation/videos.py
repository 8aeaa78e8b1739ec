"""Verdicts on labelled videos in, one score per video for the metrics out, computed like the verdict.

Knows the public JSON of a scan. Does not know pixels, networks or metrics.

A video's score is that of its leading person. A video in which nobody could be judged has no score: it lowers coverage instead of counting
as 0.5. A still picture is a video of one frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.datasets import LabelledItem
from screener.errors import DatasetError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VideoScore:
    """A labelled video and the judged frames of its leading person, in time order; empty if nobody was judged.

    outcome, coverage, reasons: of the verdict.
    logits: (n,) uncalibrated log-odds of fake. face_px: (n,) shorter side of the face box, pixels. sharpness: (n,).
    codec: of the video. short_side_px: shorter side of its picture, 0 if nothing was decoded. sha256: of the file, or empty.
    others: logits of the other people who were judged, one of whom may lead under another calibration.
    """

    video: LabelledItem
    outcome: str
    coverage: str
    logits: Floats
    face_px: Floats
    sharpness: Floats
    reasons: tuple[str, ...] = ()
    codec: str = ""
    short_side_px: int = 0
    sha256: str = ""
    others: tuple[Floats, ...] = ()

    @property
    def is_scored(self) -> bool:
        """Whether it has a score."""
        return len(self.logits) > 0

    @property
    def people(self) -> tuple[Floats, ...]:
        """Logits of everyone who was judged, for a calibration that is yet to be fitted; the leading person's first."""
        return self.logits, *self.others


def video_score(video: LabelledItem, row: Mapping[str, Any]) -> VideoScore:
    """A video's public JSON (`Verdict.to_dict()`, or a line of `screener scan --jsonl`) -> its score.

    The leading person is the one with the highest pooled score among the fake ones, else among those judged, as thresholds are fitted. An
    undecided verdict may name another one, who leaves it undecided.
    """
    people = {person["track_id"]: person for person in row["people"]}
    by_track: dict[int, list[Mapping[str, Any]]] = {}
    for frame in row["frames"]:
        if not {"too_short", "out_of_range"} & set(people[frame["track_id"]]["reasons"]):
            by_track.setdefault(frame["track_id"], []).append(frame)
    ranked = sorted(by_track, key=lambda track_id: (people[track_id]["outcome"] == "fake", people[track_id]["p_fake"]), reverse=True)
    frames, *others = [sorted(by_track[track_id], key=lambda f: f["frame_index"]) for track_id in ranked] or [[]]
    boxes = np.array([f["box_xyxy"] for f in frames], np.float64).reshape(-1, 4)
    facts = row.get("video", {})
    return VideoScore(
        video,
        row["outcome"],
        row["coverage"],
        np.array([f["logit"] for f in frames], np.float64),
        np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]),
        np.array([f["sharpness"] for f in frames], np.float64),
        tuple(row.get("reasons", ())),
        str(facts.get("codec", "")),
        min(facts.get("size_wh", (0, 0))),
        row.get("sha256") or "",
        tuple(np.array([f["logit"] for f in one], np.float64) for one in others),
    )


def scores_of(videos: Sequence[LabelledItem], rows: Sequence[Mapping[str, Any]]) -> list[VideoScore]:
    """Videos and the row of each -> their scores, in the same order. Raises DatasetError for a row that a scan would not write."""
    return [_checked_score(video, row) for video, row in zip(videos, rows, strict=True)]


def _checked_score(video: LabelledItem, row: Mapping[str, Any]) -> VideoScore:
    try:
        score = video_score(video, row)
        if not all(np.isfinite(numbers).all() for numbers in (*score.people, score.face_px, score.sharpness)):
            raise ValueError("a number of its frames is not finite")
        return score
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DatasetError(f"{video.name}: its result is not as screener scan writes it ({error!r}); scan it again") from error


def labels_of(scores: Sequence[VideoScore]) -> NDArray[np.int64]:
    """(N,) labels, fake = 1."""
    return np.array([score.video.label for score in scores], np.int64)


def halves_by_group(scores: Sequence[VideoScore], seed: int = 0) -> NDArray[np.bool_]:
    """Mask of about half of the videos, in whole groups, for calibrating on one half and testing on the other."""
    groups = sorted({score.video.group for score in scores})
    chosen = set(np.random.default_rng(seed).permutation(groups)[: len(groups) // 2].tolist())
    return np.array([score.video.group in chosen for score in scores])
