"""The report as web pages: one self-contained page per input, and an index of them.

A page needs no network and runs no script; the index runs one, which sorts and filters. A content security policy enforces this. Knows
templates and files; `page` decides what a page says.
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
"""Glob pattern for the end of a page's file name."""

MOST_THUMBNAILS = 2000
"""Number of inputs whose face the index shows; tens of thousands would be too much for a browser, and for memory."""

_HEAD_BYTES = 1 << 15
"""Bytes read from the start of a page to find its icon."""

_SEVERITY = {"fake": 0, "undecided": 1, "genuine": 2}


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One input's entry in the index: no frames and no pictures, so that thousands fit into memory.

    label: the outcome, or why there is none. finding: the headline without its first word, which the label repeats.
    thumbnail: data URI of the most suspicious face, "" if there is none.
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
    """A folder with one page per input and, after `finish`, an index of them. Keeps no verdict in memory."""

    def __init__(self, folder: Path, left_out: int = 0) -> None:
        """Create the folder if needed, and remove temporary files of a killed run. Raises OutputError.

        left_out: as in `Summary`.
        """
        make_folder(folder)
        remove_leftovers(folder)
        self._folder = folder
        self._rows: list[IndexRow] = []
        self._summary = Summary(left_out=left_out)
        self._finished = False

    def add(self, verdict: Verdict) -> Path:
        """Write the page of one input and return its path. Raises OutputError."""
        path = self._folder / page_name(verdict)
        write_page(verdict, path, INDEX_NAME)
        self._enlist(verdict, thumbnail_of(verdict))
        return path

    def enlist(self, verdict: Verdict) -> None:
        """Add an input whose page already exists to the index. The face comes from the page, since a resumed verdict has no crops."""
        self._enlist(verdict, _icon_of(self._folder / page_name(verdict)))

    def _enlist(self, verdict: Verdict, thumbnail: str) -> None:
        kept = thumbnail if len(self._rows) < MOST_THUMBNAILS else ""
        self._rows.append(index_row(verdict, kept))
        self._summary = self._summary.plus(verdict)

    def kept_page(self, source: str) -> tuple[str, str] | None:
        """File name and SHA-256 of the existing page of the input with this name, or None."""
        name = _page_name(source)
        try:
            with (self._folder / name).open("rb") as file:
                return name, hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    @property
    def written(self) -> list[Path]:
        """The pages of this run's inputs, and the index if it exists."""
        index = self._folder / INDEX_NAME
        return [*(self._folder / row.page for row in self._rows), *([index] if self._finished else [])]

    def finish(self) -> Path:
        """Write the index of all pages added, with links to those of earlier runs, and return its path. Raises OutputError."""
        path = self._folder / INDEX_NAME
        mine = {row.page for row in self._rows}
        earlier = sorted(page.name for page in self._folder.glob(f"*{_ENDING}") if page.name not in mine)
        _write_index_rows(self._rows, self._summary, path, earlier)
        self._finished = True
        return path


def write_page(verdict: Verdict, path: Path, index: str = "") -> None:
    """Write the page of one input atomically. index: see `page_html`. Raises OutputError."""
    write_whole(path, page_html(verdict, index), follow=False)


def write_index(verdicts: Iterable[Verdict], path: Path) -> None:
    """Write the index of inputs atomically; their pages are in the same folder, named by `page_name`. Raises OutputError."""
    rows, summary = [], Summary()
    for verdict in verdicts:
        rows.append(index_row(verdict, thumbnail_of(verdict)))
        summary = summary.plus(verdict)
    _write_index_rows(rows, summary, path)


def page_html(verdict: Verdict, index: str = "") -> str:
    """The page as HTML. index: link to the index, relative to this page; "" if there is none."""
    return rendered(page_of(verdict), index)


def rendered(page: Page, index: str = "") -> str:
    """The HTML of a page with this content. index: see `page_html`."""
    return _environment().get_template("page.html.j2").render(page=page, index=index)


def page_style() -> str:
    """The style sheet of every page."""
    return str(_environment().globals["style"])


def page_policy() -> str:
    """The content security policy of every page, for a server that sends it as a header."""
    return str(_environment().globals["policy"])


def page_name(verdict: Verdict) -> str:
    """The file name of an input's page: its readable name, and a hash that distinguishes equal names in different folders."""
    return _page_name(verdict.source)


def _page_name(source: str) -> str:
    digest = hashlib.blake2s(source.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    last = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    # Letters of every script are kept, of up to four bytes each; a file name holds 255 bytes, with the hash and the longest suffix.
    readable = re.sub(r"[^\w.-]+", "_", last).strip("._-")[:55].strip("._-")
    return f"{readable or 'input'}-{digest}.html"


def index_row(verdict: Verdict, thumbnail: str = "") -> IndexRow:
    """The index entry of one input. thumbnail: data URI of a face in it."""
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
    """The data URI of a page's icon, which is the most suspicious face; "" if there is none."""
    try:
        with page.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return ""
    found = re.search(rb'<link rel="icon" href="(data:image/jpeg;base64,[A-Za-z0-9+/=]+)">', head)
    return found[1].decode("ascii") if found else ""


def _write_index_rows(rows: Iterable[IndexRow], summary: Summary, path: Path, earlier: Sequence[str] = ()) -> None:
    """Sorted by outcome, fake first, then by score, highest first. earlier: names of pages written by other runs."""
    ordered = sorted(rows, key=lambda row: (_SEVERITY[row.outcome], -row.scale.p_fake if row.scale else 0.0, row.source))
    script = _index_script()
    policy = f"{_environment().globals['policy']}; script-src '{_digest(script)}'"
    with atomic_output(path, follow=False) as output:
        stream = (
            _environment()
            .get_template("index.html.j2")
            .stream(rows=ordered, summary=summary, earlier=earlier, labels=_labels(ordered), script=script, policy=policy)
        )
        # Jinja2 yields every few characters; buffering avoids ten thousand small writes.
        stream.enable_buffering(512)
        for piece in stream:
            output.write(piece)


def _labels(rows: Iterable[IndexRow]) -> list[str]:
    """The outcomes that occur, the most severe first, for the filter."""
    return list(dict.fromkeys(row.label for row in rows))


@cache
def _index_script() -> str:
    loader = PackageLoader("screener.report", "templates")
    return loader.get_source(_environment(), "index.js")[0]


@cache
def _environment() -> Environment:
    return page_environment(PackageLoader("screener.report", "templates"), "style.css")


def page_environment(loader: BaseLoader, *style_names: str) -> Environment:
    """A Jinja2 environment for pages under this module's security policy; `style_names` are the style sheets to inline, in order."""
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = "".join(loader.get_source(environment, name)[0] for name in style_names)
    environment.filters.update({"score": score, "visible": visible, "capitalised": capitalised})
    environment.globals.update(_page_globals(style))
    return environment


def _page_globals(style: str) -> dict[str, Any]:
    """The style sheet, and a policy that allows only it (by its hash) and pictures embedded in the page."""
    policy = f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; base-uri 'none'; form-action 'none'"
    return {"style": style, "policy": policy}


def _digest(text: str) -> str:
    """The hash by which a content security policy allows a style sheet or a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
