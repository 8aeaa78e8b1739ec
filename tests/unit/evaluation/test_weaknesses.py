"""Weaknesses are selected by rules: each rule against hand-made cases, and nothing beyond the rules."""

from __future__ import annotations

from dataclasses import replace

from screener.evaluation.figures import NO_SPREAD, Evaluation, Figure, Slice
from screener.evaluation.held_out import HeldOut
from screener.evaluation.weaknesses import weaknesses_of

from .made import evaluation, several


def part(kind: str, name: str, base: Slice, auc: Figure, rate: Figure | None = None, coverage: float = 1.0) -> Slice:
    figures = {"video_auc": auc, "false_positive_rate": rate or Figure(0.0, (0.0, 0.0)), "coverage": Figure(coverage, (coverage, 1.0))}
    return replace(base, kind=kind, name=name, figures={**base.figures, **figures})


def judged(*parts: Slice, held_out: HeldOut | None = None) -> list[str]:
    base = evaluation(*several(3))
    headline = part("headline", "swaps", base.headline, Figure(0.9, (0.8, 1.0)))
    slices: dict[str, tuple[Slice, ...]] = {}
    for one in parts:
        if one.kind == "headline":
            headline = one
        else:
            slices[one.kind] = (*slices.get(one.kind, ()), one)
    found: Evaluation = replace(base, headline=headline, slices=slices, held_out=held_out or HeldOut(0.05, {}, "too few"))
    return [f"{weakness.where}: {weakness.finding}" for weakness in weaknesses_of(found)]


BASE = evaluation(*several(3)).headline
GOOD, CHANCE, WRONG = Figure(0.9, (0.5, 1.0)), Figure(0.7, (0.49, 0.9)), Figure(0.2, (0.1, 0.49))


def test_good_figures_name_nothing() -> None:
    assert judged() == []
    assert judged(part("method", "m", BASE, GOOD), part("method", "one video", BASE, Figure(0.1))) == []


def test_chance_and_worse() -> None:
    little_better = Figure(0.71, (0.49, 0.9))
    parts = [part("method", "m", BASE, CHANCE), part("method", "n", BASE, WRONG), part("face_px", "40 to 60 px", BASE, little_better)]
    assert judged(*parts) == [
        "method m: may be no better than chance",
        "method n: taken for more genuine than real videos",
        "face size 40 to 60 px: may be no better than chance",
    ]


def test_fakes_that_are_all_below_the_reals_are_named_without_an_interval() -> None:
    assert judged(part("method", "m", BASE, Figure(0.0, note=NO_SPREAD)), part("method", "n", BASE, Figure(1.0, note=NO_SPREAD))) == [
        "method m: taken for more genuine than real videos"
    ]


def test_the_same_videos_are_named_once() -> None:
    assert judged(part("family", "swap", BASE, CHANCE), part("method", "the only swap", BASE, CHANCE)) == [
        "family swap: may be no better than chance"
    ]


def test_more_reals_flagged_than_promised() -> None:
    over, within = Figure(0.2, (0.06, 0.4)), Figure(0.2, (0.05, 0.4))
    flagged = "flags more than the 5 % of the operating point"
    assert judged(part("headline", "swaps", BASE, GOOD, over)) == [f"swaps: {flagged}"]
    assert judged(part("real", "phones", BASE, GOOD, over)) == [f"kind of real phones: {flagged}"]
    assert judged(part("real", "phones", BASE, GOOD, within)) == []
    # A method's slice has everyone's reals: that they are flagged is said once.
    assert judged(part("method", "m", BASE, GOOD, over)) == []


def test_low_coverage() -> None:
    assert judged(part("headline", "swaps", BASE, GOOD, coverage=0.89)) == ["swaps: many videos could not be scored"]
    assert judged(part("headline", "swaps", BASE, GOOD, coverage=0.90)) == []


def test_held_out() -> None:
    fine = HeldOut(0.05, {"ece": (0.1, 0.1), "real_flagged": (0.1, 0.1)})
    assert judged(held_out=fine) == []
    lucky = HeldOut(0.05, {"ece": (0.1, 0.2), "ece_by_luck": (0.16, 0.16), "real_flagged": (0.1, 0.1)})
    assert judged(held_out=lucky) == []
    poor = HeldOut(0.05, {"ece": (0.1, 0.2), "real_flagged": (0.2, 0.1)})
    assert judged(held_out=poor) == [
        "calibration: scores are off as probabilities on groups not fitted to",
        "threshold: flags more than twice the 5 % it was chosen for, on groups not fitted to",
    ]
