"""The exit status of `scan`, in order of priority."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import FAILS_ALL, NEVER_DECIDES, PASSES_ALL, run_here

from screener.faces import MtcnnDetector

GENUINE, FAKE, UNDECIDED = ["--threshold", str(PASSES_ALL)], ["--threshold", str(FAILS_ALL)], ["--fpr", str(NEVER_DECIDES)]


@pytest.mark.parametrize(
    ("names", "options", "status"),
    [
        (["face.png"], GENUINE, 0),
        (["face.png"], FAKE, 1),
        (["face.png"], UNDECIDED, 3),
        (["face.png"], [*UNDECIDED, "--allow-incomplete"], 0),
        (["face.png", "notes.txt"], GENUINE, 3),
        (["face.png", "notes.txt"], [*GENUINE, "--allow-incomplete"], 0),
        (["notes.txt", "face.png"], FAKE, 1),
        (["notes.txt", "face.png"], [*FAKE, "--allow-incomplete"], 1),
        (["missing.png", "gone.png"], [], 2),
        (["missing.png"], ["--allow-incomplete"], 2),
        (["missing.png", "face.png"], GENUINE, 3),
        (["missing.png", "notes.txt"], [], 3),
        (["notes.txt"], [], 3),
    ],
)
def test_status_of_what_was_found(media: Path, checkpoint: Path, names: list[str], options: list[str], status: int) -> None:
    ended = run_here("scan", *(media / name for name in names), *options, "--checkpoint", checkpoint)
    assert ended.status == status, ended


def test_not_being_able_to_run_comes_before_a_fake(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    (tmp_path / "taken").write_text("a file where a folder should be", encoding="utf-8")
    for report in (tmp_path / "taken", tmp_path / "taken" / "below"):
        assert run_here("scan", media / "face.png", *FAKE, "--report", report, "--checkpoint", checkpoint).status == 2
    ended = run_here("scan", media / "face.png", *FAKE, "--report", pages, "-o", tmp_path / "taken" / "x.txt", "--checkpoint", checkpoint)
    assert ended.status == 2


def test_a_fault_of_the_program_is_never_mistaken_for_a_fake(media: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(detector: MtcnnDetector, pictures: object) -> None:
        raise RuntimeError("the detector broke")

    monkeypatch.setattr(MtcnnDetector, "detect_all", broken)
    ended = run_here("scan", media / "face.png", "--checkpoint", checkpoint)
    assert ended.status == 2
    assert "the detector broke" in ended.err
