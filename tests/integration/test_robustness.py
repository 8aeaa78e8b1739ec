"""Perturbed frames and clips through the whole scan, with real faces and a tiny network."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import JUDGED_FRAMES, PASSES_ALL, run_here
from face_media import pair, portrait, stranger, write_clip, write_picture
from prepared_command import start_prepared

from screener import ScanSettings, Screener
from screener.datasets import LabelledItem
from screener.evaluation.perturbed_screener import SETTING, PerturbedScreener
from screener.evaluation.robustness import perturbed_evaluation
from screener.perturbation.applied import Applied
from screener.records import Frame, Verdict
from screener.report.progress import QuietProgress
from screener.runtime.file_hash import sha256_of


def logits(verdict: Verdict) -> list[float]:
    return [score.logit for score in verdict.frames]


@pytest.fixture(scope="module")
def perturbed(checkpoint: Path) -> PerturbedScreener:
    return PerturbedScreener(ScanSettings(frames=JUDGED_FRAMES, threshold=PASSES_ALL, device="cpu", dtype="float32"), checkpoint)


def scanned(screener: PerturbedScreener, path: Path, kind: str, strength: int) -> Verdict:
    screener.applied = Applied(kind, strength)
    try:
        return screener.scan(path)
    finally:
        screener.applied = None


def test_a_transform_sees_whole_frames_before_faces_are_looked_for(loaded: Screener, media: Path) -> None:
    seen: list[Frame] = []

    def blackened(frame: Frame) -> Frame:
        seen.append(frame)
        return replace(frame, picture_rgb=np.zeros_like(frame.picture_rgb))

    verdict = loaded.scan(media / "one.mp4", frame_transform=blackened)
    assert (verdict.outcome, verdict.reasons, verdict.coverage) == ("undecided", ("no_face",), "complete")
    assert len(seen) == JUDGED_FRAMES and {frame.size_wh for frame in seen} == {(176, 176)}


def test_a_transform_that_changes_nothing_changes_nothing(loaded: Screener, media: Path) -> None:
    assert logits(loaded.scan(media / "one.mp4", frame_transform=lambda frame: frame)) == logits(loaded.scan(media / "one.mp4"))


def test_a_raising_transform_ends_the_scan(loaded: Screener, media: Path) -> None:
    def fail(frame: Frame) -> Frame:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loaded.scan(media / "one.mp4", frame_transform=fail)
    assert loaded.scan(media / "face.png").coverage == "complete"


def test_without_a_perturbation_it_is_a_plain_scan(perturbed: PerturbedScreener, loaded: Screener, media: Path) -> None:
    one, other = perturbed.scan(media / "one.mp4"), loaded.scan(media / "one.mp4")
    assert logits(one) == logits(other) and SETTING not in one.settings


@pytest.mark.parametrize("kind", ["jpeg", "blur", "downscale", "h264"])
@pytest.mark.parametrize("name", ["one.mp4", "face.png"])
def test_scores_move_with_strength_and_are_the_same_every_time(perturbed: PerturbedScreener, media: Path, kind: str, name: str) -> None:
    plain = perturbed.scan(media / name)
    found = [scanned(perturbed, media / name, kind, strength) for strength in (1, 2)]
    again = scanned(perturbed, media / name, kind, 2)
    moved = [np.abs(np.subtract(logits(one), logits(plain))).max() for one in found]
    assert moved[0] > 0 and moved[0] != moved[1]
    assert logits(again) == logits(found[1])
    for verdict in found:
        assert (verdict.source, verdict.sha256, verdict.coverage) == (str(media / name), sha256_of(media / name), "complete")
    assert [verdict.settings[SETTING] for verdict in found] == [f"{kind} 1, version 1", f"{kind} 2, version 1"]


def test_a_smaller_frame_has_smaller_faces(perturbed: PerturbedScreener, media: Path) -> None:
    plain = perturbed.scan(media / "one.mp4").people[0].face_px_median
    assert scanned(perturbed, media / "one.mp4", "downscale", 1).people[0].face_px_median == pytest.approx(plain / 1.25, rel=0.08)


@pytest.mark.parametrize("content", [None, b"", b"no video at all\n"])
def test_what_cannot_be_read_says_so_after_any_perturbation(perturbed: PerturbedScreener, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for kind in ("jpeg", "h264"):
        verdict = scanned(perturbed, path, kind, 1)
        assert verdict.outcome == "undecided" and verdict.reasons == perturbed.scan(path).reasons
        assert SETTING in verdict.settings


def test_a_damaged_clip_stays_partly_judged(perturbed: PerturbedScreener, media: Path, tmp_path: Path) -> None:
    """Cut at two thirds: what is left decodes, and its header says that it is not all."""
    whole = write_clip(tmp_path / "whole.mkv", frames=16).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    plain, after = perturbed.scan(tmp_path / "cut.mkv"), scanned(perturbed, tmp_path / "cut.mkv", "h264", 1)
    assert plain.coverage == after.coverage == "partial"
    assert set(plain.video.reasons) <= set(after.reasons)
    for verdict in (plain, after):
        assert verdict.outcome == "undecided" and [one.outcome for one in verdict.people] == ["undecided"]
        assert verdict.people[0].p_fake is not None


def test_an_evaluation_of_real_files_can_be_taken_up_again(perturbed: PerturbedScreener, tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "kept"
    data.mkdir()
    folder.mkdir()
    clips = {"r.mp4": portrait, "f.mp4": pair}
    for name, picture in clips.items():
        write_clip(data / name, picture, frames=6)
    write_picture(data / "r.png", portrait(3))
    write_picture(data / "f.png", stranger(3))
    items = [LabelledItem(file, file.name, int(file.name[0] == "f"), file.name, method="Deepfakes") for file in sorted(data.iterdir())]

    def run() -> str:
        found = perturbed_evaluation(items, perturbed, lambda *_: QuietProgress(), ("h264", "noise"), (1,), folder)
        return json.dumps(found.to_dict())

    first = run()
    kept = folder / "h264-1.jsonl"
    kept.write_bytes(kept.read_bytes()[:-300])
    assert run() == first
    document = json.loads(first)
    assert [one["kind"] for one in document["conditions"]] == ["", "h264", "noise"]
    assert all(one["coverage"]["value"] == 1.0 and one["auc"]["value"] is not None for one in document["conditions"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two reals and two fakes in plain folders."""
    folder = tmp_path_factory.mktemp("data")
    for label, picture in (("real", portrait), ("fake", stranger)):
        (folder / label).mkdir()
        write_clip(folder / label / f"{label}.mp4", picture, frames=6)
        write_picture(folder / label / f"{label}.png", picture(3))
    return folder


def evaluate(data: Path, checkpoint: Path, *more: str | Path) -> list[str | Path]:
    return ["evaluate", data, "--checkpoint", checkpoint, "--frames", "4", "--dtype", "float32", "--device", "cpu", "--quiet", *more]


def test_evaluate_perturbs_and_shows_how_far_verdicts_survive(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    asked = evaluate(data, checkpoint, "-o", tmp_path, "--perturb", "noise,h264", "--strengths", "5,1")
    ended = run_here(*asked)
    assert (ended.status, ended.err) == (0, "")
    for words in ("as it is", "H.264 re-compression 1: CRF 23", "noise 5: variance 0.05", "reals flagged"):
        assert words in ended.out
    document = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    conditions = document["robustness"]["conditions"]
    assert [(one["kind"], one["strength"]) for one in conditions] == [("", 0), ("h264", 1), ("h264", 5), ("noise", 1), ("noise", 5)]
    assert conditions[0]["auc"]["value"] == document["headline"]["figures"]["video_auc"]["value"]
    page = (tmp_path / "evaluation.html").read_text(encoding="utf-8")
    assert "How far the verdict survives" in page and "perturb-h264" in page
    assert sorted(file.name for file in (tmp_path / "perturbed").iterdir()) == [f"{k}-{s}.jsonl" for k in ("h264", "noise") for s in (1, 5)]


def test_a_killed_run_is_finished_by_repeating_it(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    asked = ("--perturb", "noise", "--strengths", "1,2")
    assert run_here(*evaluate(data, checkpoint, "-o", whole, *asked)).status == 0
    kept = cut / "perturbed" / "noise-1.jsonl"
    process = start_prepared(*evaluate(data, checkpoint, "-o", cut, *asked))
    try:
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline and not (kept.exists() and kept.read_bytes().count(b"\n")):
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert kept.read_bytes().count(b"\n") >= 1
    assert not (cut / "evaluation.json").exists()
    assert run_here(*evaluate(data, checkpoint, "-o", cut, *asked)).status == 0
    found = [json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["robustness"] for folder in (whole, cut)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--perturb", "fog"), "perturb: expected all or some of jpeg"),
        (("--perturb", "jpeg", "--strengths", "6"), "strengths: expected some of 1, 2, 3, 4, 5"),
        (("--strengths", "1"), "--strengths: only with --perturb"),
        (("--perturb", "jpeg", "--compare", "a", "b"), "choose one of --perturb and --compare"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_at_once(data: Path, tmp_path: Path, more: tuple[str, ...], message: str) -> None:
    ended = run_here("evaluate", data, *more)
    assert ended.status == 2 and message in ended.err
