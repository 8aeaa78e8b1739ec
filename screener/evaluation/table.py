"""An evaluation or a comparison as text for a terminal or a pipe: aligned columns without lines, colour only as emphasis.

Knows figures and widths. Does not know the stream that it is written to.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from screener.evaluation.checkpoint_comparison import Comparison, Difference
from screener.evaluation.figures import FIGURE_NAMES, KINDS, Evaluation, Slice
from screener.evaluation.held_out import HELD_OUT_NAMES
from screener.evaluation.weaknesses import weaknesses_of
from screener.evaluation.wording import (
    between,
    coverage,
    decided,
    held_against,
    number,
    percent,
    shown_by,
    signed,
    subject,
    weights,
)
from screener.report.wording import capitalised, counted, spelt_out, visible

PIPED_WIDTH = 120
"""Number of columns if there is no terminal."""

ROOMY_WIDTH = 100
"""Minimum number of columns for complete tables of slices."""

MOST_NAMES = 3
"""Number of item names that are listed for one reason."""

COMPARED_FIGURE = "video_auc"
"""The figure that a comparison's table shows for each slice; the JSON has all figures."""


def evaluation_text(evaluation: Evaluation, width: int = PIPED_WIDTH, colour: bool = False) -> str:
    """The whole evaluation, ending in a line break. width: columns. colour: whether ANSI codes may be used."""
    console = _console(width, colour)
    for line in (subject(evaluation), weights(evaluation), coverage(evaluation)):
        console.print(Text(visible(line)))
    _section(
        console, f"{capitalised(evaluation.headline.name)} against reals", _figures(evaluation.headline), held_against(evaluation.headline)
    )
    for kind in KINDS:
        if parts := evaluation.slices.get(kind):
            _section(console, f"By {KINDS[kind]}", _slices(parts, narrow=width < ROOMY_WIDTH))
    _section(console, "Outcomes at the operating point", _outcomes(evaluation))
    _held_out(console, evaluation)
    if found := weaknesses_of(evaluation):
        _section(console, "Where it fails", _rows(((w.where, shown_by(w)) for w in found), ("", "")))
    if evaluation.not_scored:
        _section(console, "Not scored", _rows(((spelt_out([s.reason])[0], _names(s.names)) for s in evaluation.not_scored), ("", "")))
    return _text(console)


def comparison_text(comparison: Comparison, width: int = PIPED_WIDTH, colour: bool = False) -> str:
    """The differences, B minus A, ending in a line break."""
    console = _console(width, colour)
    console.print(Text(visible(subject(comparison.a))))
    for name, label, side in (("A", comparison.name_a, comparison.a), ("B", comparison.name_b, comparison.b)):
        console.print(Text(visible(f"{name}: {label}: {weights(side)}; {coverage(side)}")))
    console.print(Text(_common(comparison)))
    for kind, slices in groupby(comparison.differences, key=lambda one: one.kind):
        rows = list(slices)
        chosen = rows if kind == "headline" else [one for one in rows if one.figure == COMPARED_FIGURE]
        heading = f"{capitalised(rows[0].name)} against reals" if kind == "headline" else f"By {KINDS[kind]}: video AUC"
        _section(console, heading, _differences(chosen, named=kind != "headline"))
    console.print()
    console.print(Text("B - A with its 95 % interval; * where the interval leaves out zero. Both resampled with the same videos."))
    return _text(console)


def _common(comparison: Comparison) -> str:
    alone = [f"{count} by {who} alone" for who, count in (("A", comparison.only_a), ("B", comparison.only_b)) if count]
    neither = [f"{comparison.neither} by neither"] if comparison.neither else []
    return f"scored by both: {', '.join([str(comparison.scored_by_both), *alone, *neither])}"


def _console(width: int, colour: bool) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False, markup=False,
        emoji=False, legacy_windows=False,
    )  # fmt: skip


def _text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "".join(line.rstrip() + "\n" for line in console.file.getvalue().splitlines())


def _section(console: Console, heading: str, content: RenderableType, aside: str = "") -> None:
    console.print()
    console.print(Text.assemble((visible(heading), "bold"), f"   {aside}" if aside else ""))
    console.print(Padding(content, (0, 0, 0, 2)))


def _rows(rows: Iterable[Sequence[str]], headings: Sequence[str], numbers: Sequence[int] = ()) -> Table:
    """A table without lines. numbers: indices of right-aligned columns."""
    table = Table(box=None, pad_edge=False, show_header=any(headings), header_style="dim", padding=(0, 2, 0, 0))
    for place, heading in enumerate(headings):
        # Columns without a heading contain words, which may be wrapped; numbers may not.
        table.add_column(Text(heading), justify="right" if place in numbers else "left", overflow="fold", no_wrap=bool(heading))
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table


def _figures(part: Slice) -> Table:
    rows = [(FIGURE_NAMES[name], number(f.value), between(f.interval), f.note) for name, f in part.figures.items()]
    scenes = part.same_scene
    if scenes is not None:
        count = f"{counted(scenes.scenes, 'scene')}, {scenes.reals} real, {scenes.fakes} fake"
        rows.append(("same scenes: AUC", number(scenes.auc.value), between(scenes.auc.interval), count))
        won = f"{scenes.won:g} of {counted(scenes.pairs, 'pair')}"
        rows.append(("same scenes: fake above real", number(scenes.share_won.value), between(scenes.share_won.interval), won))
    return _rows(rows, ("", "value", "95 % interval", ""), numbers=(1,))


def _slices(parts: Sequence[Slice], narrow: bool) -> Table:
    left_out = ("pairs won", "FPR") if narrow else ()
    rows = [{name: cell for name, cell in _slice(part).items() if name not in left_out} for part in parts]
    headings = list(rows[0])
    numbers = [place for place, name in enumerate(headings) if name in ("fake", "real", "AUC", "same scenes", "recall", "FPR")]
    return _rows([list(row.values()) for row in rows], headings, numbers)


def _slice(part: Slice) -> dict[str, str]:
    scenes, figures = part.same_scene, part.figures
    return {
        "": part.name,
        "fake": str(part.fakes_scored),
        "real": str(part.reals_scored),
        "AUC": number(figures["video_auc"].value),
        "95 %": between(figures["video_auc"].interval, places=2),
        "same scenes": "" if scenes is None else number(scenes.auc.value),
        "pairs won": "" if scenes is None else f"{scenes.won:g} of {scenes.pairs}",
        "recall": number(figures["recall"].value),
        "FPR": number(figures["false_positive_rate"].value),
    }


def _outcomes(evaluation: Evaluation) -> Table:
    tallies = [("real", evaluation.headline.real_outcomes)]
    tallies += [(part.name, part.fake_outcomes) for part in evaluation.slices.get("family", ())]
    rows = [(name, str(t.genuine), str(t.undecided), str(t.fake), decided(t)) for name, t in tallies]
    return _rows(rows, ("", "genuine", "undecided", "fake", "decided"), numbers=(1, 2, 3, 4))


def _held_out(console: Console, evaluation: Evaluation) -> None:
    held = evaluation.held_out
    if held.note:
        _section(console, "Calibrated on half of the groups, tested on the other half", Text(f"left out: {held.note}"))
        return
    rows = [
        (HELD_OUT_NAMES[name], number(sum(values) / len(values)), f"{min(values):.3f} to {max(values):.3f}")
        for name, values in held.figures.items()
    ]
    aside = f"{counted(held.divisions, 'division')}, threshold for {percent(held.fpr)} false positives"
    _section(console, "Calibrated on half of the groups, tested on the other half", _rows(rows, ("", "mean", "range"), numbers=(1,)), aside)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{len(names)}: {', '.join(names[:MOST_NAMES])}{more}"


def _differences(differences: Sequence[Difference], named: bool) -> Table:
    """One figure per row: the same of several slices, which are named, or several of one slice."""
    rows = [
        (
            one.name if named else FIGURE_NAMES[one.figure],
            number(one.a),
            number(one.b),
            signed(one.difference),
            "*" if one.is_clear else "",
            "" if one.interval is None else _signed_range(one.interval),
            one.note,
        )
        for one in differences
    ]
    return _rows(rows, ("", "A", "B", "B - A", "", "95 % interval", ""), numbers=(1, 2, 3))


def _signed_range(interval: tuple[float, float]) -> str:
    return f"{signed(interval[0])} to {signed(interval[1])}"
