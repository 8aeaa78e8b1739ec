"""A measurement has every stage and the floor, and can be shown as text."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from screener import ScanSettings, Screener, SourceError
from screener.bench import bench_with, make_clip, render, stage_times
from screener.doctor.specimen import encode, make_specimen


@pytest.fixture(scope="module")
def loaded(tiny_checkpoint: Path) -> Screener:
    return Screener(ScanSettings(device="cpu", dtype="float32"), tiny_checkpoint)


def test_every_stage_is_measured_and_told(loaded: Screener, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, (426, 240), 1, 0.4)
    measured = bench_with(loaded, clip, 1)
    assert set(measured.stages) == {"decode", "plain decode", "faces", "scoring", "bare network", "total", "process"}
    assert all(spent.wall_seconds > 0 for spent in measured.stages.values())
    assert measured.floor.wall_seconds == sum(measured.stages[name].wall_seconds for name in ("plain decode", "bare network"))
    assert measured.stages["process"].wall_seconds > measured.stages["total"].wall_seconds
    assert (measured.frames, measured.crops, measured.size_wh) == (12, 12, (426, 240))
    text = render(measured)
    for word in (
        "clip.mp4: 426x240",
        "decode",
        "faces",
        "scoring",
        "total",
        "process",
        "floor",
        "crops/s",
        "times the slowest alone",
        "peak memory",
        "torch",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ["--frames", "32"]),
        ({"all_frames": True}, ["--all-frames"]),
        ({"fps": 2.5}, ["--fps", "2.5"]),
        ({"until_sure": True, "budget_seconds": 3.0}, ["--until-sure", "--budget", "3.0"]),
    ],
)
def test_the_process_takes_the_frames_that_the_other_stages_take(
    given: dict[str, Any], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        ran.append(command)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr("screener.bench.stage_times.subprocess.run", run)
    screener: Any = SimpleNamespace(settings=ScanSettings(**given), checkpoint=SimpleNamespace(path=Path("w.safetensors")))
    stage_times._process(screener, Path("clip.mp4"))
    words = ran[0][ran[0].index("-q") + 1 :]
    assert words[: len(told)] == told
    assert not {"--frames", "--fps", "--all-frames", "--until-sure", "--budget"} & set(words[len(told) :])


def test_a_clip_without_faces_is_refused(loaded: Screener, tmp_path: Path) -> None:
    encode(tmp_path / "wall.mp4", [frame[:64, 200:264] * 0 + 90 for frame in make_specimen().genuine], "libx264")
    with pytest.raises(SourceError, match="shows no face"):
        bench_with(loaded, tmp_path / "wall.mp4", 1)
