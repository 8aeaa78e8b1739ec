"""`screener report verify` on reports whose inputs are unchanged, changed or missing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from command_line import PASSES_ALL, run_here


@pytest.fixture
def judged(tmp_path: Path, media: Path, checkpoint: Path) -> Path:
    """A folder with a clip, its JSON, lines of JSON and its page."""
    clip = tmp_path / "clip.mp4"
    shutil.copy(media / "one.mp4", clip)
    options = ("--threshold", str(PASSES_ALL), "--frames", "5", "--device", "cpu", "--dtype", "float32", "--checkpoint", checkpoint, "-q")
    run_here("scan", clip, "--json", "-o", tmp_path / "one.json", "--report", tmp_path / "pages", *options)
    run_here("scan", clip, media / "face.png", "--jsonl", "-o", tmp_path / "two.jsonl", *options)
    return tmp_path


def page_in(folder: Path) -> Path:
    return next((folder / "pages").glob("clip*.html"))


def test_what_is_as_it_was_holds(judged: Path, checkpoint: Path) -> None:
    for report, rows in ((judged / "one.json", 3), (judged / "two.jsonl", 6), (page_in(judged), 2)):
        ended = run_here("report", "verify", report, "--checkpoint", checkpoint)
        lines = ended.out.splitlines()
        assert ended.status == 0 and len(lines) == rows and all(line.startswith("holds ") for line in lines)


def test_an_input_that_was_changed_or_is_gone_is_said(judged: Path, checkpoint: Path) -> None:
    clip = judged / "clip.mp4"
    clip.write_bytes(clip.read_bytes() + b"\x00")
    for report in (judged / "one.json", page_in(judged)):
        ended = run_here("report", "verify", report, "--checkpoint", checkpoint)
        assert ended.status == 3 and "DIFFERS  input" in ended.out and "it was changed" in ended.out
    clip.unlink()
    ended = run_here("report", "verify", judged / "one.json", "--checkpoint", checkpoint)
    assert ended.status == 3 and "unknown  input" in ended.out


def test_an_input_is_found_whatever_its_name_is_made_of(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    picture = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    shutil.copy(media / "face.png", picture)
    run_here("scan", picture, "--json", "-o", tmp_path / "one.json", "--device", "cpu", "--checkpoint", checkpoint, "-q")
    ended = run_here("report", "verify", tmp_path / "one.json", "--checkpoint", checkpoint)
    assert ended.status == 0 and "holds    input" in ended.out


def test_other_weights_are_said(judged: Path, tiny_checkpoint: Path) -> None:
    ended = run_here("report", "verify", judged / "one.json", "--checkpoint", tiny_checkpoint)
    assert ended.status == 3 and "DIFFERS  checkpoint" in ended.out and "--checkpoint" in ended.out


def test_judged_again_it_gives_the_same_and_a_forged_score_does_not(judged: Path, checkpoint: Path) -> None:
    ended = run_here("report", "verify", judged / "one.json", "--checkpoint", checkpoint, "--rerun")
    assert ended.status == 0 and "holds    again" in ended.out
    document = json.loads((judged / "one.json").read_text())
    document["p_fake"] = 0.001 if document["p_fake"] > 0.5 else 0.999
    (judged / "forged.json").write_text(json.dumps(document))
    ended = run_here("report", "verify", judged / "forged.json", "--checkpoint", checkpoint, "--rerun")
    assert ended.status == 3 and "DIFFERS  again" in ended.out and "then, " not in ended.out.partition(", p_fake")[0]
    truth, document["outcome"] = document["outcome"], "fake" if document["outcome"] != "fake" else "genuine"
    (judged / "forged.json").write_text(json.dumps(document))
    ended = run_here("report", "verify", judged / "forged.json", "--checkpoint", checkpoint, "--rerun")
    assert ended.status == 3 and f"{document['outcome']} then, {truth} now, p_fake" in ended.out


@pytest.mark.parametrize(("part", "values"), [("settings", {"budget_seconds": 600.0}), ("video", {"reader": "live"})])
def test_what_the_speed_of_the_machine_decided_cannot_be_told_from_judging_it_again(
    judged: Path, checkpoint: Path, part: str, values: dict[str, object]
) -> None:
    document = json.loads((judged / "one.json").read_text())
    document[part].update(values)
    document["p_fake"] = 0.001 if document["p_fake"] > 0.5 else 0.999
    (judged / "other.json").write_text(json.dumps(document))
    ended = run_here("report", "verify", judged / "other.json", "--checkpoint", checkpoint, "--rerun")
    assert ended.status == 3 and "unknown  again" in ended.out and "DIFFERS" not in ended.out


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no report\n",
        "{}",
        '{"source": "a.mp4", "sha256": null, "checkpoint": {"sha256": "0"}}',
        '[{"source": 1}]',
        "<html></html>",
        '{"inputs": []}',
        '{"inputs": 3}',
        "3",
    ],
)
def test_what_is_no_report_is_refused(content: str, tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "report").write_text(content)
    for path in (tmp_path / "report", tmp_path / "gone.json"):
        ended = run_here("report", "verify", path, "--checkpoint", checkpoint)
        assert ended.status == 2 and str(path) in ended.err and "Traceback" not in ended.err
