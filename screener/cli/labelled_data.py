"""Labelled data as a command was given it: its items, and word of what lies beside them and is not taken."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screener.datasets import LabelledItem

MOST_NAMED = 5
"""Places whose files are not taken that are told."""


def read_labelled(data: Path, layout: str | None = None) -> tuple[list[LabelledItem], str]:
    """The items, and the name of the layout. What is not taken is told also when quiet: figures look the same without it."""
    from screener.datasets import not_taken, read_data, recognise

    layout = layout or recognise(data)
    items = read_data(data, layout)
    left = not_taken(data, items, layout)
    if left:
        sys.stderr.write(f"screener: {_in_words(data, left, layout)}\n")
        sys.stderr.flush()
    return items, layout


def _in_words(data: Path, left: list[Path], layout: str) -> str:
    from screener.datasets import LAYOUTS
    from screener.report.wording import counted, visible

    places = Counter(_place(file.relative_to(data)) for file in left)
    named = [visible(f"{place} ({count})" if count > 1 else place) for place, count in places.most_common(MOST_NAMED)]
    more = f" and {len(places) - MOST_NAMED} more places" if len(places) > MOST_NAMED else ""
    files = counted(len(left), "video or picture is", "videos and pictures are")
    return f"{visible(str(data))}: {files} not taken: {', '.join(named)}{more}; the layout {layout} has {LAYOUTS[layout].shape}"


def _place(file: Path) -> str:
    """The folder that a file lies in, two levels down at most; the file itself where it lies at the top."""
    folders = file.parts[:-1][:2]
    return f"{'/'.join(folders)}/" if folders else file.name
