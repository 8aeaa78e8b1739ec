"""Verdicts -> reports: text, JSON, CSV and web pages, one module each, and the outputs they are written to.

Knows the records and the errors only. Reports return text or write to a given path or stream; they never print and never exit. To add a
streaming format, write a class with the methods of `Writer` and add it to `WRITERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from screener.report.csv_table import CsvWriter, PeopleCsvWriter
from screener.report.json_document import JsonWriter, load_schema
from screener.report.json_lines import JsonLinesWriter
from screener.report.output import Output, appended_lines, atomic_output
from screener.report.progress import ScanProgress, progress_for
from screener.report.summary import Summary
from screener.report.text import TextWriter
from screener.report.wording import counted, visible
from screener.report.writer import Writer

if TYPE_CHECKING:
    from screener.report.html import ReportFolder, page_name, write_index, write_page

_OF_PAGES = ("ReportFolder", "page_name", "write_index", "write_page")
"""Loaded on first use: most scans write no page, and its templates take 0.1 s to import."""

WRITERS: dict[str, Callable[[int | None, bool, int | None], Writer]] = {
    "text": TextWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "csv": CsvWriter,
    "people-csv": PeopleCsvWriter,
}
"""Every streaming report by name; each implements `Writer`."""

__all__ = [
    "WRITERS",
    "Output",
    "ReportFolder",
    "ScanProgress",
    "Summary",
    "Writer",
    "appended_lines",
    "atomic_output",
    "counted",
    "load_schema",
    "page_name",
    "progress_for",
    "visible",
    "write_index",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name in _OF_PAGES:
        from screener.report import html

        return getattr(html, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
