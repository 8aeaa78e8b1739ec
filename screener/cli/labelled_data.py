"""Reads a command's labelled data: its items, and a message about files that do not belong to the layout."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screener.datasets import LabelledItem

MOST_NAMED = 5
"""Most locations of ignored files that are named."""


def read_labelled(data: Path, layout: str | None = None) -> tuple[list[LabelledItem], str]:
    """The items, and the name of the layout. Ignored files are reported even when quiet, because figures do not reveal them."""
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
    """The folder of a file, at most two levels deep; the file name itself at the top level."""
    folders = file.parts[:-1][:2]
    return f"{'/'.join(folders)}/" if folders else file.name
