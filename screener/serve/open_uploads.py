"""Keeps files and hash states of uploads between pieces, so that nothing is read again. Knows files, not requests."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from screener.serve.intake import Writing
from screener.serve.ledger import Upload

MOST_OPEN = 256
"""Most files kept open; if one was closed, its hash is recomputed when its next piece arrives.

Twice the number of pieces received at a time, so that none of those is ever closed."""


class OpenUploads:
    """The files of uploads, by upload. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, Writing] = OrderedDict()
        self._lock = threading.Lock()

    def writing(self, upload: Upload) -> Writing:
        """The open file of an upload, with exactly the bytes that the ledger records. Raises OSError."""
        with self._lock:
            writing = self._open.get(upload.id)
            if writing is not None and writing.size == upload.received:
                self._open.move_to_end(upload.id)
                return writing
        self.close(upload.id)
        writing = Writing(self._folder / upload.file, upload.received)
        with self._lock:
            self._open[upload.id] = writing
            surplus = self._open.popitem(last=False)[1] if len(self._open) > MOST_OPEN else None
        if surplus is not None:
            surplus.close()
        return writing

    def close(self, upload_id: str) -> None:
        """Close the file of an upload."""
        with self._lock:
            writing = self._open.pop(upload_id, None)
        if writing is not None:
            writing.close()

    def close_all(self) -> None:
        """Close all files."""
        for upload_id in list(self._open):
            self.close(upload_id)
