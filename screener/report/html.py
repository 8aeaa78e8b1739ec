"""The report as web pages: one self-contained page per input, and an index of them.

A page needs no network and runs no script; the index runs one, which sorts and filters. Security policies hold the browser to that. Knows
templates and files; what a page says is decided in `page`.
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
from screener.report.page import Page, Scale, page_of, scale_of, thumbnail_of
from screener.report.summary import Summary
from screener.report.wording import capitalised, coverage_in_words, headline, label, moment, score, visible
from screener.runtime.files import make_folder, remove_leftovers, write_whole

INDEX_NAME = "index.html"

_ENDING = "-" + "[0-9a-f]" * 10 + ".html"
"""How the names of pages end, as a pattern."""

MOST_THUMBNAILS = 2000
"""Inputs whose face the index shows: with tens of thousands it would be too long for a browser, and for memory."""

_HEAD_BYTES = 1 << 15
"""Of a page, its head and the icon in it."""

_SEVERITY = {"fake": 0, "undecided": 1, "genuine": 2}


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the index keeps of one input: no frames and no pictures, so that thousands fit into memory.

    label: the outcome, or what kept the input from getting one. finding: the headline without its first word, which the label says.
    thumbnail: data URI of the most suspicious face, "" without one.
    """

    source: str
    page: str
    outcome: str
    label: str
    finding: str
    coverage: str
    scale: Scale | None
    scanned: str
    thumbnail: str


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
        self._finished = False

    def add(self, verdict: Verdict) -> Path:
        """Writes the page of one input and returns its path. Raises OutputError."""
        path = self._folder / page_name(verdict)
        write_page(verdict, path, INDEX_NAME)
        self._enlist(verdict, thumbnail_of(verdict))
        return path

    def enlist(self, verdict: Verdict) -> None:
        """Takes an input into the index whose page is there already. The page has the face that a kept verdict no longer has."""
        self._enlist(verdict, _icon_of(self._folder / page_name(verdict)))

    def _enlist(self, verdict: Verdict, thumbnail: str) -> None:
        kept = thumbnail if len(self._rows) < MOST_THUMBNAILS else ""
        self._rows.append(index_row(verdict, kept))
        self._summary = self._summary.plus(verdict)

    def kept_page(self, source: str) -> tuple[str, str] | None:
        """Name and SHA-256 of the page of the input so named, as it lies in the folder; None when there is none."""
        name = _page_name(source)
        try:
            with (self._folder / name).open("rb") as file:
                return name, hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    @property
    def written(self) -> list[Path]:
        """The pages of this run's inputs, and the index if it is there already."""
        index = self._folder / INDEX_NAME
        return [*(self._folder / row.page for row in self._rows), *([index] if self._finished else [])]

    def finish(self) -> Path:
        """Writes the index of all pages added, with links to those of earlier runs, and returns its path. Raises OutputError."""
        path = self._folder / INDEX_NAME
        mine = {row.page for row in self._rows}
        earlier = sorted(page.name for page in self._folder.glob(f"*{_ENDING}") if page.name not in mine)
        _write_index_rows(self._rows, self._summary, path, earlier)
        self._finished = True
        return path


def write_page(verdict: Verdict, path: Path, index: str = "") -> None:
    """The page of one input, whole or not at all. index: see `page_html`. Raises OutputError."""
    write_whole(path, page_html(verdict, index), follow=False)


def write_index(verdicts: Iterable[Verdict], path: Path) -> None:
    """The index of inputs whose pages lie beside it under `page_name`, whole or not at all. Raises OutputError."""
    rows, summary = [], Summary()
    for verdict in verdicts:
        rows.append(index_row(verdict, thumbnail_of(verdict)))
        summary = summary.plus(verdict)
    _write_index_rows(rows, summary, path)


def page_html(verdict: Verdict, index: str = "") -> str:
    """The whole page as text. index: where the page of all inputs lies, relative to this one; "" without one."""
    return rendered(page_of(verdict), index)


def rendered(page: Page, index: str = "") -> str:
    """The text of a page whose content is there already. index: see `page_html`."""
    return _environment().get_template("page.html.j2").render(page=page, index=index)


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


def index_row(verdict: Verdict, thumbnail: str = "") -> IndexRow:
    """What the index says of one input. thumbnail: data URI of a face in it."""
    return IndexRow(
        source=visible(verdict.source),
        page=page_name(verdict),
        outcome=verdict.outcome,
        label=label(verdict),
        finding=capitalised(headline(verdict).partition(": ")[2]),
        coverage=coverage_in_words(verdict),
        scale=scale_of(verdict, verdict),
        scanned=moment(verdict.scanned_at),
        thumbnail=thumbnail,
    )


def _icon_of(page: Path) -> str:
    """The data URI of a page's icon, which is the face that decides; "" without one."""
    try:
        with page.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    found = re.search(rb'<link rel="icon" href="(data:image/jpeg;base64,[A-Za-z0-9+/=]+)">', head)
    return found[1].decode("ascii") if found else ""


def _write_index_rows(rows: Iterable[IndexRow], summary: Summary, path: Path, earlier: Sequence[str] = ()) -> None:
    """Fakes first, then the undecided; within each the highest score first. earlier: names of pages that other runs have written."""
    ordered = sorted(rows, key=lambda row: (_SEVERITY[row.outcome], -row.scale.p_fake if row.scale else 0.0, row.source))
    script = _index_script()
    policy = f"{_environment().globals['policy']}; script-src '{_digest(script)}'"
    with atomic_output(path, follow=False) as output:
        stream = (
            _environment()
            .get_template("index.html.j2")
            .stream(rows=ordered, summary=summary, earlier=earlier, labels=_labels(ordered), script=script, policy=policy)
        )
        # Jinja2 yields every few characters; larger pieces spare ten thousand small writes.
        stream.enable_buffering(512)
        for piece in stream:
            output.write(piece)


def _labels(rows: Iterable[IndexRow]) -> list[str]:
    """The kinds of outcome that there are, the most severe first, to filter by."""
    return list(dict.fromkeys(row.label for row in rows))


@cache
def _index_script() -> str:
    loader = PackageLoader("screener.report", "templates")
    return loader.get_source(_environment(), "index.js")[0]


@cache
def _environment() -> Environment:
    return page_environment(PackageLoader("screener.report", "templates"), "style.css")


def page_environment(loader: BaseLoader, *style_names: str) -> Environment:
    """Templates of pages that keep to the policy of this module; `style_names` are those of its style sheets, in their order."""
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = "".join(loader.get_source(environment, name)[0] for name in style_names)
    environment.filters.update({"score": score, "visible": visible, "capitalised": capitalised})
    environment.globals.update(_page_globals(style))
    return environment


def _page_globals(style: str) -> dict[str, Any]:
    """The style sheet, and a policy that allows it by its hash, pictures inside the page, and nothing else whatever."""
    policy = f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; base-uri 'none'; form-action 'none'"
    return {"style": style, "policy": policy}


def _digest(text: str) -> str:
    """As a security policy names a style sheet or a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
