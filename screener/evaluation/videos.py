"""Verdicts on labelled videos -> one score per video for the metrics, the same way the verdict is reached.

Knows the public JSON of a scan. Does not know pixels, networks or metrics.

A video's score is that of its leading person. A video in which nobody could be judged has no score: it lowers coverage instead of being
counted as 0.5.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import DatasetError
from screener.evaluation.manifest import LabelledVideo

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VideoScore:
    """A labelled video and what was found in it: of the judged frames of its leading person, in time order; empty if nobody was judged.

    logits: (n,) uncalibrated log-odds of fake. face_px: (n,) shorter side of the face box, pixels. sharpness: (n,).
    """

    video: LabelledVideo
    outcome: str
    coverage: str
    logits: Floats
    face_px: Floats
    sharpness: Floats


def video_score(video: LabelledVideo, row: Mapping[str, Any]) -> VideoScore:
    """A video's public JSON (`Verdict.to_dict()`, or a line of `screener scan --jsonl`) -> its score.

    The leading person is the one whose mean logit is highest among those that could be judged.
    """
    reasons = {person["track_id"]: person["reasons"] for person in row["people"]}
    by_track: dict[int, list[Mapping[str, Any]]] = {}
    for frame in row["frames"]:
        if not {"too_short", "out_of_range"} & set(reasons[frame["track_id"]]):
            by_track.setdefault(frame["track_id"], []).append(frame)
    leading = max(by_track.values(), key=lambda frames: float(np.mean([f["logit"] for f in frames])), default=[])
    frames = sorted(leading, key=lambda f: f["frame_index"])
    boxes = np.array([f["box_xyxy"] for f in frames], np.float64).reshape(-1, 4)
    return VideoScore(
        video,
        row["outcome"],
        row["coverage"],
        np.array([f["logit"] for f in frames], np.float64),
        np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]),
        np.array([f["sharpness"] for f in frames], np.float64),
    )


def read_scores(results: Path, videos: Sequence[LabelledVideo]) -> list[VideoScore]:
    """The scores of labelled videos from the file that `screener scan --jsonl -o` wrote; raises DatasetError when one is missing.

    Files are matched by their real paths, relative ones from the present folder.
    """
    try:
        rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
        by_path = {os.path.realpath(row["source"]): row for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{results}: cannot be read as results of screener scan --jsonl: {error}") from error
    missing = [video.name for video in videos if os.path.realpath(video.path) not in by_path]
    if missing:
        raise DatasetError(f"{results}: lacks {len(missing)} of {len(videos)} videos, such as {missing[0]}; scan them too")
    return [video_score(video, by_path[os.path.realpath(video.path)]) for video in videos]


def labels_of(scores: Sequence[VideoScore]) -> NDArray[np.int64]:
    return np.array([score.video.label for score in scores], np.int64)


def halves_by_group(scores: Sequence[VideoScore], seed: int = 0) -> NDArray[np.bool_]:
    """Marks about half of the videos, whole groups at a time, for calibrating on one half and testing on the other."""
    groups = sorted({score.video.group for score in scores})
    chosen = set(np.random.default_rng(seed).permutation(groups)[: len(groups) // 2].tolist())
    return np.array([score.video.group in chosen for score in scores])
