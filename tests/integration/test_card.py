"""Decoding on an NVIDIA card with the real command: without a card, with a stand-in, and, if there is a card, compared with the CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import card_stand_in as stand_in
import pytest
from command_line import PASSES_ALL, Ended, run_command, run_here
from face_media import FRAMES, write_clip
from jsonschema import Draft202012Validator

from screener.errors import DeviceError
from screener.report import load_schema
from screener.settings import ScanSettings
from screener.video import open_video, start_decoder
from screener.video.sandbox import child
from screener.video.sandbox.decoded_video import _Worker
from screener.video.sources import file_source

CODECS = {"h264": ("libx264", "mp4"), "hevc": ("libx265", "mp4"), "vp9": ("libvpx-vp9", "webm"), "mpeg4": ("mpeg4", "mp4")}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4")


def row_of(ended: Ended) -> dict[str, Any]:
    (row,) = [json.loads(line) for line in ended.out.splitlines()]
    Draft202012Validator(load_schema()).validate(row)
    return row


def without_reader(row: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on where the frames were decoded."""
    kept = {name: value for name, value in row.items() if name not in ("settings", "timing_seconds", "scanned_at", "warnings")}
    return {**kept, "video": {name: value for name, value in row["video"].items() if name not in ("reader", "decode_seconds")}}


def test_without_a_card_nothing_is_judged(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    ended = run_command("scan", clip, "--decoder", "cuda", "-o", tmp_path / "rows.txt", cwd=tmp_path)
    assert ended.status == 2
    assert ended.err.startswith("screener: decoder cuda: no NVIDIA card here decodes video") and "--decoder cpu" in ended.err
    assert len(ended.err.splitlines()) == 1 and not (tmp_path / "rows.txt").exists()


def test_the_decoder_can_be_named_in_a_file(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    config = tmp_path / "screener.toml"
    config.write_text('[screener]\ndecoder = "cuda"\n')
    ended = run_here("scan", clip, "--config", config)
    assert ended.status == 2 and "decoder cuda" in ended.err


def test_a_scan_with_a_card_answers_as_one_without_and_says_who_decoded(
    clip: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scanned(*more: str) -> tuple[int, dict[str, Any]]:
        arguments = ("scan", clip, "--jsonl", "--quiet", "--checkpoint", tiny_checkpoint, "--threshold", str(PASSES_ALL), *more)
        ended = run_here(*arguments)
        return ended.status, row_of(ended)

    status, expected = scanned()
    _Worker.kill_idle()
    monkeypatch.setattr(child, "START", stand_in.START.replace("{script}", ""))
    try:
        card_status, row = scanned("--decoder", "cuda")
    finally:
        _Worker.kill_idle()
    assert (row["video"]["reader"], expected["video"]["reader"]) == ("nvdec", "opencv")
    assert row["warnings"] == ["damage_unverified", *expected["warnings"]]
    assert row["settings"]["decoder"] == "cuda"
    assert (card_status, without_reader(row)) == (status, without_reader(expected))


@pytest.mark.parametrize("kind", CODECS)
def test_a_real_card_gives_the_frames_of_the_processor(kind: str, tmp_path: Path) -> None:
    try:
        start_decoder(ScanSettings(decoder="cuda"))
    except DeviceError as error:
        pytest.skip(str(error))
    codec, suffix = CODECS[kind]
    path = write_clip(tmp_path / f"a.{suffix}", codec=codec)
    read = {}
    for decoder in ("cpu", "cuda"):
        with open_video(file_source(path), ScanSettings(all_frames=True, decoder=decoder)) as video:
            frames = list(video.frames())
        assert (len(frames), video.facts.decode_errors, video.facts.reasons) == (FRAMES, 0, ())
        read[decoder] = frames
    assert kind != "h264" or video.facts.reader == "nvdec"
    for ours, theirs in zip(read["cuda"], read["cpu"], strict=True):
        assert ours.pts_seconds == pytest.approx(theirs.pts_seconds, abs=1e-5)
        assert (ours.picture_rgb == theirs.picture_rgb).all()
