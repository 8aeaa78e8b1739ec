"""Scores of labelled videos in, the whole evaluation out: headline, slices, held-out calibration, items without a score, and every item.

Knows scores of videos and their origin. Does not scan, write or show anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from screener.checkpoint import Calibration
from screener.datasets import LABELS, LabelledItem
from screener.errors import CheckpointError, DatasetError
from screener.evaluation.figures import Data, Evaluation, ItemScore, Shortfall
from screener.evaluation.held_out import held_out_figures
from screener.evaluation.measurement import Sample, measure
from screener.evaluation.methods import family_of
from screener.evaluation.results import Origin, Row
from screener.evaluation.same_files import each_once
from screener.evaluation.slices import headline_of, slices_of
from screener.evaluation.videos import VideoScore, scores_of
from screener.verdict.judging import POOLING

NAMES = {label: name for name, label in LABELS.items()}


def evaluation_of(items: Sequence[LabelledItem], rows: Sequence[Row], origin: Origin, name: str) -> Evaluation:
    """Items, the result of each and the origin of the results -> the evaluation. name: of the data set.

    Duplicate files count once. Raises DatasetError if there is nothing to evaluate or one file has both labels, and CheckpointError if the
    results do not say how frames are pooled.
    """
    if not items:
        raise DatasetError(f"{name}: holds no videos or pictures to evaluate")
    items, rows, copies = each_once(items, rows)
    scores = scores_of(items, rows)
    pooling = pooling_of(origin)
    sample = Sample.of(scores, calibration_of(origin), pooling)
    title, mask = headline_of(scores)
    headline = sample.where(mask)
    return Evaluation(
        data=_data(scores, name, len(copies.left)),
        checkpoint=origin.checkpoint,
        settings=origin.settings,
        versions=_versions(rows),
        threshold=origin.threshold,
        operating_point=origin.operating_point,
        headline=measure("headline", title, headline, origin.threshold),
        slices={
            kind: tuple(measure(kind, part, sample.where(chosen), origin.threshold) for part, chosen in parts)
            for kind, parts in slices_of(scores).items()
        },
        held_out=held_out_figures(headline.scored().scores, pooling),
        not_scored=_not_scored(scores),
        items=tuple(_item(score, p_fake) for score, p_fake in zip(sample.scores, sample.p_fake.tolist(), strict=True)),
    )


def calibration_of(origin: Origin) -> Calibration:
    """The calibration with which the results were made."""
    values = origin.checkpoint.get("calibration")
    if not isinstance(values, dict):
        raise CheckpointError("the results do not say how their checkpoint was calibrated; scan again with this version of screener")
    return Calibration(**values)


def pooling_of(origin: Origin) -> str:
    """The rule by which a person's frames were pooled: the setting, or the checkpoint's."""
    pooling = origin.settings.get("pooling") or origin.checkpoint.get("pooling")
    if pooling not in POOLING:
        raise CheckpointError(f"the results do not say how frames are pooled (got {pooling!r}); name their checkpoint with --checkpoint")
    return str(pooling)


def _data(scores: Sequence[VideoScore], name: str, copies: int) -> Data:
    listed, content = hashlib.sha256(), hashlib.sha256()
    for score in sorted(scores, key=lambda score: score.video.name):
        video = score.video
        facts = (video.name, NAMES[video.label], video.group, video.split, video.method, video.set_name)
        listed.update("\t".join(facts).encode("utf-8", "surrogateescape") + b"\n")
        content.update(f"{video.name}\t{score.sha256}\n".encode("utf-8", "surrogateescape"))
    labels = [score.video.label for score in scores]
    coverage = [score.coverage for score in scores]
    return Data(
        name=name,
        items=len(scores),
        reals=labels.count(0),
        fakes=labels.count(1),
        groups=len({score.video.group for score in scores}),
        sets=tuple(sorted({score.video.set_name for score in scores} - {""})),
        list_sha256=listed.hexdigest(),
        content_sha256=content.hexdigest(),
        complete=coverage.count("complete"),
        partial=coverage.count("partial"),
        unread=coverage.count("none"),
        copies=copies,
        splits=tuple(sorted({score.video.split for score in scores} - {""})),
    )


def _versions(rows: Sequence[Row]) -> dict[str, str]:
    """Versions behind the results; several values if they changed during the work."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for name, version in row.get("versions", {}).items():
            found.setdefault(name, {})[version] = None
    return {name: ", ".join(versions) for name, versions in found.items()}


def _not_scored(scores: Sequence[VideoScore]) -> tuple[Shortfall, ...]:
    """By reason, most frequent first; an item with several reasons counts for each."""
    names: dict[str, list[str]] = {}
    for score in scores:
        if not score.is_scored:
            for reason in score.reasons or ("unknown",):
                names.setdefault(reason, []).append(score.video.name)
    return tuple(Shortfall(reason, tuple(found)) for reason, found in sorted(names.items(), key=lambda item: (-len(item[1]), item[0])))


def _item(score: VideoScore, p_fake: float) -> ItemScore:
    video = score.video
    return ItemScore(
        name=video.name,
        label=NAMES[video.label],
        method=video.method,
        family=family_of(video.method) if video.label else "",
        group=video.group,
        set_name=video.set_name,
        p_fake=p_fake if score.is_scored else None,
        outcome=score.outcome,
        coverage=score.coverage,
        reasons=score.reasons,
        frames_judged=len(score.logits),
        face_px=float(np.median(score.face_px)) if score.is_scored else None,
        sharpness=float(np.median(score.sharpness)) if score.is_scored else None,
    )
