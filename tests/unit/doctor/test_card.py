"""The card: a missing one is a note, one that decodes differently a failure."""

from __future__ import annotations

import re

import numpy as np
import pytest

from screener.doctor import card
from screener.doctor.findings import Examination, Finding

BLACK, GREY = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)


def card_findings(monkeypatch: pytest.MonkeyPatch, readings: dict[str, tuple[list[np.ndarray], str]]) -> list[Finding]:
    """What is said of a card that gives these pictures."""
    monkeypatch.setattr(card, "start_decoder", lambda settings: None)
    monkeypatch.setattr(card, "_read", lambda path, decoder: readings[decoder])
    examination = Examination()
    card.examine(examination, None, "auto")
    return examination.findings


def test_a_missing_card_is_a_note_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    examination = Examination()
    card.examine(examination, None, "auto")
    (finding,) = examination.findings
    assert finding.ok and finding.optional and finding.advice
    assert finding.detail.startswith("no NVIDIA card here decodes video (") and "doctor" not in finding.detail


@pytest.mark.parametrize(
    ("pictures", "reader", "said"),
    [([BLACK], "opencv", "gave up"), ([], "nvdec", "0 of 1 frames"), ([GREY], "nvdec", "differ .* by up to 1 grey levels")],
)
def test_a_card_that_decodes_otherwise_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, pictures: list[np.ndarray], reader: str, said: str
) -> None:
    opened, compared = card_findings(monkeypatch, {"cpu": ([BLACK], "opencv"), "cuda": (pictures, reader)})
    assert opened.ok and not compared.ok
    assert re.search(said, compared.detail) and "--decoder cuda" in compared.advice


def test_a_card_that_decodes_alike_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, compared = card_findings(monkeypatch, {"cpu": ([BLACK], "opencv"), "cuda": ([BLACK], "nvdec")})
    assert opened.ok and compared.ok and "the same" in compared.detail
