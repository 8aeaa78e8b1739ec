"""Plots of an evaluation as SVG elements for a page: ROC curves, reliability, and distributions of p_fake over reals and fakes.

Drawn with matplotlib, which is an extra. Colours are those of the report's style sheet, which adapts them to dark pages; lines also differ
by dashes, so that none is distinguished by colour alone. Does not know pages or files.
"""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from screener.datasets import LABELS
from screener.evaluation import metrics
from screener.evaluation.figures import Evaluation, ItemScore
from screener.evaluation.slices import HEADLINES
from screener.report.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, RULE, FAKE, REAL, OTHER = "#1d1b18", "#645f56", "#ddd7cb", "#b23a1e", "#1f6a8c", "#80620c"

STYLES: tuple[tuple[str, Any], ...] = ((REAL, (0, (6, 2))), (FAKE, (0, (2, 1.5))), (OTHER, (0, (6, 1.5, 1.5, 1.5))), (QUIET, (0, (1, 1))))
"""Colour and dashes of the lines after the first, which is solid ink."""

HISTOGRAM_BINS = 20

CLOSE, LOW_LABEL, HIGH_LABEL = 0.07, 1.02, 1.07
"""Labels above the axes that are closer than this horizontally alternate between two lines; the heights of these."""

NEEDS_MATPLOTLIB = "The plots need matplotlib: pip install 'screener-video[train]', then make this page again from its results."

Spread = tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.float64]]]
"""Labels and p_fake of scored items."""


@dataclass(frozen=True)
class Chart:
    """A drawing. svg: an element for a page. alternative: description for those who cannot see it. wide: fills the page."""

    svg: str
    caption: str
    alternative: str
    wide: bool = False


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def charts_of(evaluation: Evaluation) -> tuple[Chart, ...]:
    """The charts that the scored items allow; none without matplotlib."""
    if not can_draw():
        return ()
    headline = headline_spread(evaluation)
    drawings = [_roc_of(evaluation), _reliability(headline), _histogram(headline, evaluation)]
    return tuple(chart for chart in drawings if chart is not None)


def compared_roc(named: Sequence[tuple[str, Evaluation]]) -> tuple[Chart, ...]:
    """The headline curves of several evaluations in one chart; none without matplotlib or without both classes."""
    curves = [(name, spread) for name, evaluation in named if _has_both(spread := headline_spread(evaluation))]
    return (_roc(curves, None, "ROC curves of the headline fakes against all reals."),) if curves and can_draw() else ()


def headline_spread(evaluation: Evaluation) -> Spread:
    """Labels and scores of the reals and of the headline's fakes, for drawing."""
    return _spread(evaluation.items, HEADLINES.get(evaluation.headline.name, ()))


def _spread(items: Sequence[ItemScore], families: tuple[str, ...]) -> Spread:
    """Of all reals and of the fakes of some families."""
    chosen = [item for item in items if item.p_fake is not None and (item.label == "real" or item.family in families)]
    return np.array([LABELS[item.label] for item in chosen], np.int64), np.array([item.p_fake for item in chosen], np.float64)


def _has_both(spread: Spread) -> bool:
    return len(set(spread[0].tolist())) == 2


def _roc_of(evaluation: Evaluation) -> Chart | None:
    families = [part.name for part in evaluation.slices.get("family", ())]
    headline = headline_spread(evaluation)
    if not _has_both(headline):
        return None
    curves = [(evaluation.headline.name, headline)]
    if len(families) > 1:
        curves += [(family, _spread(evaluation.items, (family,))) for family in families]
    caption = "ROC curves: how many fakes are found at each share of falsely flagged reals. The ring is the operating point."
    return _roc([(name, spread) for name, spread in curves if _has_both(spread)], evaluation.threshold, caption)


def _roc(curves: Sequence[tuple[str, Spread]], threshold: float | None, caption: str) -> Chart:
    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1)
        for place, (name, spread) in enumerate(curves):
            colour, dashes = (INK, "solid") if not place else STYLES[(place - 1) % len(STYLES)]
            fpr, tpr = metrics.roc_points(*spread)
            label = f"{name}: AUC {metrics.roc_auc(*spread):.2f}"
            axes.plot(fpr, tpr, color=colour, linestyle=dashes, linewidth=1.4 if place else 2.2, label=label)
        if threshold is not None:
            labels, p_fake = curves[0][1]
            at = [(p_fake[labels == label] >= threshold).mean() for label in (0, 1)]
            axes.plot(*at, marker="o", markersize=7, color=INK, markerfacecolor="none", markeredgewidth=1.6)
        axes.set(
            xlabel="reals flagged (false-positive rate)", ylabel="fakes found (true-positive rate)", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02)
        )
        axes.set_aspect("equal")
        # Below the axes, because a weak checkpoint's curves fill every corner.
        axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.14), frameon=False, fontsize=8.5, labelcolor=QUIET)

    areas = ", ".join(f"{name} {metrics.roc_auc(*spread):.2f}" for name, spread in curves)
    return Chart(drawn("roc", (4.3, 4.9), draw), caption, f"ROC curves with areas: {areas}")


def _reliability(spread: Spread) -> Chart | None:
    if not _has_both(spread):
        return None
    bins = metrics.reliability(*spread)

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=RULE, linewidth=1)
        axes.plot([said for said, _, _ in bins], [true for _, true, _ in bins], color=INK, linewidth=1.2)
        for said, true, count in bins:
            axes.plot(said, true, marker="o", markersize=4 + 2.2 * np.log10(count), color=INK)
        # Above the axes, where there is no curve, and alternately one line higher where bins are close.
        for (said, _, count), height in zip(bins, count_heights([said for said, _, _ in bins]), strict=True):
            axes.text(said, height, str(count), transform=axes.get_xaxis_transform(), ha="center", color=QUIET, size=8.5)
        axes.set(xlabel="mean p_fake of the bin", ylabel="share of fakes in the bin", xlim=(-0.02, 1.02), ylim=(-0.06, 1.06))
        axes.set_aspect("equal")

    caption = (
        "Reliability: what share of the videos scored about so high are fake. On the diagonal a score means what it says, if fakes are "
        "as common as in this set. The numbers above count the videos in each bin."
    )
    told = "; ".join(f"of {counted(count, 'video')} scored {said:.2f}, {true:.0%} fake" for said, true, count in bins)
    return Chart(drawn("reliability", (4.3, 4.1), draw), caption, f"Reliability: {told}")


def count_heights(places: Sequence[float]) -> list[float]:
    """Heights above the axes, in shares of their height, so that labels at these ascending x positions do not overlap."""
    heights: list[float] = []
    for before, place in zip([-1.0, *places], places, strict=False):
        raised = bool(heights) and place - before < CLOSE and heights[-1] == LOW_LABEL
        heights.append(HIGH_LABEL if raised else LOW_LABEL)
    return heights


def _histogram(spread: Spread, evaluation: Evaluation) -> Chart | None:
    labels, p_fake = spread
    if not len(labels):
        return None
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts = {label: np.histogram(p_fake[labels == label], edges)[0] for label in (0, 1)}
    most = max(int(count.max()) for count in counts.values())

    def draw(upper: Axes, lower: Axes) -> None:
        for axes, label, colour, name in ((upper, 0, REAL, "reals"), (lower, 1, FAKE, "fakes")):
            axes.bar(edges[:-1], counts[label], width=np.diff(edges) * 0.9, align="edge", color=colour)
            axes.axvline(evaluation.threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
            axes.set(ylabel=name, ylim=(0, most * 1.12), xlim=(0, 1))
            axes.locator_params(axis="y", nbins=3, integer=True)
        upper.tick_params(labelbottom=False)
        aside, align = (4, "left") if evaluation.threshold < 0.8 else (-4, "right")
        where = (evaluation.threshold, most)
        upper.annotate("threshold", where, (aside, -2), textcoords="offset points", ha=align, color=QUIET, size=9)
        lower.set_xlabel("p_fake of the video")

    told = "; ".join(
        f"{('reals', 'fakes')[label]}: {counted(int(count[edges[:-1] >= evaluation.threshold].sum()), 'video')} of {int(count.sum())} in "
        "bins from the threshold on"
        for label, count in counts.items()
    )
    caption = "How the scores of reals and of the headline fakes are spread, in videos. From the dashed line on, a video counts as fake."
    return Chart(drawn("histogram", (8.8, 3.0), draw, rows=2), caption, f"Histogram of p_fake; {told}", wide=True)


def drawn(name: str, size_inches: tuple[float, float], draw: Callable[..., None], rows: int = 1) -> str:
    """A figure in the plain style of the report. name: distinguishes it from other charts of the page."""
    import matplotlib
    from matplotlib.figure import Figure

    # Text stays text, so that the page's fonts and search apply; a fixed salt makes the output reproducible.
    look: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": name, "text.parse_math": False, "font.size": 9.5, "legend.handlelength": 3,
        "axes.edgecolor": QUIET, "axes.labelcolor": QUIET, "xtick.color": QUIET, "ytick.color": QUIET,
        "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with matplotlib.rc_context(look):
        figure = Figure(figsize=size_inches, layout="constrained")
        draw(*np.atleast_1d(figure.subplots(rows, 1)))
        return _element(name, figure)


def _element(name: str, figure: Figure) -> str:
    """The figure as an `svg` element for a page whose policy forbids style attributes and addresses."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ElementTree.fromstring(buffer.getvalue())
    for parent in root.iter():
        for child in [child for child in parent if child.tag.endswith(("style", "metadata"))]:
            parent.remove(child)
    used = {value.removeprefix("#") for element in root.iter() for key, value in element.items() if key.endswith("href")}
    for element in root.iter():
        _plain(element, name, used)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib.update({"stroke-linejoin": "round", "stroke-linecap": "butt", "aria-hidden": "true"})
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _plain(element: ElementTree.Element, name: str, used: set[str]) -> None:
    """Turn styles into attributes, make ids unique on the page, and remove elements that draw nothing."""
    element.tag = re.sub(r"\{.*\}", "", element.tag)
    element.text, element.tail = (element.text or "").strip() or None, None
    attributes = {re.sub(r"\{.*\}", "", key): value for key, value in element.items()}
    element.attrib.clear()
    style = attributes.pop("style", "")
    declared = {key.strip(): value.strip() for key, _, value in (part.partition(":") for part in style.split(";")) if value}
    attributes |= {key: value for key, value in declared.items() if key != "font-family"}
    attributes.pop("clip-path", None)
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    for key in ("id", "href"):
        if key in attributes:
            attributes[key] = re.sub(r"^#?", lambda mark: f"{mark.group()}{name}-", attributes[key], count=1)
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    element.attrib.update(attributes)
