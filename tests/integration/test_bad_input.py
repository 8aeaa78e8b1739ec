"""One run over a folder full of awkward inputs: each gets its row with its reason, and the rest goes on."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command_line import PASSES_ALL, Ended, environment, run_command
from face_media import landscape, portrait, write_clip, write_picture, write_sound
from jsonschema import Draft202012Validator

from screener.errors import REASONS
from screener.report import load_schema

ODD_NAMES = {
    "new\nline.png": "new\nline.png",
    "emoji \U0001f3ad.png": "emoji \U0001f3ad.png",
    "[/x].png": "[/x].png",
    "-dash.png": "-dash.png",
}
"""Path as given -> name in the row."""

NOT_UTF8 = os.fsdecode(b"caf\xe9.png")

UNREADABLE = {
    "missing.mp4": "not_found",
    "*.none": "not_found",
    "ftp://example.org/clip.mp4": "refused_protocol",
    "nothing": "no_video",
    "more/empty.mp4": "empty",
    "more/text.mp4": "not_media",
    "more/sound.mp4": "no_video",
    "more/playlist.mp4": "refused_playlist",
    "more/pipe.mp4": "not_regular",
    "more/locked.mp4": "permission",
    "more/headless.mp4": "truncated",
}
"""Input -> the one reason why nothing of it could be judged."""

READABLE = {
    "more/1x1.png": ("undecided", "complete", ["no_face"]),
    "more/landscape.png": ("undecided", "complete", ["no_face"]),
    "more/one_frame.mp4": ("undecided", "complete", ["too_short"]),
    "more/cut.mp4": ("undecided", "partial", ["truncated"]),
    "more/8k.jpg": ("genuine", "complete", []),
    "more/whole.mp4": ("genuine", "complete", []),
}
"""Input -> outcome, coverage and reasons."""


@dataclass(frozen=True)
class Run:
    ended: Ended
    rows: dict[str, dict[str, Any]]
    lines: list[str]


def write_8k(path: Path) -> None:
    picture = cv2.resize(landscape(960, 540), (7680, 4320))
    picture[600:3000, 2500:4900] = portrait(side_px=2400)
    write_picture(path, np.asarray(picture, np.uint8))


def fill(folder: Path) -> None:
    """Make every input of this file below `folder`."""
    for name in ("[", "nothing", "more"):
        (folder / name).mkdir()
    for name in (*ODD_NAMES, NOT_UTF8):
        write_picture(folder / name, portrait())
    (folder / "nothing" / "notes.txt").write_text("no media", encoding="utf-8")
    more = folder / "more"
    write_8k(more / "8k.jpg")
    write_picture(more / "landscape.png", landscape())
    write_picture(more / "1x1.png", portrait()[:1, :1])
    write_clip(more / "whole.mp4")
    write_clip(more / "one_frame.mp4", frames=1)
    write_sound(more / "sound.mp4")
    (more / "empty.mp4").touch()
    (more / "text.mp4").write_text("this is no video\n" * 50, encoding="utf-8")
    (more / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:2,\nwhole.mp4\n", encoding="utf-8")
    whole = (more / "whole.mp4").read_bytes()
    (more / "headless.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    front = write_clip(more / "cut.mp4", options={"movflags": "faststart"}).read_bytes()
    (more / "cut.mp4").write_bytes(front[: len(front) * 6 // 10])
    (more / "locked.mp4").write_bytes(whole)
    (more / "locked.mp4").chmod(0)
    os.mkfifo(more / "pipe.mp4")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Run:
    folder = tmp_path_factory.mktemp("awkward")
    fill(folder)
    options = ["--jsonl", "--frames", "5", "--threshold", str(PASSES_ALL), "--checkpoint", checkpoint]
    given = ["missing.mp4", "*.none", "ftp://example.org/clip.mp4", "nothing", *list(ODD_NAMES)[:-1], NOT_UTF8, "more"]
    ended = run_command("scan", *options, *given, "--", "-dash.png", cwd=folder)
    lines = ended.out.splitlines()
    rows = [json.loads(line) for line in lines]
    return Run(ended, {row["source"]: row for row in rows}, lines)


def test_every_input_has_one_row(run: Run) -> None:
    assert sorted(run.rows) == sorted([*UNREADABLE, *READABLE, *ODD_NAMES.values(), "caf\\xe9.png"])
    assert len(run.lines) == len(run.rows)


def test_the_exit_status_says_that_something_was_not_judged(run: Run) -> None:
    assert run.ended.status == 3, run.ended.err
    assert "Traceback" not in run.ended.err


def test_progress_has_one_line_for_each_input(run: Run) -> None:
    left_out, *lines = run.ended.err.splitlines()
    assert left_out.startswith("screener: 1 file left out") and "notes.txt" in left_out
    assert len(lines) == len(run.rows)
    assert lines[-1].startswith(f"[{len(run.rows)}/{len(run.rows)}] ")


def test_every_row_keeps_the_schema(run: Run) -> None:
    validator = Draft202012Validator(load_schema())
    for row in run.rows.values():
        validator.validate(row)


@pytest.mark.parametrize(("name", "reason"), UNREADABLE.items())
def test_unreadable_input_gives_its_reason(run: Run, name: str, reason: str) -> None:
    row = run.rows[name]
    if reason == "permission" and row["outcome"] == "genuine":
        pytest.skip("this user may read every file, whatever its permissions")
    assert (row["outcome"], row["coverage"], row["p_fake"], row["people"]) == ("undecided", "none", None, [])
    assert row["reasons"] == [reason]
    assert row["reasons"][0] in REASONS
    assert row["detail"].startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "expected"), READABLE.items())
def test_readable_input_is_judged_as_far_as_it_goes(run: Run, name: str, expected: tuple[str, str, list[str]]) -> None:
    row = run.rows[name]
    assert (row["outcome"], row["coverage"], row["reasons"]) == expected
    assert len(row["sha256"]) == 64


@pytest.mark.parametrize("name", [*ODD_NAMES.values(), "caf\\xe9.png"])
def test_odd_names_do_not_keep_an_input_from_being_judged(run: Run, name: str) -> None:
    assert (run.rows[name]["outcome"], run.rows[name]["coverage"]) == ("genuine", "complete")


def test_the_face_of_a_very_large_picture_is_found_in_its_own_pixels(run: Run) -> None:
    row = run.rows["more/8k.jpg"]
    (frame,) = row["frames"]
    left, top, right, bottom = frame["box_xyxy"]
    assert row["video"]["size_wh"] == [7680, 4320]
    assert 2500 < left < right < 4900
    assert 600 < top < bottom < 3000
    assert min(right - left, bottom - top) > 500


def test_a_pipe_is_not_waited_for_and_a_playlist_is_not_followed(run: Run) -> None:
    assert run.rows["more/pipe.mp4"]["video"]["frames_decoded"] == 0
    assert run.rows["more/playlist.mp4"]["video"]["frames_decoded"] == 0


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
"""Numbers of Linux: see prctl(2) and capabilities(7)."""


def bound_by_permissions() -> None:
    """Whatever this process becomes next may no longer pass permissions by, as the administrator may."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="how permissions are made to bind the administrator is Linux's own")
def test_a_folder_that_may_be_listed_and_not_entered_costs_its_own_files_alone(checkpoint: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "barred").mkdir()
        for path in (folder / "barred" / "b.png", folder / "a.png", folder / "c.png"):
            write_picture(path, portrait())
        shutil.copy(checkpoint, folder / "tiny.safetensors")
        folder.chmod(0o755)
        (folder / "barred").chmod(0o644)
        options = ["--jsonl", "--threshold", str(PASSES_ALL), "--checkpoint", folder / "tiny.safetensors", folder]
        done = subprocess.run(
            [sys.executable, "-m", "screener", "scan", *options],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=bound_by_permissions,
        )
        (folder / "barred").chmod(0o755)
    rows = {Path(row["source"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert {name: (row["outcome"], row["reasons"]) for name, row in rows.items()} == {
        "a.png": ("genuine", []),
        "b.png": ("undecided", ["permission"]),
        "c.png": ("genuine", []),
    }
    assert done.returncode == 3 and "Traceback" not in done.stderr
