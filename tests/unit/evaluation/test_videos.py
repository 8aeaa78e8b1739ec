"""Public JSON to one score per video: the leading person, no score if nobody was judged, and whole groups in each half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from screener.datasets import LabelledItem
from screener.errors import DatasetError
from screener.evaluation.methods import BLENDING, FAMILIES, family_of, generator_of
from screener.evaluation.videos import halves_by_group, labels_of, scores_of, video_score

from .made import frame, person_of
from .made import row as whole_row


def video(name: str = "a.mp4", label: int = 1, group: str = "g") -> LabelledItem:
    return LabelledItem(Path(name), name, label, group)


def row(people: dict[int, list[str]], frames: list[dict[str, Any]], source: str = "a.mp4") -> dict[str, Any]:
    listed = [
        person_of(track_id, [one["logit"] for one in frames if one["track_id"] == track_id], reasons)
        for track_id, reasons in people.items()
    ]
    return whole_row(source, outcome="fake", reasons=[], people=listed, frames=frames)


def test_the_leading_person_in_time_order() -> None:
    frames = [frame(1, 0, -1.0), frame(2, 9, 3.0), frame(2, 3, 1.0), frame(3, 5, 9.0)]
    score = video_score(video(), row({1: [], 2: ["near_threshold"], 3: ["too_short"]}, frames))
    np.testing.assert_array_equal(score.logits, [1.0, 3.0])
    np.testing.assert_array_equal(score.face_px, [50.0, 50.0])
    np.testing.assert_array_equal(score.sharpness, [7.0, 7.0])


def test_the_leading_person_is_that_of_the_verdict() -> None:
    """A few frames of one person have enormous logits: their mean is higher, and the probabilities of the other are."""
    frames = [*(frame(1, i, 9.0 if i < 3 else -2.0) for i in range(8)), *(frame(2, i, 1.5) for i in range(8))]
    judged = {track_id: [one["logit"] for one in frames if one["track_id"] == track_id] for track_id in (1, 2)}
    assert np.mean(judged[1]) > np.mean(judged[2])
    people = [person_of(track_id, logits) for track_id, logits in judged.items()]
    score = video_score(video(), whole_row("a.mp4", people=people, frames=frames))
    np.testing.assert_array_equal(score.logits, judged[2])
    assert [logits.tolist() for logits in score.people] == [judged[2], judged[1]]
    # The score of a fake person comes first, even if one who is undecided scores higher.
    people[0]["outcome"] = "fake"
    np.testing.assert_array_equal(video_score(video(), whole_row("a.mp4", people=people, frames=frames)).logits, judged[1])


def test_nobody_judged_is_no_score() -> None:
    score = video_score(video(), row({3: ["too_short"]}, [frame(3, 5, 9.0)]))
    assert score.logits.shape == score.face_px.shape == (0,) and score.others == ()


def test_facts_of_the_video_come_along() -> None:
    score = video_score(video(), whole_row("a.mp4", [1.0], video={"codec": "av1", "size_wh": [640, 360]}, sha256="cd" * 32))
    assert (score.codec, score.short_side_px, score.sha256, score.is_scored) == ("av1", 360, "cd" * 32, True)
    nobody = video_score(video(), whole_row("a.mp4", [], coverage="none", reasons=["not_found"], sha256=None))
    assert (nobody.reasons, nobody.coverage, nobody.sha256, nobody.is_scored) == (("not_found",), "none", "", False)


def test_a_result_that_is_none_is_named() -> None:
    with pytest.raises(DatasetError, match=r"b\.mp4: its result is not as screener scan writes it .* scan it again"):
        scores_of([video(), video("b.mp4")], [whole_row("a.mp4", [1.0]), whole_row("b.mp4", [1.0], people=[])])


def test_halves_keep_groups_whole() -> None:
    scores = [video_score(video(f"{i}.mp4", i % 2, f"g{i // 4}"), row({}, [])) for i in range(40)]
    half = halves_by_group(scores, seed=3)
    assert 0 < half.sum() < 40
    for group in range(10):
        assert len(set(half[4 * group : 4 * group + 4])) == 1
    assert labels_of(scores).tolist() == [0, 1] * 20


def test_families() -> None:
    assert family_of("DeepFaceLive DFM face swap") == "swap"
    assert family_of(" Wav2Lip-HD") == "lip-sync"
    assert family_of("VASA-1") == "whole face"
    assert family_of("unheard of") == "other"
    assert family_of("Celeb-synthesis") == family_of("dfdc") == family_of("FaceShifter") == "swap"
    assert set(BLENDING) < set(FAMILIES)


def test_generators() -> None:
    assert generator_of("AniTalker + SR") == generator_of("AniTalker") == "AniTalker"
    assert generator_of("DiffDub (few_shot)") == "DiffDub"
    assert generator_of("+ SR") == "+ SR"
    assert generator_of("") == ""


@pytest.mark.parametrize("changed", ["logit", "sharpness", "box_xyxy"])
def test_a_result_with_a_score_that_is_no_number_is_named(changed: str) -> None:
    """Python's JSON reads NaN; a fit to it would leave the logits as they are and say nothing."""
    broken = whole_row("b.mp4", [1.0, 2.0])
    broken["frames"][1][changed] = [10.0, float("nan"), 60.0, 90.0] if changed == "box_xyxy" else float("nan")
    with pytest.raises(DatasetError, match=r"b\.mp4: its result is not as screener scan writes it .*not finite.* scan it again"):
        scores_of([video("b.mp4"), video()], [broken, whole_row("a.mp4", [1.0])])
