"""Reads files of results, with one line of a verdict's public JSON per input, checks them, and matches them with labelled items.

Knows lines and paths, and that all lines of one file must come from the same weights and settings. Does not know scores or figures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from screener.datasets import LabelledItem
from screener.errors import DatasetError
from screener.video.sources import printable_name

Row = Mapping[str, Any]

RESULTS_NAME = "results.jsonl"

WITHOUT_INFLUENCE = (
    "batch_size",
    "thumbnails",
    "time_limit_seconds",
    "stream_seconds",
    "max_download_bytes",
    "decoder_memory_mb",
    "stall_seconds",
    "allow_private",
)
"""Settings of a scan that may differ between two lines of one file, because no score depends on them."""

CUT_SHORT = ("limit_time", "limit_size", "timeout", "decoder_crash", "stream_lost", "output_failed")
"""Reasons that another run may not give: a limit that `WITHOUT_INFLUENCE` allows to differ, or an accident."""

REQUIRED = ("source", "outcome", "coverage", "reasons", "threshold", "operating_point", "people", "frames", "checkpoint", "settings")


@dataclass(frozen=True)
class Origin:
    """How a file of results was made: checkpoint as `Checkpoint.summary()`, settings of the scan, and the threshold."""

    checkpoint: dict[str, Any]
    settings: dict[str, Any]
    threshold: float
    operating_point: dict[str, float]

    @property
    def name(self) -> str:
        """Name of the checkpoint; empty if the results do not say."""
        return str(self.checkpoint.get("name", ""))

    @property
    def sha256(self) -> str:
        """Hash of the checkpoint's file."""
        return str(self.checkpoint["sha256"])


def place(path: str | os.PathLike[str]) -> str:
    """Identifies a file: its real path, as printed in results. Relative paths start from the current folder."""
    return printable_name(os.path.realpath(path))


def is_results(path: Path) -> bool:
    """Whether a path is a file of results or an evaluation's folder, and not a checkpoint. Raises DatasetError if it cannot be read."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}; give a checkpoint or a file of results") from error
    # A checkpoint begins with the length of its header, whose upper bytes are zero.
    return head.startswith(b'{"') and b"\0" not in head


def read_rows(results: Path) -> list[Row]:
    """Every line of a file of results. Raises DatasetError naming the first invalid line."""
    try:
        lines = results.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{results}: cannot be read as results of screener scan --jsonl: {error}") from error
    return [_row(results, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _row(results: Path, number: int, line: str) -> Row:
    where = f"{results}, line {number}: cannot be read as a result of screener scan --jsonl"
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error
    missing = [name for name in REQUIRED if name not in row] if isinstance(row, dict) else list(REQUIRED)
    if missing:
        raise DatasetError(f"{where}: it lacks {missing[0]}; give the file that `screener scan --jsonl -o` or `screener evaluate -o` wrote")
    return dict(row)


def origin_of(row: Row) -> Origin:
    """Checkpoint, settings and threshold of a row of results."""
    return Origin(dict(row["checkpoint"]), dict(row["settings"]), float(row["threshold"]), dict(row["operating_point"]))


def common_origin(rows: Sequence[Row], results: Path) -> Origin:
    """The origin of all rows of a file. Raises DatasetError if they differ, or if there are none."""
    if not rows:
        raise DatasetError(f"{results}: holds no results")
    first = origin_of(rows[0])
    for number, row in enumerate(rows[1:], 2):
        if what := difference(first, origin_of(row)):
            raise DatasetError(f"{results}, result {number}: was made with another {what} than the first; scan again into a new file")
    return first


def chosen_by_scores(origin: Origin) -> str:
    """The setting by which a scan chose frames by their scores; empty if it took them evenly.

    A verdict keeps frames that were examined more closely out of its score, and a row does not say which they are: no score of the verdict
    can be computed from it.
    """
    return next((name for name in ("until_sure", "budget_seconds") if origin.settings.get(name)), "")


def difference(one: Origin, other: Origin) -> str:
    """How two origins differ, with both values; empty if they do not."""
    if one.sha256 != other.sha256:
        return f"checkpoint ({_named(other)}, not {_named(one)})"
    names = sorted((set(one.settings) | set(other.settings)) - set(WITHOUT_INFLUENCE))
    for name in names:
        if one.settings.get(name) != other.settings.get(name):
            return f"setting {name} ({other.settings.get(name)!r}, not {one.settings.get(name)!r})"
    if one.threshold != other.threshold or one.operating_point != other.operating_point:
        return f"threshold ({other.threshold:g}, not {one.threshold:g})"
    return ""


def _named(origin: Origin) -> str:
    return f"{origin.name or 'unnamed'}, sha256 {origin.sha256[:16]}"


def is_cut_short(row: Row) -> bool:
    """Whether an input was not judged completely for a reason that lies in the run and not in the file."""
    return row["coverage"] != "complete" and bool(set(CUT_SHORT) & set(row["reasons"]))


def latest_by_place(rows: Sequence[Row]) -> dict[str, Row]:
    """Rows by the real path of their input; if there are several for one input, the last one."""
    return {place(row["source"]): row for row in rows}


def rows_of(items: Sequence[LabelledItem], rows: Sequence[Row], results: Path) -> list[Row]:
    """The row of each item, in the order of the items. Raises DatasetError if one is missing."""
    by_place = latest_by_place(rows)
    missing = [item.name for item in items if place(item.path) not in by_place]
    if missing:
        raise DatasetError(f"{results}: lacks {len(missing)} of {len(items)} videos, such as {missing[0]}; scan them too")
    return [by_place[place(item.path)] for item in items]
