"""The docstrings here are plain prose, `name: what it is`. This makes lists of such lines for Sphinx, and escapes the rest."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_ITEM = re.compile(r"^(\s*)([a-z_][a-z0-9_]*(?:, [a-z_][a-z0-9_]*)*): (.+)$")
_SPECIAL = re.compile(r"([*|\\])|(?<=\w)(_)(?!\w)")


def rewrite(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """In place: paragraphs stay, `name: what` begins an item that runs to the next one or to an empty line."""
    told: list[str] = []
    within = ""
    for line in (_escaped(line) for line in lines):
        item = _ITEM.match(line)
        if item:
            if told and told[-1].strip() and not within:
                told.append("")
            told.append(f"{item[1]}* **{item[2]}**: {item[3]}")
            within = item[1] + "  "
        elif line.strip() and within:
            told.append(within + line.strip())
        else:
            within = ""
            told.append(line)
    lines[:] = told


def _escaped(line: str) -> str:
    """Characters that mean something to reStructuredText and nothing in a sentence; code between backticks stays as it is."""
    parts = line.split("`")
    return "`".join(part if n % 2 else _SPECIAL.sub(lambda found: "\\" + found[0], part) for n, part in enumerate(parts))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
