"""Curves of robustness, one chart for each kind of perturbation, as SVG elements for a page.

Drawn with matplotlib, which is an extra, in the style of the other plots of an evaluation. Does not know pages or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from screener.evaluation.plots import FAKE, INK, QUIET, REAL, RULE, Chart, can_draw, drawn
from screener.evaluation.robustness import Condition, Robustness
from screener.perturbation.kinds import PERTURBATIONS
from screener.report.wording import capitalised

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (4.3, 3.8)

LINES = (
    ("AUC", "auc", INK, "solid"),
    ("fakes caught", "caught", FAKE, (0, (6, 2))),
    ("reals flagged", "flagged", REAL, (0, (2, 1.5))),
    ("coverage", "coverage", QUIET, (0, (1, 1))),
)
"""Label of each line, its field in a condition, colour and dashes."""


def robustness_charts(robustness: Robustness) -> tuple[Chart, ...]:
    """A chart for each kind; none without matplotlib."""
    return tuple(_chart(kind, (robustness.clean, *robustness.of(kind))) for kind in robustness.kinds) if can_draw() else ()


def _chart(kind: str, conditions: Sequence[Condition]) -> Chart:
    perturbation = PERTURBATIONS[kind]

    def draw(axes: Axes) -> None:
        axes.axhline(0.5, color=RULE, linewidth=1)
        strengths = [condition.strength for condition in conditions]
        for name, field, colour, dashes in LINES:
            figures = [getattr(condition, field) for condition in conditions]
            values = [np.nan if figure.value is None else figure.value for figure in figures]
            if field == "auc":
                low, high = ([np.nan if figure.interval is None else figure.interval[end] for figure in figures] for end in (0, 1))
                axes.fill_between(strengths, low, high, color=colour, alpha=0.12, linewidth=0)
            width, marker = (2.2, "o") if field == "auc" else (1.4, "")
            axes.plot(strengths, values, color=colour, linestyle=dashes, linewidth=width, marker=marker, markersize=4, label=name)
        axes.set(ylim=(-0.03, 1.03), xlabel=f"strength ({perturbation.parameter})")
        axes.set_xticks(strengths, [_tick(condition) for condition in conditions], fontsize=8.5)
        axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.3), ncols=2, frameon=False, fontsize=8.5, labelcolor=QUIET)

    caption = f"{capitalised(perturbation.words)}. The band is the 95 % interval of the AUC; the thin line is chance."
    return Chart(drawn(f"perturb-{kind}", SIZE_INCHES, draw), caption, _alternative(conditions))


def _tick(condition: Condition) -> str:
    return f"{condition.strength}\n({condition.parameter.split()[-1]})" if condition.kind else "as it is"


def _alternative(conditions: Sequence[Condition]) -> str:
    """`AUC as it is 0.80, quality 90 0.79, ...`."""
    told = [f"{condition.parameter or 'as it is'} {condition.auc.value:.2f}" for condition in conditions if condition.auc.value is not None]
    return f"AUC {', '.join(told)}" if told else "No AUC could be measured"
