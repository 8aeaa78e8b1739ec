"""The inputs of a shard, brought to the local disk a few ahead of the models, and removed when they are judged.

Knows rows and stores. An object that is gone or barred is an input with that reason; a store that stays away ends the shard.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from screener.cluster.inputs import Row, source_of
from screener.cluster.stores import Barred, Missing, Store, open_store
from screener.runtime.readahead import read_ahead
from screener.video import Source, SourceFailure, file_source

AHEAD = 2
"""So many inputs wait on the disk while one is judged."""

LONGEST_SUFFIX = 12

Local = tuple[int, Source | SourceFailure, Path | None]
"""(index of the row, what is judged, file to remove afterwards)."""


def fetched(rows: list[Row], folder: Path) -> Generator[Local]:
    """Each input once it is on this machine, in order. Raises StoreLost, and OutputError for a full disk."""
    return read_ahead(_each(rows, folder), AHEAD)


def _each(rows: list[Row], folder: Path) -> Iterator[Local]:
    stores: dict[str, Store] = {}
    for row in rows:
        if row.kind != "object":
            yield row.index, source_of(row), None
            continue
        if row.base not in stores:
            stores[row.base] = open_store(row.base)
        # The suffix stays: decoders take hints from it.
        suffix = os.path.splitext(row.key)[1]
        path = folder / f"{row.index}{suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) <= LONGEST_SUFFIX else ''}"
        try:
            stores[row.base].download(row.key, path)
        except Missing:
            yield row.index, SourceFailure.of(row.name, "not_found", "it was listed, and is not there any more"), None
        except Barred:
            yield row.index, SourceFailure.of(row.name, "permission", "the store does not let it be read"), None
        else:
            yield row.index, file_source(path, row.name), path


class Fetched:
    """What a batch iterates over; `finished` is told of each input after it was judged, in the same order."""

    def __init__(self, inputs: Iterator[Local]) -> None:
        self._inputs = inputs
        self._under_way: deque[tuple[int, Path | None]] = deque()

    def __iter__(self) -> Iterator[Source | SourceFailure]:
        for index, source, path in self._inputs:
            self._under_way.append((index, path))
            yield source

    def finished(self) -> int:
        """The oldest input that is under way is judged: remove its file. Returns its index."""
        index, path = self._under_way.popleft()
        if path is not None:
            with suppress(OSError):
                path.unlink()
        return index
