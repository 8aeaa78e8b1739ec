"""The pages: self-contained, balanced, safe for any name, and true to the evaluation."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from web_pages import read, words

from screener.evaluation import page as pages
from screener.evaluation.checkpoint_comparison import Side, comparison_of
from screener.evaluation.figures import FIGURE_NAMES, Evaluation
from screener.evaluation.page import comparison_html, evaluation_html, write_comparison_page, write_evaluation_page
from screener.evaluation.results import origin_of
from screener.evaluation.wording import with_interval

from .made import evaluation, item, row, several

ATTACK = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"


def assert_self_contained(page: str) -> None:
    found = read(page).elements
    assert not {tag for tag, _ in found} & {"script", "iframe", "object", "embed", "link", "base", "form", "img", "image"}
    for tag, attributes in found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        assert all((attributes[name] or "").startswith("#") for name in ("href", "xlink:href", "src") if name in attributes)
    assert not re.search(r"https?:|@import|url\(", page)
    policy = next(a["content"] or "" for t, a in found if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluation(*several(12))


def test_the_page_is_balanced_self_contained_and_tells_the_figures(found: Evaluation) -> None:
    page = evaluation_html(found)
    assert_self_contained(page)
    text = words(page)
    for name, figure in found.headline.figures.items():
        assert figure.value is not None
        assert f"{FIGURE_NAMES[name]} {figure.value:.3f} " in text
    assert f"AUC {found.headline.figures['video_auc'].value:.2f} (" in text
    whole = next(part for part in found.slices["family"] if part.name == "whole face").figures["video_auc"]
    assert f"Kept apart: whole face, 12 fakes, AUC {whole.value:.2f}." in text
    assert f"family whole face taken for more genuine than real videos: AUC {with_interval(whole)}" in text
    assert "method VASA-1" not in text, "the family with the same videos was named already"
    for value in (found.data.list_sha256, found.data.content_sha256, found.checkpoint["sha256"]):
        assert value in text
    drawings = [attributes for tag, attributes in read(page).elements if tag == "svg" and "viewbox" in attributes]
    assert len(drawings) == 3


def test_the_most_mistaken_are_named_in_order(found: Evaluation) -> None:
    text = words(evaluation_html(found))
    mistaken = text[text.index("Reals that score highest") : text.index("What this rests on")]
    reals = sorted((i for i in found.items if i.label == "real"), key=lambda i: -(i.p_fake or 0))[:5]
    fakes = sorted((i for i in found.items if i.family in ("swap", "lip-sync")), key=lambda i: i.p_fake or 0)[:5]
    assert re.findall(r"(?:real|swap|lip|whole)/\d+\.mp4", mistaken) == [i.name for i in (*reals, *fakes)]


def test_markup_in_every_name_is_only_text() -> None:
    items, rows = several(2)
    evil = item(ATTACK, 1, method=ATTACK, set_name=ATTACK, group="g")
    real = item("plain.mp4", method=ATTACK, set_name=ATTACK, group="g")
    checkpoint = {**rows[0]["checkpoint"], "name": ATTACK, "limits": [ATTACK], ATTACK: {ATTACK: ATTACK}}
    judged = [{**one, "checkpoint": checkpoint} for one in [*rows, row(evil.path, [0.5]), row(real.path, [], reasons=[ATTACK])]]
    page = evaluation_html(evaluation([*items, evil, real], judged, ATTACK))
    assert_self_contained(page)
    assert ATTACK in words(page)


def test_one_class_and_nobody_scored() -> None:
    items = [item("a.mp4"), item("b.mp4")]
    unread = {"coverage": "none", "reasons": ["not_found"], "sha256": None}
    page = evaluation_html(evaluation(items, [row(one.path, [], **unread) for one in items]))
    assert_self_contained(page)
    text = words(page)
    assert "No AUC: no real and no fake video could be scored" in text
    assert "it cannot be found: 2 ( a.mp4 , b.mp4 )" in text
    assert pages.NO_CHARTS in text


def test_without_matplotlib_the_page_says_so(found: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "can_draw", lambda: False)
    monkeypatch.setattr(pages, "charts_of", lambda _: ())
    text = words(evaluation_html(found))
    assert "The plots need matplotlib: pip install 'screener-video[train]'" in text
    assert "video AUC" in text


def test_more_sections_stand_before_what_it_rests_on(found: Evaluation) -> None:
    page = evaluation_html(found, ["<section><h2>Made elsewhere</h2></section>"])
    assert page.index("Made elsewhere") < page.index("What this rests on")
    assert_self_contained(page)


def test_long_lists_are_cut_and_say_so(found: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_ITEMS", 40)
    assert "8 more are left out here; evaluation.json has them all." in words(evaluation_html(found))


def test_the_comparison_tells_both_sides_and_the_difference(tmp_path: Path) -> None:
    items, rows = several(12)
    better = [
        {**one, "frames": [{**f, "logit": f["logit"] + 2 * thing.label} for f in one["frames"]]}
        for thing, one in zip(items, rows, strict=True)
    ]
    sides = [Side(name, tuple(made), origin_of(made[0])) for name, made in ((ATTACK, rows), ("b.safetensors", better))]
    found = comparison_of(items, sides[0], sides[1], "made")
    page = comparison_html(found)
    assert_self_contained(page)
    text = words(page)
    brier = found.of("headline")[found.a.headline.name]["brier"]
    assert brier.is_clear
    assert f"Brier score 24 12 {brier.a:.3f} {brier.b:.3f} {brier.difference:+.3f}*" in text
    auc = found.of("headline")[found.a.headline.name]["video_auc"]
    assert f"B differs from A: AUC {auc.difference:+.2f} (" in text
    assert ATTACK in text
    assert "48 items scored by both, 0 by A alone, 0 by B alone, 0 by neither." in text


def test_pages_are_written_whole(found: Evaluation, tmp_path: Path) -> None:
    write_evaluation_page(found, tmp_path / "e.html")
    items, rows = several(2)
    side = Side("a", tuple(rows), origin_of(rows[0]))
    write_comparison_page(comparison_of(items, side, side, "made"), tmp_path / "c.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.html", "e.html"]
    assert (tmp_path / "e.html").read_text(encoding="utf-8") == evaluation_html(found)
    assert evaluation_html(replace(found)) == evaluation_html(found)
