"""--until-sure and --budget with the real command: fewer frames, the same outcome, and the number of frames in the result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from command_line import FAILS_ALL, PASSES_ALL, run_here
from face_media import Picture, landscape, pair, portrait, stranger, write_clip
from jsonschema import Draft202012Validator

from screener import ScanSettings, Screener, SettingsError, Verdict
from screener.report import load_schema
from screener.report.wording import coverage_in_words
from screener.scanning import progressive_pass
from screener.scanning.progressive_pass import ProgressivePass
from screener.video import SeekPlan, Source, Video, file_source, open_video

SECONDS = 640
"""So long that a frame a second is twenty times as many as two rounds look at."""

EVERY = 8
"""Seconds that each picture is shown for."""

MOST_FRAMES = SECONDS // 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long")


def write_long(path: Path, picture: Callable[[int], Picture] = portrait, seconds: int = SECONDS, every: int = EVERY) -> Path:
    """Sixteen pictures in turn, one for so many seconds and each a key frame, so that long clips cost little."""
    height, width = picture(0).shape[:2]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=1, options={"preset": "ultrafast", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frames = {number: av.VideoFrame.from_ndarray(picture(number), format="rgb24") for number in range(16)}
        for place in range(seconds // every):
            frame = frames[place % 16]
            frame.pts = place * every
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def one(folder: Path) -> Path:
    return write_long(folder / "one.mp4")


@pytest.fixture(scope="module")
def scan_here(checkpoint: Path) -> Callable[..., dict[str, Any]]:
    def scan(path: Path, *options: str, threshold: float = PASSES_ALL) -> dict[str, Any]:
        ended = run_here("scan", path, "--json", *options, "--threshold", str(threshold), "--checkpoint", checkpoint, "--quiet")
        row: dict[str, Any] = json.loads(ended.out)
        row = row.get("results", [row])[0] if "outcome" not in row else row
        Draft202012Validator(load_schema()).validate(row)
        return row

    return scan


@pytest.mark.parametrize(("threshold", "outcome"), [(PASSES_ALL, "genuine"), (FAILS_ALL, "fake")])
def test_a_long_clip_takes_a_tenth_of_the_frames_and_ends_the_same(
    scan_here: Callable[..., dict[str, Any]], one: Path, threshold: float, outcome: str
) -> None:
    dense = scan_here(one, "--fps", "1", threshold=threshold)
    sure = scan_here(one, "--until-sure", threshold=threshold)
    assert sure["outcome"] == dense["outcome"] == outcome
    assert (sure["coverage"], sure["warnings"]) == ("complete", ["sparse"])
    assert sure["video"]["frames_sampled"] <= MOST_FRAMES
    assert sure["video"]["frames_decoded"] == sure["video"]["frames_judged"] == len(sure["frames"])
    assert len(sure["people"]) == 1
    assert sure["settings"]["until_sure"] is True
    times = [frame["seconds"] for frame in sure["frames"]]
    assert times == sorted(set(times)) and times[-1] - times[0] > 0.9 * SECONDS
    assert sure["sha256"] == dense["sha256"]


def test_the_text_says_how_many_frames_it_took(one: Path, checkpoint: Path) -> None:
    for threshold in (PASSES_ALL, FAILS_ALL):
        ended = run_here("scan", one, "--until-sure", "--threshold", str(threshold), "--checkpoint", checkpoint, "--quiet")
        assert "32 frames" in ended.out.splitlines()[0]
        assert "note: only parts of the file were decoded" in ended.out


def test_it_says_the_same_twice(scan_here: Callable[..., dict[str, Any]], one: Path) -> None:
    first, second = (scan_here(one, "--until-sure") for _ in range(2))
    for row in (first, second):
        del row["timing_seconds"], row["scanned_at"]
    assert first == second


def test_two_people_are_followed_in_the_order_of_time(folder: Path, checkpoint: Path) -> None:
    """One in the first half, two in the second: out of order, each is still one person."""

    def picture(number: int) -> Picture:
        return pair(number) if number % 2 else pair(number - number % 2)

    path = write_long(folder / "pair.mp4", picture)
    verdict = Screener(ScanSettings(until_sure=True, threshold=PASSES_ALL, device="cpu", dtype="float32"), checkpoint).scan(path)
    assert len(verdict.people) == 2
    assert {person.frames_judged for person in verdict.people} == {verdict.video.frames_sampled}
    assert [score.pts_seconds for score in verdict.frames] == sorted(score.pts_seconds for score in verdict.frames)
    for person in verdict.people:
        own = [score for score in verdict.frames if score.track_id == person.track_id]
        middles = [float(score.box_xyxy[0] + score.box_xyxy[2]) / 2 for score in own]
        assert max(middles) - min(middles) < 60  # nobody changed sides
        assert any(score.thumbnail_rgb is not None for score in own)


def test_a_verdict_can_be_had_at_any_time_and_again(one: Path, checkpoint: Path) -> None:
    models = Screener(ScanSettings(until_sure=True, threshold=PASSES_ALL, device="cpu", dtype="float32"), checkpoint)
    looking = ProgressivePass(models, file_source(one))
    counted = [len(looking.verdict().frames) for _ in looking.scores()]
    assert counted == list(range(1, len(counted) + 1)) and len(counted) >= 16
    first, second = (looking.verdict().to_dict() for _ in range(2))
    assert {**first, "timing_seconds": 0, "scanned_at": ""} == {**second, "timing_seconds": 0, "scanned_at": ""}
    assert first["outcome"] == "genuine"


def between_scores(checkpoint: Path) -> tuple[float, bool]:
    """A threshold between the two people of these tests, and whether the stranger lies above it."""
    scan = Screener(ScanSettings(frames=8, threshold=PASSES_ALL, device="cpu", dtype="float32"), checkpoint)

    def score(path: Path) -> float:
        return float(scan.scan(path).p_fake or 0)

    folder = checkpoint.parent
    known, strange = score(write_clip(folder / "known.mp4")), score(write_clip(folder / "strange.mp4", stranger))
    return (known + strange) / 2, strange > known


def test_a_suspicious_passage_is_looked_at_closely_and_confirmed(folder: Path, checkpoint: Path) -> None:
    threshold, strange_is_high = between_scores(checkpoint)
    usual, other = (portrait, stranger) if strange_is_high else (stranger, portrait)
    path, start, end = folder / "passage.mp4", 300, 340
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=1, options={"preset": "ultrafast", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 176, 176, "yuv420p"
        for second in range(SECONDS):
            frame = av.VideoFrame.from_ndarray((other if start <= second < end else usual)(8), format="rgb24")
            frame.pts = second
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    verdict = Screener(ScanSettings(until_sure=True, threshold=threshold, device="cpu", dtype="float32"), checkpoint).scan(path)
    assert verdict.outcome != "genuine"
    assert verdict.video.frames_sampled <= MOST_FRAMES
    found = [segment for person in verdict.people for segment in person.segments]
    inside = [score for score in verdict.frames if start <= score.pts_seconds < end]
    assert len(inside) >= 5  # two of even slices, the others around them
    assert verdict.outcome == "fake" or any(segment.start_seconds < end and segment.end_seconds > start for segment in found)


def test_a_clip_without_faces_does_not_run_to_the_bound(folder: Path, scan_here: Callable[..., dict[str, Any]]) -> None:
    row = scan_here(write_long(folder / "empty.mp4", lambda number: landscape()), "--until-sure")
    assert (row["outcome"], row["reasons"], row["video"]["frames_sampled"]) == ("undecided", ["no_face"], 32)


def test_a_score_that_is_surely_in_the_middle_does_not_run_to_the_bound(one: Path, checkpoint: Path) -> None:
    """At the operating point whose threshold is 1 and whose genuine range is empty, everyone is too close to call."""
    verdict = Screener(ScanSettings(until_sure=True, fpr=0.10, device="cpu", dtype="float32"), checkpoint).scan(one)
    assert (verdict.outcome, verdict.reasons, verdict.video.frames_sampled) == ("undecided", ("near_threshold",), 32)


def test_a_budget_is_kept_and_used(one: Path, checkpoint: Path) -> None:
    judged: list[Verdict] = []
    for seconds in (0.01, 1000.0):
        settings = ScanSettings(budget_seconds=seconds, threshold=PASSES_ALL, device="cpu", dtype="float32", frames=32)
        judged.append(Screener(settings, checkpoint).scan(one))
    none, most = judged
    assert (none.outcome, none.reasons) == ("undecided", ("limit_time",))
    assert none.coverage != "complete"
    assert most.outcome == "genuine" and most.video.frames_sampled == SECONDS // EVERY  # every picture there is


@pytest.fixture
def scan_slowly(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Verdict]:
    """Scans as on a machine that takes 50 s to examine a frame, and no time for anything else."""

    def scan(path: Path, **changes: Any) -> Verdict:
        began, passed = time.perf_counter(), 0.0

        def on_progress(looked_at: int, expected: int | None) -> None:
            nonlocal passed
            passed += 50.0

        monkeypatch.setattr(progressive_pass, "time", SimpleNamespace(perf_counter=lambda: began + passed))
        settings = ScanSettings(**{"threshold": PASSES_ALL, "device": "cpu", "dtype": "float32", **changes})
        return Screener(settings, checkpoint).scan(path, on_progress)

    return scan


@pytest.mark.parametrize(("name", "codec"), [("slow.avi", "mpeg4"), ("slow.h264", "libx264")])
def test_what_is_read_in_order_and_not_to_its_end_within_a_budget_is_never_genuine(
    folder: Path, scan_slowly: Callable[..., Verdict], name: str, codec: str
) -> None:
    """Of 32 evenly spaced frames there was time for more than half, all of the same passage."""
    path = write_clip(folder / name, lambda number: portrait(number % 16), frames=40, codec=codec)
    verdict = scan_slowly(path, budget_seconds=1000.0)
    assert 16 <= verdict.video.frames_judged <= verdict.video.frames_sampled < 32
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == ("undecided", "partial", ("limit_time",))
    assert [(one.outcome, one.reasons) for one in verdict.people] == [("undecided", ("partly_judged",))]
    assert "whole file read" not in coverage_in_words(verdict)
    assert "sparse" not in verdict.warnings


def test_what_is_read_in_order_to_its_end_within_a_budget_is_complete(folder: Path, scan_slowly: Callable[..., Verdict]) -> None:
    path = write_clip(folder / "whole.avi", lambda number: portrait(number % 16), frames=40, codec="mpeg4")
    verdict = scan_slowly(path, budget_seconds=3000.0)
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == ("genuine", "complete", ())
    assert verdict.video.frames_judged == 32


@pytest.mark.parametrize(
    ("budget_seconds", "expected"), [(500.0, ("undecided", "partial", ("limit_time",))), (1300.0, ("genuine", "complete", ()))]
)
def test_where_frames_are_sought_a_budget_must_last_for_the_first_round(
    one: Path, scan_slowly: Callable[..., Verdict], budget_seconds: float, expected: tuple[str, str, tuple[str, ...]]
) -> None:
    """Its 16 frames come from all over the video; the second round may be broken off."""
    verdict = scan_slowly(one, budget_seconds=budget_seconds)
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == expected
    assert verdict.video.frames_sampled not in (16, 32) and "sparse" in verdict.warnings


def test_no_round_follows_one_that_was_broken_off(one: Path, scan_slowly: Callable[..., Verdict], monkeypatch: pytest.MonkeyPatch) -> None:
    """Many faces that wait to be scored end a round before the budget is over; frames of a next round would not come from all over."""
    is_late = ProgressivePass._is_late

    def with_many_faces(looking: ProgressivePass, waiting: int = 0) -> bool:
        return is_late(looking, waiting) or (waiting > 0 and len(looking._glances) % 10 == 0)

    monkeypatch.setattr(ProgressivePass, "_is_late", with_many_faces)
    verdict = scan_slowly(one, budget_seconds=1300.0)
    assert verdict.video.frames_sampled == 10
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == ("undecided", "partial", ("limit_time",))


def test_rounds_share_one_time_limit_and_end_with_it(
    one: Path, scan_slowly: Callable[..., Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first round's 16 frames take 800 s; after the second round nothing is sure, and the time is up."""
    limits: list[float] = []

    def noted(source: Source, settings: ScanSettings, look: SeekPlan) -> Video:
        limits.append(settings.time_limit_seconds or 0.0)
        return open_video(source, settings, look)

    monkeypatch.setattr(progressive_pass, "open_video", noted)
    monkeypatch.setattr(progressive_pass, "is_sure", lambda before, now: False)
    verdict = scan_slowly(one, until_sure=True, time_limit_seconds=1600.0)
    assert limits == [1600.0, 800.0]
    assert verdict.video.frames_sampled == 32
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == ("undecided", "partial", ("limit_time",))


def test_within_its_time_limit_it_is_sure_and_complete(one: Path, scan_slowly: Callable[..., Verdict]) -> None:
    verdict = scan_slowly(one, until_sure=True, time_limit_seconds=1601.0)
    assert (verdict.outcome, verdict.coverage, verdict.reasons, verdict.video.frames_sampled) == ("genuine", "complete", (), 32)


@pytest.mark.parametrize(
    ("changes", "cut_round", "expected"),
    [
        ({"until_sure": True}, 1, ("undecided", "none", ("limit_time",))),
        ({"until_sure": True}, 2, ("undecided", "partial", ("limit_time",))),
        ({"budget_seconds": 5000.0}, 1, ("undecided", "none", ("limit_time",))),
        ({"budget_seconds": 2000.0}, 2, ("genuine", "complete", ())),
        ({"budget_seconds": 5000.0}, 2, ("undecided", "partial", ("limit_time",))),
    ],
)
def test_a_round_that_the_decoder_had_no_time_for(
    one: Path,
    scan_slowly: Callable[..., Verdict],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    cut_round: int,
    expected: tuple[str, str, tuple[str, ...]],
) -> None:
    """The end of a budget lowers coverage only in the first round, the end of the time limit, 3600 s, in every round."""
    rounds = 0

    def hurried(source: Source, settings: ScanSettings, look: SeekPlan) -> Video:
        nonlocal rounds
        rounds += 1
        return open_video(source, replace(settings, time_limit_seconds=1e-9) if rounds >= cut_round else settings, look)

    monkeypatch.setattr(progressive_pass, "open_video", hurried)
    verdict = scan_slowly(one, **changes)
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == expected


def test_a_file_in_which_nothing_can_be_sought_is_read_as_ever(
    folder: Path, scan_here: Callable[..., dict[str, Any]], checkpoint: Path
) -> None:
    path = write_clip(folder / "clip.avi", codec="mpeg4")
    row = scan_here(path, "--until-sure")
    ordinary = scan_here(path)
    assert "sparse" not in row["warnings"]
    assert row["video"] == ordinary["video"] and row["frames"] == ordinary["frames"] and row["outcome"] == "genuine"


def test_a_picture_is_judged_as_ever(media: Path, scan_here: Callable[..., dict[str, Any]]) -> None:
    row, ordinary = scan_here(media / "face.png", "--until-sure"), scan_here(media / "face.png")
    assert (row["outcome"], row["frames"]) == (ordinary["outcome"], ordinary["frames"])


def test_a_file_cut_short_is_never_genuine(folder: Path, one: Path, scan_here: Callable[..., dict[str, Any]]) -> None:
    short = folder / "short.mkv"
    write_long(short)
    short.write_bytes(short.read_bytes()[: short.stat().st_size * 6 // 10])
    row = scan_here(short, "--until-sure")
    assert row["outcome"] == "undecided" and "truncated" in row["reasons"]
    short.write_bytes(one.read_bytes()[:2000])
    row = scan_here(short, "--until-sure")
    assert (row["outcome"], row["coverage"]) == ("undecided", "none")


@pytest.mark.parametrize("rival", [("--frames", "9"), ("--fps", "1"), ("--all-frames",)])
def test_it_chooses_the_frames_itself(one: Path, rival: tuple[str, ...]) -> None:
    for option in (("--until-sure",), ("--budget", "5")):
        ended = run_here("scan", one, *option, *rival)
        assert ended.status == 2 and option[0] in ended.err and rival[0] in ended.err


def test_options_overrule_the_file_of_settings(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[screener]\nfps = 2.0\nthreshold = 0.999\n", encoding="utf-8")
    arguments = ("--config", tmp_path / "settings.toml", "--until-sure", "--budget", "60", "--checkpoint", checkpoint)
    settings = json.loads(run_here("scan", media / "face.png", "--json", *arguments).out)["settings"]
    assert (settings["fps"], settings["until_sure"], settings["budget_seconds"]) == (None, True, 60)


def test_scores_in_the_order_of_frames_cannot_be_had_with_it(one: Path, checkpoint: Path) -> None:
    screener = Screener(ScanSettings(until_sure=True, device="cpu"), checkpoint)
    with pytest.raises(SettingsError, match="scan_stream"):
        next(screener.scan_stream(one))
