"""Draws learning curves as PNG and SVG with matplotlib, which is optional.

Knows epochs' figures and matplotlib. Does not know how training works.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from screener.runtime.files import telling, whole_file
from screener.training.updates import EpochFigures

FORMATS = ("png", "svg")
SIZE_INCHES = (9.0, 3.6)
MISSING = "the curves were not drawn, for matplotlib is not installed; the same numbers are in the CSV file (pip install matplotlib)"

PANELS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("log loss", (("training_loss", "training", "--"), ("validation_loss", "validation", "-"))),
    ("validation", (("validation_auc", "AUC", "-"), ("validation_f1", "F1", ":"))),
)
"""Title of each panel, and (field, label, line style) of its lines."""


def draw_curves(stem: Path, rows: Sequence[EpochFigures]) -> list[Path]:
    """`<stem>.png` and `<stem>.svg`, a colour for each fold; an empty list if matplotlib is missing. Raises OutputError."""
    try:
        figure_type = importlib.import_module("matplotlib.figure").Figure
        style = importlib.import_module("matplotlib").rc_context
    except ImportError:
        return []
    paths = []
    # A fixed salt and no date, so that the same numbers give the same file.
    with style({"svg.hashsalt": "screener", "axes.spines.top": False, "axes.spines.right": False}):
        figure = _figure(figure_type, rows)
        for kind in FORMATS:
            path = stem.with_name(f"{stem.name}.{kind}")
            metadata = {"Date": None} if kind == "svg" else {"Software": None}
            with whole_file(path) as stream, telling(path):
                figure.savefig(stream, format=kind, dpi=120, metadata=metadata)
            paths.append(path)
    return paths


def _figure(figure_type: Any, rows: Sequence[EpochFigures]) -> Any:
    figure = figure_type(figsize=SIZE_INCHES, layout="constrained")
    folds = sorted({row.fold for row in rows})
    for axes, (title, lines) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for number, fold in enumerate(folds):
            its = [row for row in rows if row.fold == fold]
            for field, words, line in lines:
                label = words if len(folds) == 1 else f"{words}, fold {fold}"
                axes.plot(
                    [row.epoch for row in its], [getattr(row, field) for row in its], line, color=f"C{number % 10}", label=label, marker="."
                )
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", frameon=False)
    return figure
