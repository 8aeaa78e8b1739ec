"""The package as a library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import JUDGED_FRAMES, PASSES_ALL

import screener
from screener import ScanSettings, SettingsError, SourceError, Verdict
from screener.records import Frame
from screener.video import file_source, open_video


@pytest.fixture(scope="module")
def verdict(media: Path, checkpoint: Path) -> Verdict:
    return screener.scan(media / "face.png", ScanSettings(threshold=PASSES_ALL), checkpoint)


def test_scan_gives_a_verdict(verdict: Verdict, media: Path) -> None:
    assert isinstance(verdict, Verdict)
    assert (verdict.source, verdict.outcome, verdict.coverage, verdict.threshold) == (
        str(media / "face.png"),
        "genuine",
        "complete",
        PASSES_ALL,
    )
    assert [person.frames_judged for person in verdict.people] == [1]


def test_a_verdict_is_plain_values_and_json(verdict: Verdict) -> None:
    assert json.loads(verdict.to_json()) == verdict.to_dict()
    assert json.loads(verdict.to_json(indent=2)) == verdict.to_dict()


def test_what_a_program_adds_to_a_dict_is_in_no_verdict(loaded: screener.Screener, media: Path) -> None:
    first = loaded.scan(media / "face.png")
    public = first.to_dict()
    own_parts = [name for name, value in public.items() if isinstance(value, dict)]
    for name in own_parts:
        public[name]["note"] = "mine"
    first.operating_point["note"] = 1.0
    later = loaded.scan(media / "face.png").to_dict()
    assert len(own_parts) >= 6 and not any("note" in later[name] for name in own_parts)
    assert [name for name in own_parts if "note" in first.to_dict()[name]] == ["operating_point"]


def test_a_missing_path_is_a_verdict_with_its_reason(loaded: screener.Screener, tmp_path: Path) -> None:
    missing = loaded.scan(tmp_path / "missing.mp4")
    assert (missing.outcome, missing.coverage, missing.reasons, missing.p_fake) == ("undecided", "none", ("not_found",), None)


def test_a_path_in_bytes_is_the_same_path(loaded: screener.Screener, media: Path) -> None:
    path = media / "one.mp4"
    named = loaded.scan(path)
    assert loaded.scan(os.fsencode(path)).to_dict()["frames"] == named.to_dict()["frames"]


def test_a_stream_that_cannot_be_read_raises_its_reason(loaded: screener.Screener, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        list(loaded.scan_stream(tmp_path / "missing.mp4"))
    assert error.value.reason == "not_found"
    assert isinstance(error.value, OSError)


def test_several_inputs_at_once_are_refused(loaded: screener.Screener, media: Path) -> None:
    with pytest.raises(SettingsError, match="names 3 inputs"):
        loaded.scan(media)


def test_settings_are_changed_by_name(media: Path, checkpoint: Path) -> None:
    base = ScanSettings(threshold=PASSES_ALL, frames=3)
    verdict = screener.scan(media / "one.mp4", base, checkpoint, frames=2, min_frames=1)
    assert (verdict.settings["frames"], verdict.settings["threshold"], verdict.video.frames_judged) == (2, PASSES_ALL, 2)
    with pytest.raises(SettingsError, match="unknown setting frame; known are"):
        screener.scan(media / "one.mp4", checkpoint=checkpoint, frame=2)
    with pytest.raises(SettingsError, match="frames: expected a whole number"):
        list(screener.scan_stream(media / "one.mp4", checkpoint=checkpoint, frames=0))


def test_pictures_in_memory_are_judged_as_those_of_a_file(loaded: screener.Screener, media: Path) -> None:
    clip = media / "one.mp4"
    with open_video(file_source(clip), loaded.settings) as video:
        frames = list(video.frames())
    from_file, given = loaded.scan(clip), loaded.scan_frames((frame for frame in frames), fps=video.facts.fps, name="call\n7")
    assert [(score.logit, score.pts_seconds) for score in given.frames] == [(score.logit, score.pts_seconds) for score in from_file.frames]
    assert (given.outcome, given.p_fake, given.coverage, given.source, given.sha256) == (
        from_file.outcome,
        from_file.p_fake,
        "complete",
        "call\n7",
        None,
    )
    assert json.loads(given.to_json())["video"]["reader"] == "given"
    pictures = screener.Screener.scan_frames(loaded, [frame.picture_rgb for frame in frames[:5]], fps=2)
    assert [score.pts_seconds for score in pictures.frames] == [0, 0.5, 1, 1.5, 2] and pictures.video.duration_seconds == 2.5
    assert loaded.scan_frames([frames[0].picture_rgb]).video.is_still


def test_pictures_may_all_come_in_one_array(loaded: screener.Screener, media: Path) -> None:
    with open_video(file_source(media / "one.mp4"), loaded.settings) as video:
        frames = list(video.frames())
    array = np.empty_like(frames[0].picture_rgb)

    def read_into_it() -> Iterator[Frame]:
        for frame in frames:
            array[:] = frame.picture_rgb
            yield replace(frame, picture_rgb=array)

    one_array, own_arrays = loaded.scan_frames(read_into_it()), loaded.scan_frames(frames)
    assert [score.logit for score in one_array.frames] == [score.logit for score in own_arrays.frames]


def test_what_is_no_picture_is_refused_and_no_pictures_are_a_verdict(loaded: screener.Screener) -> None:
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), "clip.mp4"):
        with pytest.raises(SettingsError, match=r"picture 1: .*expected \(H, W, 3\) uint8, got"):
            loaded.scan_frames([np.zeros((64, 64, 3), np.uint8), wrong])
    nothing = loaded.scan_frames([])
    assert (nothing.outcome, nothing.coverage, nothing.reasons) == ("undecided", "none", ("empty",))


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), np.float32(30000 / 1001)], ids=["fraction", "float32"])
def test_a_rate_may_be_any_number(loaded: screener.Screener, fps: float | Fraction) -> None:
    given = loaded.scan_frames([np.zeros((64, 64, 3), np.uint8)] * 2, fps=fps)
    assert given.to_dict()["video"]["frame_rate"] == "30000/1001"


@pytest.mark.parametrize("fps", [None, 0, -1.0, float("nan"), True, "25"])
def test_what_is_no_rate_is_refused(loaded: screener.Screener, fps: Any) -> None:
    with pytest.raises(SettingsError, match="fps: expected a number above 0, got"):
        loaded.scan_frames([np.zeros((64, 64, 3), np.uint8)] * 2, fps=fps)


@pytest.mark.parametrize("second", [(0.5, 4), (1.0, 3), (1.0, 2)], ids=["earlier", "same index", "lower index"])
def test_frames_out_of_order_are_refused(loaded: screener.Screener, second: tuple[float, int]) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(SettingsError, match=r"picture 1: index \d at .* comes after index 3 at 1 seconds"):
        loaded.scan_frames([Frame(picture, 1.0, 3), Frame(picture, *second)])
    assert loaded.scan_frames([Frame(picture, 1.0, 3), Frame(picture, 1.0, 4)]).video.frames_sampled == 2


def test_a_stream_may_be_left_before_its_end(loaded: screener.Screener, media: Path) -> None:
    scores = loaded.scan_stream(media / "one.mp4")
    first = next(iter(scores))
    scores.close()  # type: ignore[attr-defined]
    assert first.frame_index >= 0
    assert loaded.scan(media / "face.png").coverage == "complete"


def test_progress_is_told_and_an_exception_in_it_calls_the_scan_off(loaded: screener.Screener, media: Path) -> None:
    class Cancelled(Exception):
        pass

    told: list[tuple[int, int | None]] = []

    def on_progress(frames: int, expected: int | None) -> None:
        told.append((frames, expected))
        if frames == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        loaded.scan(media / "one.mp4", on_progress)
    assert [frames for frames, _ in told] == [1, 2, 3]
    told.clear()
    assert loaded.scan(media / "one.mp4", lambda frames, expected: told.append((frames, expected))).coverage == "complete"
    assert told[-1] == (JUDGED_FRAMES, JUDGED_FRAMES)


def test_every_public_name_is_there() -> None:
    for name in screener.__all__:
        assert getattr(screener, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = screener.no_such_name


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_scan_in_a_forked_child_is_refused_instead_of_hanging(media: Path, checkpoint: Path) -> None:
    script = f"""
import os, sys, screener
judge = screener.Screener(screener.ScanSettings(threshold={PASSES_ALL}), {str(checkpoint)!r})
judge.scan({str(media / "face.png")!r})
child = os.fork()
if not child:
    try:
        judge.scan({str(media / "face.png")!r})
    except screener.DeviceError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print(judge.scan({str(media / "face.png")!r}).outcome)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "spawn" in ended.stdout and ended.stdout.splitlines()[-1] == "genuine"
