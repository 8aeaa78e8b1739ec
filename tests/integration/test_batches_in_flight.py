"""Starting a batch before the previous one has its scores changes nothing: scores, order, errors, and cleanup."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from screener import ScanSettings, Screener
from screener.errors import DeviceError, SourceError
from screener.records import FaceScore, Frame
from screener.scanning.stages import Course, Stages
from screener.scoring import LogitsAndMaps, Pictures, Scorer, TorchEngine
from screener.verdict.evidence import TellingCrops
from screener.video import Video, file_source, open_video

FRAMES, BATCH = 7, 2


class LateEngine:
    """Computes a batch when its answer is asked for, in the order of asking; writes down what it was asked."""

    def __init__(self, engine: TorchEngine, keeps_in_flight: bool) -> None:
        self._engine, self.keeps_in_flight = engine, keeps_in_flight
        self.name, self.device, self.dtype_name = engine.name, engine.device, engine.dtype_name
        self.logits, self.logits_and_maps, self.bare_pass = engine.logits, engine.logits_and_maps, engine.bare_pass
        self.log: list[str] = []
        self.spoilt = -1
        self._lock = threading.Lock()

    def begin(self, pictures_rgb: Pictures, locate: bool) -> Callable[[], LogitsAndMaps]:
        with self._lock:
            number = sum(note.startswith("begin") for note in self.log)
            self.log.append(f"begin {number}")

        def fetch() -> LogitsAndMaps:
            self.log.append(f"result {number}")
            logits, maps = self._engine.begin(pictures_rgb, locate)()
            return logits * (np.nan if number == self.spoilt else 1), maps

        return fetch


Build = Callable[..., tuple[Screener, LateEngine]]


@pytest.fixture
def build(checkpoint: Path) -> Build:
    """(keeps_in_flight, settings) -> a screener whose engine answers late, and the engine."""

    def built(keeps_in_flight: bool, **changes: Any) -> tuple[Screener, LateEngine]:
        values = {"frames": FRAMES, "batch_size": BATCH, "device": "cpu", "dtype": "float32", **changes}
        made = Screener(ScanSettings(**values), checkpoint)
        assert isinstance(made.scorer.engine, TorchEngine)
        engine = LateEngine(made.scorer.engine, keeps_in_flight)
        made.scorer = Scorer(engine, made.checkpoint.contract.preprocessing, batch_size=BATCH)
        return made, engine

    return built


def numbers(scores: Any) -> list[tuple[int, int, float]]:
    return [(score.frame_index, score.track_id, score.logit) for score in scores]


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_a_batch_is_begun_before_the_scores_of_the_last_where_the_device_works_meanwhile(build: Build, media: Path) -> None:
    made, engine = build(True)
    found = numbers(made.scan_stream(media / "one.mp4"))
    assert engine.log == ["begin 0", "begin 1", "result 0", "begin 2", "result 1", "begin 3", "result 2", "result 3"]
    made, engine = build(False)
    assert numbers(made.scan_stream(media / "one.mp4")) == found
    assert engine.log == ["begin 0", "result 0", "begin 1", "result 1", "begin 2", "result 2", "begin 3", "result 3"]
    assert len(found) == FRAMES and [frame for frame, _, _ in found] == sorted(frame for frame, _, _ in found)


@pytest.mark.parametrize("changes", [{}, {"until_sure": True}, {"budget_seconds": 3600.0}, {"all_frames": True}], ids=str)
@pytest.mark.parametrize("name", ["one.mp4", "pair.mp4", "face.png"])
def test_a_verdict_is_the_same(changes: dict[str, Any], name: str, build: Build, media: Path) -> None:
    verdicts = [build(keeps, **changes)[0].scan(media / name) for keeps in (False, True)]
    rows = [verdict.to_dict() for verdict in verdicts]
    for row in rows:
        del row["timing_seconds"], row["scanned_at"]
        row["video"].pop("decode_seconds", None)
    assert rows[0] == rows[1]
    assert rows[0]["frames"]


def test_nothing_is_held_back_where_the_answer_is_there_at_once(build: Build, media: Path) -> None:
    """Each score is given out before the next batch is begun: live use of a stream waits for no later face."""
    made, engine = build(False)
    for count, _ in enumerate(made.scan_stream(media / "one.mp4"), 1):
        assert sum(note.startswith("begin") for note in engine.log) == -(-count // BATCH)


@pytest.mark.parametrize("keeps", [False, True])
def test_faces_in_flight_count_as_waiting_when_the_time_is_reckoned(keeps: bool, build: Build, media: Path) -> None:
    """One face in each frame: what is scored and what waits make up the frames that were looked at."""
    made, _ = build(keeps)
    asked = looked_at(made, stages_asking(made), media / "one.mp4")
    assert [scored + waiting for scored, waiting in asked] == list(range(1, FRAMES + 1))
    assert [waiting for _, waiting in asked] == ([1, 2, 3, 2, 3, 2, 3] if keeps else [1, 0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("keeps", [False, True])
def test_scores_of_earlier_runs_do_not_count_as_on_their_way(keeps: bool, build: Build, media: Path) -> None:
    made, _ = build(keeps)
    stages = stages_asking(made)
    first, second = ([waiting for _, waiting in looked_at(made, stages, media / "one.mp4")] for _ in range(2))
    assert len(stages[0].scores) == 2 * FRAMES and second == first


def stages_asking(made: Screener) -> tuple[Stages, list[tuple[int, int]]]:
    """The stages of a pass that is never late, and (scored, waiting) of each time it was asked."""
    asked: list[tuple[int, int]] = []

    def is_late(waiting: int) -> bool:
        asked.append((len(stages.scores), waiting))
        return False

    cropper = made.new_cropper()
    stages = Stages(made, cropper, TellingCrops(0), Course(cropper.followed, lambda looked_at, expected: None, is_late))
    return stages, asked


def looked_at(made: Screener, stages: tuple[Stages, list[tuple[int, int]]], path: Path) -> list[tuple[int, int]]:
    """One run over a file, and what was asked in it."""
    running, asked = stages
    asked.clear()
    with closing(open_video(file_source(path), made.settings)) as video:
        list(running.run(video))
    return list(asked)


def test_a_score_that_is_no_number_ends_the_scan_after_those_before_it(build: Build, media: Path) -> None:
    expected = numbers(build(False)[0].scan_stream(media / "one.mp4"))
    for keeps in (False, True):
        made, engine = build(keeps)
        engine.spoilt = 1
        given: list[FaceScore] = []
        with pytest.raises(DeviceError, match="no number"):
            for score in made.scan_stream(media / "one.mp4"):
                given.append(score)
        assert numbers(given) == expected[:BATCH]
        assert readers() == []


class Broken(Exception):
    """Of no kind that anything in the package expects."""


@pytest.mark.parametrize("error", [SourceError("corrupt", "damaged from here on"), Broken()])
def test_what_was_begun_before_an_error_of_the_reader_still_counts(
    error: Exception, build: Build, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Video.frames

    def frames(video: Video) -> Iterator[Frame]:
        for number, frame in enumerate(whole(video)):
            if number == 5:
                raise error
            yield frame

    monkeypatch.setattr(Video, "frames", frames)
    found = []
    for keeps in (False, True):
        given: list[FaceScore] = []
        with pytest.raises(type(error)):
            for score in build(keeps)[0].scan_stream(media / "one.mp4"):
                given.append(score)
        found.append(numbers(given))
        if isinstance(error, SourceError):
            verdict = build(keeps)[0].scan(media / "one.mp4")
            assert numbers(verdict.frames) == found[-1] and "corrupt" in verdict.reasons
    assert found[0] == found[1] and len(found[0]) == 4


def test_whoever_leaves_early_leaves_nothing_running(build: Build, media: Path) -> None:
    made, engine = build(True, all_frames=True)
    scores = made.scan_stream(media / "one.mp4")
    next(scores)
    scores.close()  # type: ignore[attr-defined]
    assert engine.log == ["begin 0", "begin 1", "result 0"]
    assert readers() == []
    verdict = made.scan(media / "one.mp4")
    assert verdict.coverage == "complete"


def test_scans_side_by_side_share_an_engine(build: Build, media: Path) -> None:
    made, _ = build(True)
    names = ["one.mp4", "pair.mp4", "face.png", "pair.mp4"] * 2

    def logits(name: str) -> NDArray[np.float64]:
        return np.array([score.logit for score in made.scan(media / name).frames])

    expected = {name: logits(name) for name in set(names)}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(logits, names))
    assert all(np.array_equal(one, expected[name]) for one, name in zip(found, names, strict=True))
