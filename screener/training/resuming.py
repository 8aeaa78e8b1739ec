"""State of a training run beside its output, so that a stop at any moment costs little: a folder of complete files, removed at the end.

Knows files. Does not know what is trained: states are plain values and tensors. Every file is written under another name and renamed, so a
kill leaves either the old one or the new one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from screener.errors import OutputError, SettingsError
from screener.runtime.file_stamps import changed, named, stamp_of
from screener.runtime.files import lock_unless_held, remove_leftovers, telling, unwritable, whole_file, write_whole
from screener.runtime.stop_signals import stop_behind

IDENTITY_FILE = "run.json"
FILES_FILE = "files.json"
LOCK_FILE = "lock"
SUFFIX = ".training"
"""Of the folder, after the full name of the output."""


class RunFolder:
    """The folder of one run, `<output>.training` beside its output; a context manager that unlocks it at the end."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + SUFFIX)
        self._held: BinaryIO | None = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()

    def open(self, identity: Mapping[str, Any], files: Mapping[str, Path] | None = None) -> None:
        """Create the folder, or resume the run of the same `identity` in it.

        identity: plain values that identify a run, such as its settings and its data. files: files that it reads, by name; they must be
        unchanged since it began. Raises SettingsError naming what differs from the run in the folder, OutputError if it cannot be written
        or is in use by another run.
        """
        plain = json.loads(json.dumps(identity))
        file = self.path / IDENTITY_FILE
        with telling(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._hold()
        if file.exists():
            before = _read_plain(file)
            if before != plain:
                raise SettingsError(
                    f"{self.path}: holds an unfinished run with another {', '.join(_differing(before, plain))}; "
                    f"{_way_on(before, plain)}, or remove the folder to start anew"
                )
            self._require_same(files or {})
            remove_leftovers(self.path)
            return
        if files:  # first, so that a run is never taken for one with known files before these are stored
            write_whole(self.path / FILES_FILE, json.dumps({name: stamp_of(path) for name, path in files.items()}))
        write_whole(file, json.dumps(plain, indent=1))

    def _require_same(self, files: Mapping[str, Path]) -> None:
        if not files:
            return
        known = self.path / FILES_FILE
        before = _read_plain(known) if known.exists() else {}
        if wrong := sorted({*changed(files, before), *(files.keys() - before.keys())}):
            raise SettingsError(
                f"{self.path}: holds an unfinished run on other data: {named(wrong)}: changed since it began; put the files back to finish "
                "it, or remove the folder to start anew"
            )

    def file(self, name: str) -> Path:
        """Path of a file in the folder."""
        return self.path / name

    def _hold(self) -> None:
        """Lock the folder against other runs; the lock ends with the process, however it ends."""
        if self._held is not None:
            return
        self._held = (self.path / LOCK_FILE).open("ab")
        if not lock_unless_held(self._held.fileno()):
            self._let_go()
            raise OutputError(f"{self.path}: another training is at work there; wait for it, or name another output")

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def remove(self) -> None:
        """Delete the folder after the output is complete. The identity is deleted last, so that a kill on the way leaves a run that can be
        repeated.
        """
        self._let_go()
        with telling(self.path):
            for path in sorted(self.path.iterdir(), key=lambda path: path.name == IDENTITY_FILE):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            self.path.rmdir()


def save_state(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain values and tensors to the file `path`. Raises OutputError."""
    try:
        with whole_file(path) as stream, telling(path):
            torch.save(dict(content), stream)
    except RuntimeError as error:  # PyTorch's file writer raises this on a full disk, and when a signal stops it
        if (stop := stop_behind(error)) is not None:
            raise stop from None
        raise unwritable(path, error) from error


def load_state(path: Path) -> dict[str, Any] | None:
    """The content that `save_state` wrote, on the CPU, or None if there is no such file. Raises OutputError if it cannot be read."""
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a crafted pickle makes the reader raise
        # PyTorch's own message suggests unpickling untrusted data.
        raise OutputError(
            f"{path}: the saved state of the run cannot be read ({type(error).__name__}); remove {path.parent} to start anew"
        ) from error
    return content


def _read_plain(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{file}: cannot be read ({error}); remove {file.parent} to start anew") from error
    return content


def _differing(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of what differs, with both values if they are short."""
    names = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            names += _differing(old, new, f"{prefix}{name}.")
        elif old != new:
            short = max(len(str(old)), len(str(new))) <= 24
            names.append(f"{prefix}{name} ({old} then, {new} now)" if short else f"{prefix}{name}")
    return names


def _way_on(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What finishes the run in the folder; a version that knows other settings would train it on differently."""
    added = before.get("settings", {}).keys() ^ now.get("settings", {}).keys()
    if not added:
        return "repeat that command to finish it"
    return f"another version of screener began it, without the same settings ({', '.join(sorted(added))}); finish it with that version"
