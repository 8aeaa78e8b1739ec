"""Figures in words."""

from __future__ import annotations

import re

import pytest

from screener.evaluation import wording
from screener.evaluation.figures import Figure, Tally

from .made import evaluation, item, row, several


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Figure(0.6473, (0.5111, 0.785)), "0.647 (0.511 to 0.785)"),
        (Figure(1.0), "1.000"),
        (Figure(None, note="no real video could be scored"), "-"),
    ],
)
def test_a_figure_with_its_interval(figure: Figure, words: str) -> None:
    assert wording.with_interval(figure) == words


def test_shares_and_signs() -> None:
    assert [wording.percent(share) for share in (0.05, 0.333333, 1.0, 0.0)] == ["5 %", "33.3 %", "100 %", "0 %"]
    assert [wording.signed(value) for value in (0.05, -0.1, 0.0, None)] == ["+0.050", "-0.100", "+0.000", "-"]
    assert wording.decided(Tally(1, 1, 2)) == "75 %"
    assert wording.decided(Tally()) == "-"


def test_what_was_evaluated() -> None:
    items, rows = several(3)
    found = evaluation(items, rows)
    assert wording.subject(found) == "made: 12 items, 3 real and 9 fake, in 6 groups"
    assert wording.weights(found) == "made (sha256 abababababababab), fake from 0.600 on, its operating point at 5 % false positives"
    assert wording.held_against(found.headline) == "6 fake, 3 real"
    assert wording.coverage(found) == "12 of 12 scored, 12 read completely"
    by_hand = evaluation(items, [{**one, "operating_point": {}} for one in rows])
    assert wording.weights(by_hand).endswith("fake from 0.600 on, set by hand")


def test_the_finding() -> None:
    items, rows = several(12, gap=9.0)
    spread = wording.finding(evaluation(*several(12, gap=1.0)))
    assert re.fullmatch(r"AUC 0\.\d\d \(0\.\d\d to [01]\.\d\d\) on swaps, lip-syncs and reenactments", spread)
    assert wording.finding(evaluation(items, rows)) == "AUC 1.00 on swaps, lip-syncs and reenactments"
    alone = [item("a.mp4"), item("b.mp4")]
    without = evaluation(alone, [row(alone[0].path, [1.0]), row(alone[1].path, [], coverage="none", reasons=["not_found"])])
    assert wording.finding(without) == "No AUC: no fake video could be scored"
    assert wording.held_against(without.headline) == "0 of 0 fake, 1 of 2 real"
    assert wording.coverage(without) == "1 of 2 scored, 1 read completely, 1 not at all"
