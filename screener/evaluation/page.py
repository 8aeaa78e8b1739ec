"""An evaluation or a comparison as one self-contained web page, with the style and the security policy of the report's pages.

Decides what the page says; the templates decide how it looks. Does not compute figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from screener.evaluation import wording
from screener.evaluation.checkpoint_comparison import Comparison, Difference
from screener.evaluation.figures import FIGURE_NAMES, KINDS, Evaluation, ItemScore, Tally
from screener.evaluation.held_out import HELD_OUT_NAMES
from screener.evaluation.mistaken import most_mistaken
from screener.evaluation.plots import NEEDS_MATPLOTLIB, Chart, can_draw, charts_of, compared_roc
from screener.evaluation.slices import HEADLINES
from screener.evaluation.weaknesses import Weakness, weaknesses_of
from screener.report.html import page_environment
from screener.report.wording import capitalised, counted, spelt_out
from screener.runtime.files import write_whole

MOST_ITEMS = 5000
"""Most rows in the table of items; the JSON has every item."""

NO_CHARTS = "There is nothing to draw: no item of both classes could be scored."

Fact = tuple[str, str]


@dataclass(frozen=True)
class EvaluationPage:
    """Everything the template of an evaluation shows."""

    evaluation: Evaluation
    heading: str
    standfirst: str
    held_against: str
    weaknesses: tuple[Weakness, ...]
    charts: tuple[Chart, ...]
    no_charts: str
    outcomes: tuple[tuple[str, Tally], ...]
    operating_point: str
    reals_above: tuple[ItemScore, ...]
    fakes_below: tuple[ItemScore, ...]
    coverage: str
    data_facts: tuple[Fact, ...]
    checkpoint_facts: tuple[Fact, ...]
    run_facts: tuple[Fact, ...]
    items: tuple[ItemScore, ...]
    items_left_out: int


@dataclass(frozen=True)
class ComparisonPage:
    """Everything the template of a comparison shows. tables: title, whether rows are named by slice (else by figure), and rows."""

    comparison: Comparison
    heading: str
    standfirst: str
    facts_a: tuple[Fact, ...]
    facts_b: tuple[Fact, ...]
    common: str
    tables: tuple[tuple[str, bool, tuple[Difference, ...]], ...]
    charts: tuple[Chart, ...]
    no_charts: str


def write_evaluation_page(evaluation: Evaluation, path: Path, sections: Sequence[str] = (), faces: Mapping[str, str] | None = None) -> None:
    """Write the page of an evaluation atomically. Raises OutputError.

    sections: further sections, as safe HTML. faces: from `mistaken_faces`, by the name of the item.
    """
    write_whole(path, evaluation_html(evaluation, sections, faces))


def write_comparison_page(comparison: Comparison, path: Path) -> None:
    """Write the page of a comparison atomically. Raises OutputError."""
    write_whole(path, comparison_html(comparison))


def evaluation_html(evaluation: Evaluation, sections: Sequence[str] = (), faces: Mapping[str, str] | None = None) -> str:
    """The page as HTML. sections, faces: see `write_evaluation_page`."""
    page = _evaluation_page(evaluation)
    return _environment().get_template("evaluation.html.j2").render(page=page, sections=sections, faces=faces or {})


def comparison_html(comparison: Comparison) -> str:
    """The page as HTML."""
    return _environment().get_template("comparison.html.j2").render(page=_comparison_page(comparison))


def _evaluation_page(evaluation: Evaluation) -> EvaluationPage:
    headline = evaluation.headline
    reals, fakes = most_mistaken(evaluation)
    ordered = sorted(evaluation.items, key=lambda item: (item.label, item.method, item.name))
    return EvaluationPage(
        evaluation=evaluation,
        heading=wording.finding(evaluation),
        standfirst=_standfirst(evaluation),
        held_against=wording.held_against(headline),
        weaknesses=tuple(weaknesses_of(evaluation)),
        charts=charts_of(evaluation),
        no_charts=NO_CHARTS if can_draw() else NEEDS_MATPLOTLIB,
        outcomes=(
            ("real", headline.real_outcomes),
            *((part.name, part.fake_outcomes) for part in evaluation.slices.get("family", ())),
        ),
        operating_point=f"With {wording.weights(evaluation)}. If that point was chosen on these same videos, the table flatters.",
        reals_above=reals,
        fakes_below=fakes,
        coverage=capitalised(wording.coverage(evaluation)),
        data_facts=tuple(_data_facts(evaluation)),
        checkpoint_facts=tuple(_flat(evaluation.checkpoint)),
        run_facts=(*_flat(evaluation.settings), *((f"{name} version", version) for name, version in evaluation.versions.items())),
        items=tuple(ordered[:MOST_ITEMS]),
        items_left_out=max(0, len(ordered) - MOST_ITEMS),
    )  # fmt: skip


def _standfirst(evaluation: Evaluation) -> str:
    figures = evaluation.headline.figures
    sentences = [f"{wording.held_against(evaluation.headline)}."]
    recall, flagged = figures["recall"].value, figures["false_positive_rate"].value
    if recall is not None and flagged is not None:
        sentences.append(
            f"From p_fake {evaluation.threshold:.3f} on, {wording.percent(recall)} of the fakes are found and "
            f"{wording.percent(flagged)} of the reals flagged."
        )
    others = [part for part in evaluation.slices.get("family", ()) if part.name not in HEADLINES.get(evaluation.headline.name, ())]
    for part in others:
        auc = part.figures["video_auc"]
        if auc.value is not None:
            sentences.append(f"Kept apart: {part.name}, {counted(part.fakes_scored, 'fake')}, AUC {auc.value:.2f}.")
    return " ".join(sentences)


def _data_facts(evaluation: Evaluation) -> Iterator[Fact]:
    data = evaluation.data
    yield "Items", f"{data.items:,}: {data.reals:,} real and {data.fakes:,} fake, in {counted(data.groups, 'group')}"
    if data.copies:
        yield "Left out", f"{counted(data.copies, 'copy', 'copies')} of these items under other names"
    if data.sets:
        yield "Data sets", ", ".join(data.sets)
    yield "Read", f"{data.complete:,} completely, {data.partial:,} in part, {data.unread:,} not at all"
    yield "SHA-256 of the list", data.list_sha256
    yield "SHA-256 of the contents", data.content_sha256


def _comparison_page(comparison: Comparison) -> ComparisonPage:
    auc = comparison.of("headline")[comparison.a.headline.name]["video_auc"]
    if auc.difference is None:
        heading = f"No difference to tell: {auc.note}"
    else:
        interval = f" ({auc.interval[0]:+.2f} to {auc.interval[1]:+.2f})" if auc.interval else ""
        heading = f"B {'differs from' if auc.is_clear else 'cannot be told from'} A: AUC {auc.difference:+.2f}{interval}"
    scored = f"{counted(comparison.scored_by_both, 'item')} scored by both, {comparison.only_a} by A alone, {comparison.only_b} by B alone"
    return ComparisonPage(
        comparison=comparison,
        heading=heading,
        standfirst=f"On {comparison.a.headline.name} against reals. {capitalised(scored)}.",
        facts_a=_side_facts(comparison.name_a, comparison.a),
        facts_b=_side_facts(comparison.name_b, comparison.b),
        common=f"{capitalised(scored)}, {comparison.neither} by neither. Figures that need scores are of the items scored by both.",
        tables=tuple(_tables(comparison)),
        charts=compared_roc([("A", comparison.a), ("B", comparison.b)]),
        no_charts=NO_CHARTS if can_draw() else NEEDS_MATPLOTLIB,
    )


def _side_facts(name: str, evaluation: Evaluation) -> tuple[Fact, ...]:
    return (
        ("From", name),
        ("Checkpoint", wording.weights(evaluation)),
        ("Coverage", wording.coverage(evaluation)),
        ("SHA-256", str(evaluation.checkpoint["sha256"])),
    )


def _tables(comparison: Comparison) -> Iterator[tuple[str, bool, tuple[Difference, ...]]]:
    for kind, found in groupby(comparison.differences, key=lambda one: one.kind):
        rows = tuple(found)
        if kind == "headline":
            yield f"{capitalised(rows[0].name)} against reals", False, rows
        else:
            yield f"By {KINDS[kind]}: video AUC", True, tuple(row for row in rows if row.figure == "video_auc")


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[Fact]:
    """Names and values in words, with nested mappings flattened; hashes are renamed so that the template recognises them."""
    for key, value in values.items():
        name = f"{above}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}: ")
        else:
            words = ", ".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else "not set" if value is None else str(value)
            yield ("SHA-256" if key == "sha256" else capitalised(name)), words


@cache
def _environment() -> Environment:
    loader = ChoiceLoader([PackageLoader("screener.evaluation", "templates"), PackageLoader("screener.report", "templates")])
    environment = page_environment(loader, "style.css", "evaluation.css")
    environment.filters |= {
        "number": wording.number,
        "signed": wording.signed,
        "between": wording.between,
        "with_interval": wording.with_interval,
        "shown_by": wording.shown_by,
        "decided": wording.decided,
        "capitalised": capitalised,
        "unbroken": lambda text: text.replace(" %", "\u00a0%"),
        "spelt_out": lambda reason: spelt_out([reason])[0],
    }
    environment.globals |= {"figure_names": FIGURE_NAMES, "kinds": KINDS, "held_out_names": HELD_OUT_NAMES}
    return environment
