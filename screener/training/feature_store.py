"""A growing set of feature arrays with a journal, so that an extraction can continue after being killed.

The arrays grow under temporary names, then a line of the journal confirms what was added; anything unconfirmed is cut off on opening. At
the end the arrays get their final names and the journal is removed. Knows arrays of float16 and rows of plain values. Does not know videos,
networks or splits.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from screener.errors import OutputError, SettingsError
from screener.runtime.file_stamps import Stamp
from screener.runtime.files import lock_unless_held, make_folder, put_in_place, settle, telling, write_whole
from screener.training.folds import UNFINISHED

Rows = dict[str, list[list[Any]]]
"""Name of an array -> its rows, plain values for JSON."""

DONE = "done"
"""Key in a state after which nothing will be added."""


class FeatureStore:
    """Arrays under construction in `folder`; a context manager. Once open, it tells what already exists.

    rows: of every array, in order. notes: of all commits, in order. files: index of a file as text -> stamp, for the files that rows come
    from. state: of the last commit, what the owner needs to continue; empty at the start.
    """

    def __init__(self, folder: Path, feature_shape: tuple[int, int, int], arrays: Sequence[str], identity: Mapping[str, Any]) -> None:
        """identity: of this extraction. Raises SettingsError naming the difference if `folder` contains an unfinished other one."""
        self.folder, self._shape = folder, feature_shape
        self.rows: Rows = {name: [] for name in arrays}
        self.notes: list[Any] = []
        self.files: dict[str, Stamp] = {}
        self.state: Mapping[str, Any] = {}
        self._fresh: Rows = {name: [] for name in arrays}
        self._files: dict[str, BinaryIO] = {}
        make_folder(folder)
        with _writing(folder / UNFINISHED):
            self._journal = open(folder / UNFINISHED, "ab+")  # noqa: SIM115 - closed by `close`
        try:
            _lock(self._journal, folder)
            self._take_up(identity)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_done(self) -> bool:
        """Whether the last commit was the final one."""
        return bool(self.state.get(DONE))

    def add(self, name: str, features: NDArray[np.float16], rows: Sequence[list[Any]]) -> None:
        """Append (n, C, h, w) features to an array. They are lost unless committed. Raises OutputError."""
        with _writing(self._growing(name)):
            self._files[name].write(np.ascontiguousarray(features, np.float16).data)
        self._fresh[name].extend(rows)

    def commit(self, state: Mapping[str, Any], notes: Sequence[Any] = (), files: Mapping[str, Stamp] | None = None) -> None:
        """Confirm everything that was added, with the state to continue from. notes: plain values to keep. files: new stamps.

        Raises OutputError.
        """
        files = dict(files or {})
        for name, file in self._files.items():
            with _writing(self._growing(name)):
                settle(file)
        self._write_line(
            {"rows": {name: rows for name, rows in self._fresh.items() if rows}, "state": state, "notes": notes, "files": files}
        )
        for name, rows in self._fresh.items():
            self.rows[name].extend(rows)
            self._fresh[name] = []
        self.notes.extend(notes)
        self.files.update(files)
        self.state = state

    def finish(self, documents: Mapping[str, str]) -> None:
        """Give arrays and documents (relative path -> text) their final names; may be repeated after a kill. Raises OutputError."""
        if not self.is_done:
            raise ValueError(f"finish: expected a last commit whose state says {DONE}, got {self.state}")
        for name, file in self._files.items():
            with _writing(self._growing(name)):
                _write_header(file, len(self.rows[name]), self._shape)
                file.close()
                put_in_place(self._growing(name), self.folder / array_file(name))
        for place, text in documents.items():
            make_folder((self.folder / place).parent)
            write_whole(self.folder / place, text)
        with _writing(self.folder / UNFINISHED):
            os.unlink(self.folder / UNFINISHED)

    def close(self) -> None:
        """Close all files. Anything not committed is cut off when the store is opened again."""
        for file in (*self._files.values(), self._journal):
            with suppress(OSError):
                file.close()

    def _growing(self, name: str) -> Path:
        return self.folder / f"{array_file(name)}.partial"

    def _write_line(self, content: Mapping[str, Any]) -> None:
        with _writing(self.folder / UNFINISHED):
            self._journal.write(json.dumps(content, allow_nan=False).encode() + b"\n")
            settle(self._journal)

    def _take_up(self, identity: Mapping[str, Any]) -> None:
        """Read the journal up to its last complete line, and cut off the rest."""
        self._journal.seek(0)
        lines = list(_whole_lines(self._journal))
        if lines:
            require_identity(lines[0][0].get("identity"), identity, self.folder)
        end = lines[0][1] if lines else 0
        for content, after in lines[1:]:
            # After a power cut the journal may list features that never reached the disk; they are made again.
            if not all(self._holds(name, len(self.rows[name]) + len(rows)) for name, rows in content["rows"].items()):
                break
            for name, rows in content["rows"].items():
                self.rows[name].extend(rows)
            self.notes.extend(content["notes"])
            self.files.update(content.get("files", {}))
            self.state, end = content["state"], after
        with _writing(self.folder / UNFINISHED):
            self._journal.truncate(end)
        if not lines:
            self._write_line({"identity": identity})
        for name in self.rows:
            if not (self.folder / array_file(name)).exists():
                self._open_growing(name)

    def _holds(self, name: str, rows: int) -> bool:
        path = self._growing(name)
        needed = _header_bytes(self._shape) + rows * _row_bytes(self._shape)
        # An array with its final name is complete.
        return (self.folder / array_file(name)).exists() or (path.exists() and path.stat().st_size >= needed)

    def _open_growing(self, name: str) -> None:
        path = self._growing(name)
        with _writing(path):
            file = open(path, "rb+" if path.exists() else "wb+")  # noqa: SIM115 - closed by `close`
            self._files[name] = file
            _write_header(file, 0, self._shape)
            file.truncate(_header_bytes(self._shape) + len(self.rows[name]) * _row_bytes(self._shape))
            file.seek(0, os.SEEK_END)


def array_file(name: str) -> str:
    """File name of an array."""
    return f"{name}.npy"


def require_identity(before: Any, now: Mapping[str, Any], where: Path) -> None:
    """Raise SettingsError naming a difference if the extraction in `where` is not the requested one."""
    old, new = _flat(before if isinstance(before, dict) else {}), _flat(now)
    different = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if different:
        name = different[0]
        raise SettingsError(
            f"{where}: holds another extraction, with {name} {old.get(name)!r} where this one has {new.get(name)!r}; repeat the command "
            "that began it, name another folder, or remove this one"
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings -> one, with dotted names and values after a JSON round trip."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{name}.") if nested else {prefix + name: json.loads(json.dumps(value))}
    return flat


def _whole_lines(file: BinaryIO) -> Iterator[tuple[dict[str, Any], int]]:
    """(content, position after it) of every line, up to the first incomplete one."""
    position = 0
    for line in file:
        try:
            content = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return
        position += len(line)
        yield content, position


def _header_bytes(shape: tuple[int, int, int]) -> int:
    header = BytesIO()
    _write_header(header, 0, shape)
    return header.tell()


def _row_bytes(shape: tuple[int, int, int]) -> int:
    return int(np.prod(shape)) * np.dtype(np.float16).itemsize


def _write_header(file: BinaryIO, rows: int, shape: tuple[int, int, int]) -> None:
    """Write the header at the start of the file; numpy pads it, so its length does not depend on the number of rows."""
    file.seek(0)
    write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": (rows, *shape)})


def _lock(journal: BinaryIO, folder: Path) -> None:
    """Prevent two extractions from writing the same files."""
    if not lock_unless_held(journal.fileno()):
        raise OutputError(f"{folder}: another extraction is writing there; wait for it, or name another folder")


def _writing(path: Path) -> AbstractContextManager[None]:
    return telling(path, "see to the space and the permissions there, then repeat the command: it goes on where it stopped")
