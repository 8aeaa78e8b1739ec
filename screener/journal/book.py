"""The journal: an append-only file of JSON lines, one for each input started and one for each input done.

A `done` line is on the disk before the next input is started. Every line belongs to a run (checkpoint, settings and versions); lines of
other runs are ignored. Several runs may follow each other in one journal, but never two at once. Knows files and verdicts, not how inputs
are judged.

    {"screener_journal": 1}
    {"event": "open", "run": "5f0c...", "facts": {...}}      a process starts or resumes
    {"event": "begin", "run": "5f0c...", "key": "file 9ab1...", "name": "clip.mp4"}
    {"event": "done", "run": "5f0c...", "key": "file 9ab1...", "lasting": true, "page": null, "verdict": {...}}
    {"event": "drop", "run": "5f0c...", "key": "file 9ab1..."}  it was not finished, but the input is not to blame
    {"event": "close"}                                       the process ended regularly; inputs in progress are not to blame
    {"event": "finish"}                                      the output is complete
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from screener.errors import OutputError
from screener.journal.exact import from_plain, to_plain
from screener.journal.keys import InputKey
from screener.records import Verdict
from screener.runtime.files import settle, telling, try_lock

FORMAT = 1
GIVEN_UP_AFTER = 10
"""After this many processes in succession have died while judging one input, the next one skips it.

A single death is mostly a kill -9 or a power cut, which says nothing about the input, and must not cost it its verdict. Ten deaths on the
same input are caused by the input, and a supervisor that restarts the command must not repeat it for ever.
"""

_HEADER = f'{{"screener_journal": {FORMAT}}}\n'.encode()
_HEADER_START = b'{"screener_journal": '


@dataclass(frozen=True)
class Entry:
    """The result of an earlier process. page: name and SHA-256 of the web page that it wrote, None if it wrote none."""

    verdict: Verdict
    page: tuple[str, str] | None


class Journal:
    """An open journal, locked while it is open. A context manager: leaving it by an exception counts as a regular end of the process."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the journal. Raises OutputError if it cannot be written, is not a journal, or is in use by another process."""
        self._path = path
        self._run = ""
        self._places: dict[tuple[str, str | None], int] = {}
        self._passing: set[str] = set()
        self._deaths: Counter[str] = Counter()
        self._torn = False
        with telling(path):
            self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115
        try:
            self._claim()
            with telling(path):
                self._reader = open(path, "rb")  # noqa: SIM115
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            # If the last line was only partly written, another one would be appended to its fragment.
            if not self._torn:
                self._write({"event": "close"})
        finally:
            self._reader.close()
            self._file.close()

    def open_run(self, facts: Mapping[str, Any]) -> None:
        """Set what verdicts depend on from now on; those with the same facts can then be recalled. Raises OutputError.

        facts: plain values that decide a verdict, such as the checkpoint's hash, the settings and the versions.
        """
        plain = json.dumps(facts, sort_keys=True, default=str)
        self._run = hashlib.sha256(plain.encode()).hexdigest()[:32]
        with telling(self._path):
            self._read()
        self._write({"event": "open", "run": self._run, "facts": json.loads(plain)})

    def find(self, key: InputKey, page: str | None = None) -> Entry | None:
        """The result for this input in this run, or None. Raises OutputError.

        page: name of the web page that must have been written; copies of the same content have a page each.
        """
        place = self._places.get((key.text, page))
        if place is None:
            return None
        with telling(self._path):
            self._reader.seek(place)
            line = _parsed(self._reader.readline())
        try:
            kept = line["page"]
            return Entry(from_plain(line["verdict"]), None if kept is None else (str(kept[0]), str(kept[1])))
        except (KeyError, TypeError, IndexError, ValueError):
            return None  # written by another version, or damaged: judge it again

    def given_up(self, key: InputKey) -> bool:
        """Whether so many processes died on this input that it is to be skipped."""
        return self._deaths[key.text] >= GIVEN_UP_AFTER

    def has_killed(self, key: InputKey) -> bool:
        """Whether a process died while it judged this input, and perhaps because of it."""
        return self._deaths[key.text] > 0

    def begin(self, key: InputKey, name: str) -> None:
        """Note that the input is about to be judged. Raises OutputError."""
        self._write({"event": "begin", "run": self._run, "key": key.text, "name": name})

    def done(self, key: InputKey, verdict: Verdict, page: tuple[str, str] | None = None) -> None:
        """Store a verdict; it is on the disk when this returns. page: as in `Entry`. Raises OutputError."""
        line = {"event": "done", "run": self._run, "key": key.text, "lasting": key.lasting, "page": page, "verdict": to_plain(verdict)}
        self._remember(key.text, page, self._write(line, on_disk=True), key.lasting)

    def drop(self, key: InputKey) -> None:
        """Note that the input was started and not finished, and is not to blame. Raises OutputError."""
        self._write({"event": "drop", "run": self._run, "key": key.text})

    def finish(self) -> None:
        """The output of the run is complete: forget results that were keyed by name only. Raises OutputError."""
        self._write({"event": "finish"}, on_disk=True)

    def _claim(self) -> None:
        with telling(self._path):
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                raise OutputError(f"{self._path}: is no regular file, so no journal can be kept in it; name another")
            if not try_lock(self._file.fileno()):
                raise OutputError(f"{self._path}: another run is keeping this journal; wait for it to end, or name another journal")
            self._file.seek(0)
            start = self._file.read(len(_HEADER))
            if not _HEADER.startswith(start):
                newer = start.startswith(_HEADER_START)
                what = "was made by another version of screener" if newer else "is no journal of screener"
                raise OutputError(f"{self._path}: {what}, so nothing was added to it; name another file")
            if len(start) < len(_HEADER):
                self._file.truncate(0)
                self._append(_HEADER, on_disk=True)

    def _read(self) -> None:
        """Find the position of each verdict of this run, and the inputs that were in progress when a process died."""
        self._places.clear()
        self._passing.clear()
        self._deaths.clear()
        begun: set[str] = set()
        end = 0
        for place, raw in self._lines():
            end = place + len(raw)
            line = _parsed(raw)
            event, key = line.get("event"), str(line.get("key"))
            if event == "open":
                self._deaths.update(begun)
            if event in ("open", "close", "finish"):
                begun.clear()
            if event == "finish":
                self._forget_passing()
            elif line.get("run") == self._run:
                self._note(line, key, place, begun)
        self._deaths.update(begun)
        self._cut_off_after(end)

    def _note(self, line: Mapping[str, Any], key: str, place: int, begun: set[str]) -> None:
        event, page = line["event"], line.get("page")
        if event == "begin":
            begun.add(key)
        elif event in ("done", "drop"):
            begun.discard(key)
            del self._deaths[key]
        if event == "done":
            self._remember(key, page if isinstance(page, list) else None, place, bool(line.get("lasting")))

    def _remember(self, key: str, page: Sequence[Any] | None, place: int, lasting: bool) -> None:
        """A verdict with a page can be used for reports without pages too."""
        self._places[key, None] = place
        if page:
            self._places[key, str(page[0])] = place
        (self._passing.discard if lasting else self._passing.add)(key)

    def _forget_passing(self) -> None:
        self._places = {found: place for found, place in self._places.items() if found[0] not in self._passing}
        self._passing.clear()

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Position and text of every complete line."""
        self._reader.seek(0)
        place = 0
        for raw in self._reader:
            if raw.endswith(b"\n"):
                yield place, raw
            place += len(raw)

    def _cut_off_after(self, end: int) -> None:
        """Remove an incomplete last line, left by a process that was killed."""
        if self._file.seek(0, os.SEEK_END) > end:
            self._file.truncate(end)

    def _write(self, line: Mapping[str, Any], on_disk: bool = False) -> int:
        """Append a line and return its position."""
        with telling(self._path):
            place = self._file.seek(0, os.SEEK_END)
            self._append(json.dumps(line, ensure_ascii=True).encode("ascii") + b"\n", on_disk)
        return place

    def _append(self, raw: bytes, on_disk: bool) -> None:
        self._torn = True
        left = memoryview(raw)
        while left:
            left = left[self._file.write(left) :]
        self._torn = False
        if on_disk:
            settle(self._file)


def _parsed(raw: bytes) -> dict[str, Any]:
    """The line as an object; empty if it is not one, such as the blank area that a power cut may leave."""
    with suppress(ValueError, RecursionError):
        line = json.loads(raw)
        if isinstance(line, dict):
            return line
    return {}
