"""Labelled items in, the result of each out: scanned by the same path as every scan, or read from a file of results.

Each result is on the disk before the next item is started, so that a stop costs at most one item, and a repeated run finishes the work.
Does not compute figures, print or exit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from screener.checkpoint import Checkpoint, scored_alike
from screener.datasets import LabelledItem, missing_files
from screener.errors import DatasetError, SettingsError
from screener.evaluation.results import (
    RESULTS_NAME,
    Origin,
    Row,
    chosen_by_scores,
    common_origin,
    difference,
    is_cut_short,
    latest_by_place,
    origin_of,
    place,
    read_rows,
    rows_of,
)
from screener.report import Output, ScanProgress, appended_lines
from screener.runtime.file_hash import sha256_of
from screener.scanning.screener import Screener
from screener.video import SourceFailure, file_source

StartProgress = Callable[[int, int], ScanProgress]
"""Called once with (items judged already, items still to judge)."""

Guard = Callable[[], AbstractContextManager[None]]
"""Context in which a result is written, so that a signal does not interrupt the writing."""


def judge(
    items: Sequence[LabelledItem], screener: Screener, start: StartProgress, results: Path | None = None, guard: Guard = nullcontext
) -> tuple[list[Row], Origin]:
    """Scan every item that is not in `results` yet, and append it there. Returns the result of each item in order, and their origin.

    results: None keeps nothing. A file that has changed since it was judged, or that a limit or an accident cut short, is judged again.
    Raises DatasetError if no file exists, or if `results` comes from other weights, settings or data, SettingsError for settings that
    choose frames by their scores, and OutputError.
    """
    if len(missing := missing_files(items)) == len(items):
        raise DatasetError(f"none of the {len(items)} files is there, such as {missing[0].path}; relative paths start at the list's folder")
    origin = origin_of_screener(screener)
    if setting := chosen_by_scores(origin):
        raise SettingsError(f"{setting}: labelled data is judged on frames at even steps; leave it out of the configuration here")
    with ExitStack() as stack:
        output = stack.enter_context(appended_lines(results)) if results is not None else None
        rows = _kept(items, origin, results) if results is not None else {}
        waiting = [item for item in {place(item.path): item for item in items}.values() if place(item.path) not in rows]
        progress = stack.enter_context(start(len(items) - len(waiting), len(waiting)))
        for item in waiting:
            rows[place(item.path)] = _judge_one(item, screener, progress, output, guard)
    return [rows[place(item.path)] for item in items], origin


def _judge_one(item: LabelledItem, screener: Screener, progress: ScanProgress, output: Output | None, guard: Guard) -> Row:
    progress.start(item.name)
    # By its absolute path, so that the file of results means the same wherever it is read.
    verdict = screener.scan(file_source(item.path.absolute()), progress.advance)
    line = verdict.to_json()
    with guard():
        if output is not None:
            output.write(line + "\n")
        progress.done(verdict)
    # Through its JSON, so that a resumed run gives the same figures to the last digit.
    row: Row = json.loads(line)
    return row


def origin_of_screener(screener: Screener) -> Origin:
    """The origin of this screener's results."""
    # A verdict without opening anything.
    return origin_of(json.loads(screener.scan(SourceFailure("nothing", "not_found", "")).to_json()))


def _kept(items: Sequence[LabelledItem], origin: Origin, results: Path) -> dict[str, Row]:
    """Results of an earlier run that are still valid, by place."""
    rows = latest_by_place(read_rows(results))
    by_place = {place(item.path): item for item in items}
    for found, row in rows.items():
        if what := difference(origin, origin_of(row)):
            raise DatasetError(f"{results}: was made with another {what}; name another folder, or the same weights and settings")
        if found not in by_place:
            raise DatasetError(f"{results}: holds {row['source']}, which is not in this data; name another folder")
    return {found: row for found, row in rows.items() if not is_cut_short(row) and sha256_of(by_place[found].path) == row["sha256"]}


def read_results(items: Sequence[LabelledItem], results: Path, checkpoint: Checkpoint | None) -> tuple[list[Row], Origin]:
    """The result of each item, from the output of `screener scan --jsonl -o` or of an evaluation, and their origin.

    results: that file, or the folder of an evaluation. checkpoint: that they must come from; None accepts any. Raises DatasetError if an
    item is missing, the rows have different origins, or their frames were chosen by scores.
    """
    file = results / RESULTS_NAME if results.is_dir() else results
    rows = read_rows(file)
    origin = common_origin(rows, file)
    if setting := chosen_by_scores(origin):
        raise DatasetError(
            f"{file}: was made with {setting}, which examines frames the more closely the more they look fake, and the results do not say "
            "which; scan again without it"
        )
    if checkpoint is not None:
        if checkpoint.sha256 != origin.sha256:
            if origin.sha256 in scored_alike(checkpoint):
                raise DatasetError(
                    f"{file}: was made with the weights of {checkpoint.path} before they were calibrated anew (sha256 "
                    f"{origin.sha256[:16]}): its probabilities and outcomes are of the calibration and thresholds of then; leave --results "
                    "out to scan with those of now, or leave --checkpoint out to see what those of then decided"
                )
            raise DatasetError(
                f"{file}: was made with the checkpoint {origin.name!r}, sha256 {origin.sha256[:16]}, not with "
                f"{checkpoint.contract.name!r}, sha256 {checkpoint.sha256[:16]}; name its own with --checkpoint"
            )
        origin.checkpoint.setdefault("pooling", checkpoint.contract.pooling)
    return rows_of(items, rows, file), origin
