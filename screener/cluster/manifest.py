"""Rows in, shards of them out, and back: Parquet in the output store. A shard that killed its worker is judged in halves, which need no
manifest of their own: their name says which rows they are.

Copies, by size and ETag, come to lie in one shard, so that each content is judged once. Knows rows and stores, not the ledger.
"""

from __future__ import annotations

import io
import pickle
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from screener.cluster.inputs import Row
from screener.cluster.stores import Store
from screener.runtime.files import telling

BUCKETS = 256
"""Files that rows lie in while they are sorted: of a million rows, four thousand at a time are in memory."""

_NAME = re.compile(r"(\d{6,})([ab]*)")


def sharded(rows: Iterable[Row], shard_videos: int) -> Iterator[list[Row]]:
    """Rows in shards of about so many, sorted by what copies have in common. Sorts on disk; raises OutputError if that is full."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="screener-plan-")))
        paths = [folder / f"{number:03d}" for number in range(BUCKETS)]
        _spill(rows, paths)
        shard: list[Row] = []
        for path in paths:
            for row in sorted(_spilt(path), key=lambda row: (row.group, row.index)):
                if len(shard) >= shard_videos and row.group != shard[-1].group:
                    yield shard
                    shard = []
                shard.append(row)
        if shard:
            yield shard


def _spill(rows: Iterable[Row], paths: list[Path]) -> None:
    with ExitStack() as stack, telling(paths[0].parent):
        files = [stack.enter_context(path.open("wb", buffering=1 << 14)) for path in paths]
        for row in rows:
            pickle.dump(tuple(getattr(row, name) for name in _FIELDS), files[row.group * BUCKETS >> 64])


def _spilt(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        while True:
            try:
                yield Row(*pickle.load(file))
            except EOFError:
                return


_FIELDS = [field.name for field in fields(Row)]


def write_shard(store: Store, plan: str, number: int, rows: list[Row]) -> None:
    """Put the rows of one shard into the store. Raises StoreLost."""
    store.create(_key(plan, number), to_parquet([asdict(row) for row in rows], _schema()))


def read_shard(store: Store, plan: str, name: str) -> list[Row]:
    """The rows of a shard, or of the half that its name says. Raises Missing and StoreLost."""
    number, path = parsed(name)
    rows = [Row(**values) for values in from_parquet(store.read(_key(plan, number)))]
    for half in path:
        middle = (len(rows) + 1) // 2
        rows = rows[:middle] if half == "a" else rows[middle:]
    return rows


def shard_name(number: int) -> str:
    """Of a whole shard; its halves have `a` or `b` added."""
    return f"{number:06d}"


def halves_of(name: str) -> tuple[str, str]:
    """The names of a shard's halves."""
    return f"{name}a", f"{name}b"


def parsed(name: str) -> tuple[int, str]:
    """(number of the whole shard, way down to the part). Raises ValueError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"no shard: {name!r}")
    return int(found[1]), found[2]


def _key(plan: str, number: int) -> str:
    return f"manifest/{plan}/{shard_name(number)}.parquet"


def _schema() -> Any:
    import pyarrow

    kinds = {"int": pyarrow.int64(), "str": pyarrow.string(), "bytes": pyarrow.binary()}
    return pyarrow.schema([(field.name, kinds[str(field.type)]) for field in fields(Row)])


def to_parquet(rows: list[dict[str, Any]], schema: Any) -> bytes:
    """A table as the bytes of a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), out, compression="zstd")
    return out.getvalue()


def from_parquet(data: bytes, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Rows of the bytes of a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(pyarrow.BufferReader(data), columns=columns).to_pylist()
    return rows
