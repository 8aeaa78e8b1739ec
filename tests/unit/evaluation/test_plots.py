"""Plots that are allowed by the page's security policy, adapt to dark mode, and have a description in words."""

from __future__ import annotations

import builtins
import importlib.util
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest

from screener.evaluation import plots
from screener.evaluation.figures import Evaluation
from screener.evaluation.plots import HIGH_LABEL, LOW_LABEL, Chart, charts_of, compared_roc, count_heights, headline_spread

from .made import evaluation, item, row, several


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluation(*several(12))


@pytest.fixture(scope="module")
def charts(found: Evaluation) -> tuple[Chart, ...]:
    return charts_of(found)


def elements(chart: Chart) -> Iterator[ElementTree.Element]:
    return ElementTree.fromstring(chart.svg).iter()


def words(chart: Chart) -> list[str]:
    return [element.text or "" for element in elements(chart) if element.tag == "text"]


def test_nothing_that_the_policy_of_a_page_forbids(charts: tuple[Chart, ...]) -> None:
    assert len(charts) == 3
    for chart in charts:
        assert not re.search(r"https?:|url\(|<style|<script|<image", chart.svg)
        for element in elements(chart):
            assert "style" not in element.attrib
            assert not any(name.startswith("on") for name in element.attrib)


def test_references_stay_inside_and_names_differ_between_charts(charts: tuple[Chart, ...]) -> None:
    seen: set[str] = set()
    for chart in charts:
        own = {element.attrib["id"] for element in elements(chart) if "id" in element.attrib}
        used = {element.attrib["href"] for element in elements(chart) if "href" in element.attrib}
        assert used
        assert used == {f"#{name}" for name in own}
        assert not own & seen
        seen |= own


def test_only_colours_that_the_page_can_turn(charts: tuple[Chart, ...]) -> None:
    turned = {plots.INK, plots.QUIET, plots.RULE, plots.FAKE, plots.REAL, plots.OTHER, "none"}
    for chart in charts:
        for element in elements(chart):
            if element.tag != "text":
                assert {element.attrib.get(name, "none") for name in ("stroke", "fill")} <= turned


def test_axes_are_labelled_and_lines_differ_by_dashes(charts: tuple[Chart, ...]) -> None:
    roc, reliability, histogram = (words(chart) for chart in charts)
    assert {"reals flagged (false-positive rate)", "fakes found (true-positive rate)"} <= set(roc)
    assert {"mean p_fake of the bin", "share of fakes in the bin"} <= set(reliability)
    assert {"p_fake of the video", "reals", "fakes", "threshold"} <= set(histogram)
    lines = [e.attrib for e in elements(charts[0]) if e.attrib.get("stroke-width") in ("1.4", "2.2") and " L " in e.attrib.get("d", "")]
    assert len({line.get("stroke-dasharray") for line in lines}) == len({line["stroke"] for line in lines}) == 4


def test_the_legend_and_the_alternative_tell_the_areas(found: Evaluation, charts: tuple[Chart, ...]) -> None:
    auc = found.headline.figures["video_auc"].value
    assert f"{found.headline.name}: AUC {auc:.2f}" in words(charts[0])
    assert f"{found.headline.name} {auc:.2f}" in charts[0].alternative
    whole = next(part for part in found.slices["family"] if part.name == "whole face").figures["video_auc"].value
    assert f"whole face: AUC {whole:.2f}" in words(charts[0])
    labels, p_fake = headline_spread(found)
    flagged = int((p_fake[labels == 0] >= 0.6).sum())
    assert f"reals: {flagged} video" in charts[2].alternative


def test_the_headline_leaves_other_families_out(found: Evaluation) -> None:
    labels, _ = headline_spread(found)
    assert np.bincount(labels).tolist() == [12, 24]


def test_one_class_leaves_the_histogram() -> None:
    items = [item("a.mp4"), item("b.mp4")]
    (chart,) = charts_of(evaluation(items, [row(one.path, [1.0]) for one in items]))
    assert chart.wide
    assert charts_of(evaluation(items, [row(one.path, []) for one in items])) == ()


def test_two_checkpoints_in_one_chart(found: Evaluation) -> None:
    (chart,) = compared_roc([("A $x$", found), ("B", found)])
    assert any(text.startswith("A $x$: AUC") for text in words(chart))


def test_without_matplotlib_there_are_no_charts(found: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    real_find, real_import = importlib.util.find_spec, builtins.__import__

    def refuse(name: str, *arguments: object, **options: object) -> object:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real_import(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else real_find(name))
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert charts_of(found) == compared_roc([("A", found)]) == ()


def test_numbers_above_bins_that_lie_close_stand_on_two_lines() -> None:
    assert count_heights([0.05, 0.10, 0.15, 0.40]) == [LOW_LABEL, HIGH_LABEL, LOW_LABEL, LOW_LABEL]
    assert count_heights([0.5]) == [LOW_LABEL]
    assert count_heights([]) == []
