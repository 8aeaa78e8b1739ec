"""Labelled videos through the same pipeline as a scan -> scores. Does not know metrics or report formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from screener.evaluation.manifest import LabelledVideo
from screener.evaluation.videos import VideoScore, video_score
from screener.pipeline import Screener


def score_videos(screener: Screener, videos: Sequence[LabelledVideo], on_each: Callable[[int], None] = lambda _: None) -> list[VideoScore]:
    """Scan every video; `on_each` is called with how many are done. Videos that cannot be read or judged come back without logits."""
    scores = []
    for number, video in enumerate(videos, 1):
        scores.append(video_score(video, screener.scan(video.path)))
        on_each(number)
    return scores
