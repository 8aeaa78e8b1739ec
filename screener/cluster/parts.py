"""Verdicts in, the Parquet file of a shard out, and back without loss. Columns beside the verdict are for queries.

Knows verdicts and bytes, not stores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from screener.cluster.manifest import from_parquet, to_parquet
from screener.journal.exact import from_plain, to_plain
from screener.records import Verdict
from screener.report import Summary


class Part:
    """The rows of a shard as they come; pictures that a verdict carries for reports are dropped at once."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._counts = Summary()

    def add(self, index: int, verdict: Verdict) -> None:
        """index: of the input, in the whole run."""
        self._counts = self._counts.plus(verdict)
        self._rows.append(_columns(index, verdict))

    def whole(self) -> tuple[bytes, dict[str, Any]]:
        """The file, and its counts for the ledger."""
        return to_parquet(self._rows, schema()), {"rows": len(self._rows), "counts": self._counts.to_dict()}


def verdicts_of(part: bytes) -> Iterator[tuple[int, Verdict]]:
    """(index of the input, verdict) of each row of a part."""
    for row in from_parquet(part, ["index", "verdict"]):
        yield row["index"], from_plain(json.loads(row["verdict"]))


def schema() -> Any:
    """The columns. verdict: as `journal.exact` writes it; the others repeat some of it."""
    import pyarrow as pa

    return pa.schema([
        ("index", pa.int64()), ("source", pa.string()), ("sha256", pa.string()), ("outcome", pa.string()), ("p_fake", pa.float64()),
        ("coverage", pa.string()), ("reasons", pa.list_(pa.string())), ("frames_judged", pa.int64()), ("scanned_at", pa.string()),
        ("seconds", pa.float64()), ("verdict", pa.string()),
    ])  # fmt: skip


def _columns(index: int, verdict: Verdict) -> dict[str, Any]:
    return {
        "index": index, "source": verdict.source, "sha256": verdict.sha256, "outcome": verdict.outcome, "p_fake": verdict.p_fake,
        "coverage": verdict.coverage, "reasons": list(verdict.reasons), "frames_judged": verdict.video.frames_judged,
        "scanned_at": verdict.scanned_at, "seconds": verdict.timing_seconds.get("total"), "verdict": json.dumps(to_plain(verdict)),
    }  # fmt: skip
