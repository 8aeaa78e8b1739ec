"""Two people in a clip, each judged by their own face, with the same scores in any batch, entry point and run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import JUDGED_FRAMES, PASSES_ALL, run_here

from screener import FaceScore, ScanSettings, Screener, scan_stream
from screener.report.html import page_html
from screener.scoring import TOLERANCE_P_FAKE

OPTIONS = [
    "--json",
    "--frames",
    str(JUDGED_FRAMES),
    "--threshold",
    str(PASSES_ALL),
    "--dtype",
    "float32",
    "--device",
    "cpu",
    "--checkpoint",
]
TOLERANCE = TOLERANCE_P_FAKE["float32"] + 1e-4
"""The last term for the rounding of the public JSON."""


def scan_pair(media: Path, checkpoint: Path, batch_size: int) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(run_here("scan", media / "pair.mp4", *OPTIONS, checkpoint, "--batch-size", str(batch_size)).out)
    return row


@pytest.fixture(scope="module")
def row(media: Path, checkpoint: Path) -> dict[str, Any]:
    return scan_pair(media, checkpoint, 32)


@pytest.fixture(scope="module")
def streamed(media: Path, checkpoint: Path) -> list[FaceScore]:
    settings = ScanSettings(frames=JUDGED_FRAMES, device="cpu", dtype="float32", batch_size=3)
    return list(scan_stream(media / "pair.mp4", settings, checkpoint))


def of_person(row: dict[str, Any], track_id: int) -> list[dict[str, Any]]:
    return [frame for frame in row["frames"] if frame["track_id"] == track_id]


def test_each_person_has_their_own_frames_and_score(row: dict[str, Any]) -> None:
    assert [person["track_id"] for person in row["people"]] == [1, 2]
    assert [person["frames_judged"] for person in row["people"]] == [JUDGED_FRAMES, JUDGED_FRAMES]
    left, right = (of_person(row, person["track_id"]) for person in row["people"])
    middle = row["video"]["size_wh"][0] / 2
    assert all(frame["box_xyxy"][0] < middle for frame in left)
    assert all(frame["box_xyxy"][2] > middle + 20 for frame in right)
    assert abs(row["people"][0]["p_fake"] - row["people"][1]["p_fake"]) > 0.01
    for person, frames in zip(row["people"], (left, right), strict=True):
        scores = [frame["p_fake"] for frame in frames]
        assert min(scores) <= person["p_fake"] <= max(scores)


def test_the_report_shows_the_frame_that_decides_with_both_people(media: Path, checkpoint: Path, row: dict[str, Any]) -> None:
    settings = ScanSettings(frames=JUDGED_FRAMES, device="cpu", dtype="float32")
    verdict = Screener(settings, checkpoint).scan(media / "pair.mp4")
    decides = max(row["people"], key=lambda person: person["p_fake"])
    highest = max(of_person(row, decides["track_id"]), key=lambda frame: frame["p_fake"])
    scene = verdict.scene
    assert scene is not None and scene.frame_index == highest["frame_index"]
    assert scene.size_wh == tuple(row["video"]["size_wh"])
    assert max(scene.picture_rgb.shape) == min(640, max(scene.size_wh))
    page = page_html(verdict)
    assert page.count('<rect class="box"') == 2
    assert Screener(replace(settings, thumbnails=0), checkpoint).scan(media / "pair.mp4").scene is None


def test_one_fake_person_makes_the_clip_fake(media: Path, checkpoint: Path, row: dict[str, Any]) -> None:
    scores = [person["p_fake"] for person in row["people"]]
    suspect = row["people"][scores.index(max(scores))]
    options = [*OPTIONS, checkpoint, "--threshold", f"{suspect['interval'][0] - 0.001:.4f}"]
    judged = json.loads(run_here("scan", media / "pair.mp4", *options).out)
    assert judged["outcome"] == "fake"
    assert judged["people"][suspect["track_id"] - 1]["outcome"] == "fake"
    assert judged["p_fake"] == max(scores)


def test_the_size_of_a_batch_does_not_change_a_score(media: Path, checkpoint: Path, row: dict[str, Any]) -> None:
    alone = scan_pair(media, checkpoint, 1)
    assert_same_scores(row["frames"], alone["frames"])


def test_streaming_gives_the_scores_of_a_scan(row: dict[str, Any], streamed: list[FaceScore]) -> None:
    frames = [
        {"frame_index": score.frame_index, "track_id": score.track_id, "p_fake": score.p_fake, "box_xyxy": score.box_xyxy}
        for score in streamed
    ]
    assert_same_scores(row["frames"], frames)


def test_streaming_follows_the_order_of_the_frames(streamed: list[FaceScore]) -> None:
    assert len(streamed) == 2 * JUDGED_FRAMES
    assert [score.frame_index for score in streamed] == sorted(score.frame_index for score in streamed)
    assert [score.pts_seconds for score in streamed] == sorted(score.pts_seconds for score in streamed)


def test_two_runs_agree_to_the_digit(media: Path, checkpoint: Path, row: dict[str, Any]) -> None:
    again = scan_pair(media, checkpoint, 32)
    assert {**again, "timing_seconds": {}, "scanned_at": ""} == {**row, "timing_seconds": {}, "scanned_at": ""}


def test_what_was_judged_before_does_not_change_a_score(media: Path, loaded: Screener, row: dict[str, Any]) -> None:
    loaded.scan(media / "face.png")
    assert_same_scores(row["frames"], loaded.scan(media / "pair.mp4").to_dict()["frames"])


def assert_same_scores(expected: list[dict[str, Any]], frames: list[dict[str, Any]]) -> None:
    assert [(f["frame_index"], f["track_id"]) for f in frames] == [(f["frame_index"], f["track_id"]) for f in expected]
    for one, other in zip(expected, frames, strict=True):
        assert one["p_fake"] == pytest.approx(other["p_fake"], abs=TOLERANCE)
        assert one["box_xyxy"] == pytest.approx(list(other["box_xyxy"]), abs=0.1)
