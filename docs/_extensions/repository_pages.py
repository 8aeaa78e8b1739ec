"""Pages that lie outside `docs/` are included whole; their links to files of the repository lead to pages of the site instead."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

PAGES = {
    "(CODE_OF_CONDUCT.md)": "(code-of-conduct.md)",
    "(MODEL_CARD.md)": "(model-card.md)",
    "(../NOTICE)": "(notice.md)",
}


def lead_to_pages(app: Sphinx, relative_path: Path, parent_docname: str, content: list[str]) -> None:
    """In place, as Sphinx's event `include-read` wants it."""
    for link, page in PAGES.items():
        content[0] = content[0].replace(link, page)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("include-read", lead_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
