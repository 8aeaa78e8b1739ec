"""The report as web pages: one self-contained page per input, and an index of them.

A page needs no network and runs no script, and its security policy holds the browser to that. Knows templates and files; what a page says
is decided in `page`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined

from screener.records import Verdict
from screener.report.output import atomic_output
from screener.report.page import Page, Scale, page_of, scale_of
from screener.report.summary import Summary
from screener.report.wording import capitalised, coverage_in_words, headline, label, score, visible
from screener.runtime.files import make_folder, remove_leftovers, write_whole

INDEX_NAME = "index.html"

_ENDING = "-" + "[0-9a-f]" * 10 + ".html"
"""How the names of pages end, as a pattern."""

_SEVERITY = {"fake": 0, "undecided": 1, "genuine": 2}


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the index keeps of one input: no frames and no pictures, so that thousands fit into memory.

    label: the outcome, or what kept the input from getting one. finding: the headline without its first word, which the label says.
    """

    source: str
    page: str
    outcome: str
    label: str
    finding: str
    coverage: str
    scale: Scale | None


class ReportFolder:
    """A folder with one page per input and, once `finish` is called, an index of them. No verdict is kept."""

    def __init__(self, folder: Path, left_out: int = 0) -> None:
        """Makes the folder if need be, and clears away what a killed run left half-written in it. Raises OutputError.

        left_out: as in `Summary`.
        """
        make_folder(folder)
        remove_leftovers(folder)
        self._folder = folder
        self._rows: list[IndexRow] = []
        self._summary = Summary(left_out=left_out)

    def add(self, verdict: Verdict) -> Path:
        """Writes the page of one input and returns its path. Raises OutputError."""
        path = self._folder / page_name(verdict)
        write_page(verdict, path)
        self.enlist(verdict)
        return path

    def enlist(self, verdict: Verdict) -> None:
        """Takes an input into the index whose page is there already."""
        self._rows.append(index_row(verdict))
        self._summary = self._summary.plus(verdict)

    def kept_page(self, source: str) -> tuple[str, str] | None:
        """Name and SHA-256 of the page of the input so named, as it lies in the folder; None when there is none."""
        name = _page_name(source)
        try:
            with (self._folder / name).open("rb") as file:
                return name, hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    def finish(self) -> Path:
        """Writes the index of all pages added, with links to those of earlier runs, and returns its path. Raises OutputError."""
        path = self._folder / INDEX_NAME
        mine = {row.page for row in self._rows}
        earlier = sorted(page.name for page in self._folder.glob(f"*{_ENDING}") if page.name not in mine)
        _write_index_rows(self._rows, self._summary, path, earlier)
        return path


def write_page(verdict: Verdict, path: Path) -> None:
    """The page of one input, whole or not at all. Raises OutputError."""
    write_whole(path, page_html(verdict), follow=False)


def write_index(verdicts: Iterable[Verdict], path: Path) -> None:
    """The index of inputs whose pages lie beside it under `page_name`, whole or not at all. Raises OutputError."""
    rows, summary = [], Summary()
    for verdict in verdicts:
        rows.append(index_row(verdict))
        summary = summary.plus(verdict)
    _write_index_rows(rows, summary, path)


def page_html(verdict: Verdict) -> str:
    """The whole page as text."""
    return rendered(page_of(verdict))


def rendered(page: Page) -> str:
    """The text of a page whose content is there already."""
    return _environment().get_template("page.html.j2").render(page=page)


def page_style() -> str:
    """The style sheet of every page."""
    return str(_environment().globals["style"])


def page_policy() -> str:
    """The security policy that every page carries, for a server that gives pages out."""
    return str(_environment().globals["policy"])


def page_name(verdict: Verdict) -> str:
    """The file name of an input's page: what can be read of its name, and a hash that keeps equal names in different folders apart."""
    return _page_name(verdict.source)


def _page_name(source: str) -> str:
    digest = hashlib.blake2s(source.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    last = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    # Letters of every script stay; 60 of four bytes each fit into a file name.
    readable = re.sub(r"[^\w.-]+", "_", last).strip("._-")[:60].strip("._-")
    return f"{readable or 'input'}-{digest}.html"


def index_row(verdict: Verdict) -> IndexRow:
    """What the index says of one input."""
    return IndexRow(
        source=visible(verdict.source),
        page=page_name(verdict),
        outcome=verdict.outcome,
        label=label(verdict),
        finding=capitalised(headline(verdict).partition(": ")[2]),
        coverage=coverage_in_words(verdict),
        scale=scale_of(verdict, verdict),
    )


def _write_index_rows(rows: Iterable[IndexRow], summary: Summary, path: Path, earlier: Sequence[str] = ()) -> None:
    """Fakes first, then the undecided; within each the highest score first. earlier: names of pages that other runs have written."""
    ordered = sorted(rows, key=lambda row: (_SEVERITY[row.outcome], -row.scale.p_fake if row.scale else 0.0, row.source))
    with atomic_output(path, follow=False) as output:
        stream = _environment().get_template("index.html.j2").stream(rows=ordered, summary=summary, earlier=earlier)
        # Jinja2 yields every few characters; larger pieces spare ten thousand small writes.
        stream.enable_buffering(512)
        for piece in stream:
            output.write(piece)


@cache
def _environment() -> Environment:
    return page_environment(PackageLoader("screener.report", "templates"), "style.css")


def page_environment(loader: BaseLoader, *style_names: str) -> Environment:
    """Templates of pages that keep to the policy of this module; `style_names` are those of its style sheets, in their order."""
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = "".join(loader.get_source(environment, name)[0] for name in style_names)
    environment.filters.update({"score": score, "visible": visible})
    environment.globals.update(_page_globals(style))
    return environment


def _page_globals(style: str) -> dict[str, Any]:
    """The style sheet, and a policy that allows it by its hash, pictures inside the page, and nothing else whatever."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return {"style": style, "policy": policy}
