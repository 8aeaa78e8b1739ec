"""`scan --stress`: its results in every report, an unchanged verdict, and the cost announced beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import AS_MANY, PASSES_ALL, Ended, run_here
from jsonschema import Draft202012Validator
from PIL import Image

import screener
from screener import ScanSettings, SettingsError
from screener.perturbation.applied import STRESS
from screener.report import load_schema

FEW = ("--frames", "5", "--device", "cpu", "--dtype", "float32", *AS_MANY)


def scanned(checkpoint: Path, *arguments: str | Path) -> Ended:
    return run_here("scan", *arguments, *FEW, "--checkpoint", checkpoint)


@pytest.fixture(scope="module")
def stressed(media: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A folder with the JSON and the page of a clip with two people, and what the command said."""
    folder = tmp_path_factory.mktemp("stressed")
    output = ("--json", "-o", folder / "pair.json", "--report", folder / "pages")
    return folder, scanned(checkpoint, media / "pair.mp4", "--stress", *output)


def test_the_json_holds_the_schema_and_says_what_holds(stressed: tuple[Path, Ended]) -> None:
    found = json.loads((stressed[0] / "pair.json").read_text())
    Draft202012Validator(load_schema()).validate(found)
    stress = found["stress"]
    assert [one["name"] for one in stress["changes"]] == [f"{one.kind} {one.level:g}" for one in STRESS]
    assert stress["tipped_by"] == [one["name"] for one in stress["changes"] if one["outcome"] != found["outcome"]]
    assert stress["stable"] is (stress["tipped_by"] == [])
    for person, told in zip(found["people"], stress["people"], strict=True):
        after = [next(p for p in one["people"] if p["track_id"] == person["track_id"]) for one in stress["changes"]]
        tipped = [one["name"] for one, p in zip(stress["changes"], after, strict=True) if p["outcome"] != person["outcome"]]
        assert (told["track_id"], told["tipped_by"]) == (person["track_id"], tipped)
        assert len({p["p_fake"] for p in after} | {person["p_fake"]}) > 3  # each change really changed the score
    assert found["timing_seconds"]["stress"] > 0


def test_the_cost_is_said_before_unless_quiet(stressed: tuple[Path, Ended], media: Path, checkpoint: Path) -> None:
    before, _, after = stressed[1].err.partition("--stress judges each face 6 more times")
    assert after and "blur, kernel 9" in after and "judged" not in before
    assert "more times" not in scanned(checkpoint, media / "face.png", "--stress", "-q").err


def test_without_the_option_nothing_else_is_said(stressed: tuple[Path, Ended], media: Path, checkpoint: Path, tmp_path: Path) -> None:
    ended = scanned(checkpoint, media / "pair.mp4", "--json", "--report", tmp_path)
    plain, found = json.loads(ended.out), json.loads((stressed[0] / "pair.json").read_text())
    assert found["settings"].pop("stress") is True and "stress" in found and "stress" not in plain["settings"]
    del found["stress"], found["timing_seconds"], plain["timing_seconds"], found["scanned_at"], plain["scanned_at"]
    assert plain == found
    assert "Does it hold" not in next(tmp_path.glob("pair*.html")).read_text()


def test_page_and_text_say_it(stressed: tuple[Path, Ended], media: Path, checkpoint: Path) -> None:
    page = next((stressed[0] / "pages").glob("pair*.html")).read_text()
    assert "Does it hold" in page and all(one.words[1:] in page for one in STRESS)
    ended = scanned(checkpoint, media / "one.mp4", "--stress", "--threshold", str(PASSES_ALL), "--min-face-px", "20")
    assert "stress: stable, genuine after all 6 changes (H.264 re-compression, down-scaling and blur)" in ended.out
    assert "stress: nobody was judged" in scanned(checkpoint, media / "notes.txt", "--stress").out


def test_verify_repeats_it_and_finds_what_was_forged(stressed: tuple[Path, Ended], checkpoint: Path) -> None:
    report = stressed[0] / "pair.json"
    ended = run_here("report", "verify", report, "--checkpoint", checkpoint, "--rerun")
    assert ended.status == 0 and "holds    stress" in ended.out
    for key, value in (("tipped_by", ["blur 7"] * 9), ("changes", 3)):
        found = json.loads(report.read_text())
        found["stress"][key] = value
        (forged := stressed[0] / "forged.json").write_text(json.dumps(found))
        ended = run_here("report", "verify", forged, "--checkpoint", checkpoint, "--rerun")
        assert ended.status == 3 and "DIFFERS  stress" in ended.out and "holds    again" in ended.out, ended


def test_a_journal_keeps_it(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    journal, run = tmp_path / "journal", (media / "face.png", "--stress", "--json")
    first = scanned(checkpoint, *run, "--journal", journal)
    again = scanned(checkpoint, *run, "--journal", journal)
    assert "taken from" in again.err and again.out == first.out and json.loads(again.out)["stress"]["changes"]


@pytest.mark.parametrize("choosing", [("--until-sure",), ("--budget", "9")])
def test_what_chooses_its_frames_by_scores_is_refused(choosing: tuple[str, ...], media: Path, checkpoint: Path) -> None:
    ended = run_here("scan", media / "one.mp4", "--stress", *choosing, "--checkpoint", checkpoint)
    assert ended.status == 2 and "stress judges the frames of an even sample" in ended.err and ended.out == ""


def test_from_python(media: Path, checkpoint: Path) -> None:
    settings = ScanSettings(stress=True, threshold=PASSES_ALL, min_face_px=20, device="cpu", dtype="float32")
    verdict = screener.scan(media / "face.png", settings, checkpoint)
    assert [one.outcome for one in verdict.stress] == ["genuine"] * len(STRESS)
    assert screener.scan(media / "notes.txt", settings, checkpoint).to_dict()["stress"] is None
    frame = np.ascontiguousarray(np.asarray(Image.open(media / "face.png").convert("RGB")), np.uint8)
    given = screener.scan_frames([frame], settings=settings, checkpoint=checkpoint)
    assert [one.p_fake for one in given.stress] == [one.p_fake for one in verdict.stress]
    with pytest.raises(SettingsError, match="use scan with stress"):
        next(screener.scan_stream(media / "one.mp4", settings, checkpoint))
