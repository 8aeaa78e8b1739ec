"""Pages show where a face is blended only for checkpoints whose locator was measured to be good enough, and only on faces judged fake."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import FAILS_ALL, JUDGED_FRAMES, PASSES_ALL, run_here
from face_media import FRAMES, pair, write_picture

from screener import ScanSettings, Screener
from screener.checkpoint import Localisation, Measured, load_checkpoint, save_contract
from screener.checkpoint.json_fields import to_plain

EARNED = Localisation(
    pictures=200,
    level=0.3,
    pixel_auc=Measured(0.95, 0.94, 0.96),
    overlap=Measured(0.7, 0.68, 0.72),
    fixed_overlap=Measured(0.5, 0.48, 0.52),
    gain=Measured(0.2, 0.18, 0.22),
    pointing=Measured(0.9, 0.88, 0.92),
    marked_on_reals=0.01,
)
NOT_EARNED = replace(EARNED, gain=Measured(0.01, -0.01, 0.03))


def measured(checkpoint: Path, found: Localisation, path: Path) -> Path:
    contract = load_checkpoint(checkpoint).contract
    save_contract(path, replace(contract, figures={**contract.figures, "localisation": to_plain(found)}), checkpoint)
    return path


@pytest.fixture(scope="module")
def earned(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measured(checkpoint, EARNED, tmp_path_factory.mktemp("earned") / "earned.safetensors")


@pytest.fixture(scope="module")
def not_earned(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measured(checkpoint, NOT_EARNED, tmp_path_factory.mktemp("not-earned") / "not_earned.safetensors")


def scanned(media: Path, checkpoint: Path, threshold: float, to: Path) -> tuple[dict[str, Any], str]:
    """The JSON row and the page of the clip with one person."""
    run_here(
        "scan", media / "one.mp4", "--checkpoint", checkpoint, "--threshold", str(threshold), "--frames", str(JUDGED_FRAMES),
        "--device", "cpu", "--dtype", "float32", "--report", to, "--jsonl", "-o", to / "row.jsonl", "-q",
    )  # fmt: skip
    (page,) = to.glob("one*.html")
    return json.loads((to / "row.jsonl").read_text()), page.read_text()


def scores(row: dict[str, Any]) -> list[tuple[float, float]]:
    return [(frame["logit"], frame["p_fake"]) for frame in row["frames"]]


def test_only_an_earned_map_over_a_fake_face_is_drawn(
    media: Path, earned: Path, not_earned: Path, checkpoint: Path, tmp_path: Path
) -> None:
    for folder in "abcd":
        (tmp_path / folder).mkdir()
    row, page = scanned(media, earned, FAILS_ALL, tmp_path / "a")
    assert row["outcome"] == "fake" and row["checkpoint"]["localisation"]["overlap"] == 0.7
    assert 'class="located"' in page and "Outlined on faces judged fake" in page and "overlapped by 0.70" in page
    assert "blend_map" not in json.dumps(row)
    genuine, without = scanned(media, earned, PASSES_ALL, tmp_path / "b")
    assert genuine["outcome"] == "genuine" and 'class="located"' not in without and "Outlined" not in without
    unearned, bare = scanned(media, not_earned, FAILS_ALL, tmp_path / "c")
    assert unearned["outcome"] == "fake" and 'class="located"' not in bare and "localisation" not in unearned["checkpoint"]
    never, _ = scanned(media, checkpoint, FAILS_ALL, tmp_path / "d")
    assert scores(row) == scores(genuine) == scores(unearned) == scores(never)


def test_maps_are_kept_for_the_evidence_alone(media: Path, earned: Path, not_earned: Path) -> None:
    settings = ScanSettings(frames=JUDGED_FRAMES, threshold=FAILS_ALL, thumbnails=2, device="cpu", dtype="float32")
    verdict = Screener(settings, earned).scan(media / "one.mp4")
    kept = [score for score in verdict.frames if score.blend_map is not None]
    assert len(verdict.frames) == JUDGED_FRAMES and len(kept) == 2
    assert all(score.thumbnail_rgb is not None for score in kept)
    for score in kept:
        assert score.blend_map is not None and score.blend_map.shape == (4, 4) and np.all((score.blend_map >= 0) & (score.blend_map <= 1))
    bare = Screener(settings, not_earned).scan(media / "one.mp4")
    assert all(score.blend_map is None for score in bare.frames)
    assert [score.logit for score in bare.frames] == [score.logit for score in verdict.frames]


def test_in_company_only_the_fake_person_is_outlined(tmp_path: Path, earned: Path) -> None:
    """In this picture the two people lie on either side of 0.5, by the calibration of these tests' checkpoint."""
    settings = ScanSettings(frames=JUDGED_FRAMES, threshold=0.5, device="cpu", dtype="float32")
    verdict = Screener(settings, earned).scan(write_picture(tmp_path / "pair.png", pair(FRAMES // 2)))
    fakes = {person.track_id for person in verdict.people if person.outcome == "fake"}
    assert len(verdict.people) == 2 and len(fakes) == 1
    assert {score.track_id for score in verdict.frames if score.blend_map is not None} == fakes
