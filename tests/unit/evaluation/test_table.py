"""The terminal's tables: correct figures, within the width, readable without colour, and safe for any name."""

from __future__ import annotations

import re

import pytest

from screener.evaluation.checkpoint_comparison import Side, comparison_of
from screener.evaluation.figures import FIGURE_NAMES
from screener.evaluation.results import origin_of
from screener.evaluation.table import comparison_text, evaluation_text

from .made import evaluation, item, row, several

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_every_figure_of_the_headline_with_its_value() -> None:
    found = evaluation(*several(12))
    text = evaluation_text(found)
    for name, figure in found.headline.figures.items():
        assert figure.value is not None
        assert figure.interval is not None
        low, high = figure.interval
        assert re.search(rf"^  {re.escape(FIGURE_NAMES[name])} +{figure.value:.3f}  {low:.3f} to {high:.3f}", text, re.M), name


def test_slices_outcomes_and_scenes() -> None:
    found = evaluation(*several(12))
    text = evaluation_text(found)
    swap = next(part for part in found.slices["family"] if part.name == "swap")
    assert swap.same_scene is not None
    auc, scenes = swap.figures["video_auc"], swap.same_scene
    assert re.search(rf"^  swap +12 +12  {auc.value:.3f}  .* to .*  {scenes.auc.value:.3f}  {scenes.won:g} of 12 ", text, re.M)
    outcomes = found.headline.real_outcomes
    assert re.search(rf"^  real +{outcomes.genuine} +0 +{outcomes.fake} +100 %$", text, re.M)
    assert "taken for more genuine than real videos" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_within_the_width_and_the_same_without_colour(width: int) -> None:
    found = evaluation(*several(12))
    plain, coloured = evaluation_text(found, width), evaluation_text(found, width, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[1m" in coloured
    assert [line.rstrip() for line in ANSI.sub("", coloured).splitlines()] == plain.splitlines()
    assert max(map(len, plain.splitlines())) <= width
    assert plain.isascii()


def test_narrow_terminals_keep_the_main_columns() -> None:
    lines = evaluation_text(evaluation(*several(12)), 80).splitlines()
    assert any(line.split() == ["fake", "real", "AUC", "95", "%", "same", "scenes", "recall"] for line in lines)


def test_no_name_can_break_the_table() -> None:
    items, rows = several(2)
    evil = item("[red]x[/red]\x1b[2J\n.mp4", 1, method="[bold]\u202e\n method")
    text = evaluation_text(evaluation([*items, evil], [*rows, row(evil.path, [], coverage="none", reasons=["not_found"])]))
    assert "\x1b" not in text
    assert "[red]x[/red]\\x1b[2J\\n.mp4" in text.replace("\n", "").replace("  ", "")
    assert "\u202e" not in text


def test_what_is_missing_is_said() -> None:
    items = [item("a.mp4"), item("b.mp4"), item("c.mp4")]
    rows = [row(items[0].path, [1.0]), *(row(one.path, [], coverage="none", reasons=["not_found"], sha256=None) for one in items[1:])]
    text = evaluation_text(evaluation(items, rows))
    assert re.search(r"video AUC +- +no fake video could be scored", text)
    assert re.search(r"it cannot be found +2: b\.mp4, c\.mp4", text)
    assert "left out: takes at least 10 real" in text


def test_the_comparison() -> None:
    items, rows = several(12)
    better = [
        {**one, "frames": [{**f, "logit": f["logit"] + 2 * thing.label} for f in one["frames"]]}
        for thing, one in zip(items, rows, strict=True)
    ]
    sides = [Side(name, tuple(made), origin_of(made[0])) for name, made in (("old.safetensors", rows), ("new.safetensors", better))]
    found = comparison_of(items, sides[0], sides[1], "made")
    text = comparison_text(found)
    auc = found.of("headline")[found.a.headline.name]["video_auc"]
    assert auc.is_clear
    assert auc.interval is not None
    values = rf"{auc.a:.3f}  {auc.b:.3f}  \+{auc.difference:.3f}  \*  \+{auc.interval[0]:.3f} to \+{auc.interval[1]:.3f}"
    assert re.search(rf"^  video AUC +{values}$", text, re.M)
    assert re.search(r"^  decided", text, re.M) is None
    assert re.search(r"^  share decided +\d\.\d{3}  \d\.\d{3}  \+0\.000     \+0\.000 to \+0\.000$", text, re.M)
    assert "A: old.safetensors: made" in text
    assert "scored by both: 48" in text
    assert re.search(r"^  lip-sync +\d", text, re.M)
