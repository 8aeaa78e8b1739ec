"""The stress test of a scan: every judged face again after each of the changes in `STRESS`, and the verdicts after those.

A change is made to the surroundings of a face at the frame's own resolution, then the face is cropped and judged by the rules of any scan,
with the box that was found before the change. So people stay who they are, single passes over any source suffice, memory does not grow, and
what differs is the network's answer alone; whether the detector would still find the face is not asked. Crops that are enlarged or reduced
to the network's input already would hardly feel a codec.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from screener.checkpoint import Calibration
from screener.model.preprocessing import Preprocessing, crop_face, cut_square, sharpness, square_around
from screener.perturbation.applied import STRESS, Applied
from screener.record_stress import ChangedCrop, Stressed, StressedPerson
from screener.records import FaceBox, FaceCrop, FaceScore, Frame, TrackVerdict
from screener.scoring import Scorer
from screener.verdict.judging import Limits, Sighting, judge_person, judge_video, leading_person, score_of, withheld

AROUND_PX = 32
"""Pixels around a crop that are changed with it, so that blur and block borders continue past its edge."""


class Changes:
    """Makes the changed crops of a face. min_face_px, min_sharpness: as for crops that are not changed."""

    def __init__(self, contract: Preprocessing, min_face_px: int, min_sharpness: float) -> None:
        self._contract, self._min_face_px, self._min_sharpness = contract, min_face_px, min_sharpness

    def __call__(self, frame: Frame, box: FaceBox) -> tuple[ChangedCrop, ...]:
        """The face after each change, in the order of `STRESS`."""
        x, y, side = square_around(box.box_xyxy, self._contract.crop_margin)
        whole = round(side) + 2 * AROUND_PX
        around = cut_square(frame.picture_rgb, x, y, whole)
        corner = np.array([round(x - whole / 2), round(y - whole / 2)] * 2)
        return tuple(self._changed(applied, around, box.box_xyxy - corner, box.size_px, frame.index) for applied in STRESS)

    def _changed(
        self, applied: Applied, around: NDArray[np.uint8], box_xyxy: NDArray[np.floating], size_px: float, frame_index: int
    ) -> ChangedCrop:
        changed = applied.picture(around, frame_index=frame_index)
        scale = changed.shape[1] / around.shape[1]
        crop = crop_face(changed, box_xyxy * scale, self._contract)
        sharp = sharpness(crop)
        fate = "too_small" if size_px * scale < self._min_face_px else "too_blurred" if sharp < self._min_sharpness else "crop"
        return ChangedCrop(fate, crop, size_px * scale, sharp)


class StressTest:
    """Collects the scores of changed crops, batch by batch; `people` then judges everyone after each change."""

    def __init__(self, scorer: Scorer, calibration: Calibration) -> None:
        self._scorer, self._calibration = scorer, calibration
        self._scores: list[list[FaceScore]] = [[] for _ in STRESS]
        self._lost: list[Counter[tuple[int, str]]] = [Counter() for _ in STRESS]

    def take(self, crops: Sequence[FaceCrop]) -> None:
        """Score the changed crops of some faces; no pixels are kept. Raises DeviceError."""
        wanted: list[tuple[int, FaceCrop, ChangedCrop]] = []
        for crop in crops:
            for number, changed in enumerate(crop.changed):
                if changed.fate == "crop":
                    wanted.append((number, crop, changed))
                else:
                    self._lost[number][crop.track_id, changed.fate] += 1
        if not wanted:
            return
        logits = self._scorer.logits(np.stack([changed.crop_rgb for _, _, changed in wanted]))
        for (number, crop, changed), logit in zip(wanted, logits, strict=True):
            score = score_of(crop, float(logit), self._calibration.temperature, self._calibration.bias)
            self._scores[number].append(replace(score, face_px=changed.face_px, sharpness=changed.sharpness))

    def people(self, sightings: Mapping[int, Sighting], limits: Limits, is_still: bool) -> list[tuple[TrackVerdict, ...]]:
        """The verdict on each person after each change, in the order of `STRESS`; limits: those that hold without a change."""
        return [
            tuple(self._judged(number, sightings[track_id], limits, is_still) for track_id in sorted(sightings))
            for number in range(len(STRESS))
        ]

    def _judged(self, number: int, seen: Sighting, limits: Limits, is_still: bool) -> TrackVerdict:
        lost = self._lost[number]
        changed = replace(
            seen,
            too_small=seen.too_small + lost[seen.track_id, "too_small"],
            too_blurred=seen.too_blurred + lost[seen.track_id, "too_blurred"],
        )
        return judge_person(changed, [score for score in self._scores[number] if score.track_id == seen.track_id], limits, is_still)


def stressed(
    people: Sequence[TrackVerdict], after: Sequence[tuple[TrackVerdict, ...]], coverage: str, frames_sampled: int, threshold: float
) -> tuple[Stressed, ...]:
    """People judged without and after each change -> the video's verdict after each; nothing if nobody was judged."""
    judged = {person.track_id for person in people if person.frames_judged}
    return tuple(
        _stressed(applied, withheld(changed, coverage), judged, judge_video(changed, coverage, frames_sampled, threshold))
        for applied, changed in zip(STRESS, after, strict=True)
        if judged
    )


def _stressed(applied: Applied, people: tuple[TrackVerdict, ...], judged: set[int], found: tuple[str, tuple[str, ...]]) -> Stressed:
    outcome, reasons = found
    leader = leading_person(people)
    return Stressed(
        kind=applied.kind,
        level=applied.level,
        words=applied.words,
        outcome=outcome,
        p_fake=leader.p_fake if leader else None,
        reasons=reasons,
        people=tuple(
            StressedPerson(person.track_id, person.outcome, person.p_fake, person.reasons) for person in people if person.track_id in judged
        ),
    )
