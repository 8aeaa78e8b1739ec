"""Where a run keeps downloads and journals on one machine. What killed workers left there is swept by the next one. Knows folders alone."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from screener.errors import OutputError
from screener.runtime.files import lock_unless_held, make_folder, telling, try_lock

_LOCK = "lock"


def scratch_folder(scratch: str | None, run: str) -> Path:
    """The folder of a run, readable by this user alone. scratch: the folder above; None for the system's. Raises OutputError."""
    base = Path(scratch) if scratch else Path(tempfile.gettempdir()) / f"screener-cluster-{_user()}"
    folder = base / run
    make_folder(folder)
    if scratch is None and os.name != "nt":
        if base.stat().st_uid != os.getuid():
            raise OutputError(f"{base}: belongs to somebody else; name a folder with --scratch")
        base.chmod(0o700)
    return folder


def _user() -> str:
    """By number, as containers run as users without a name."""
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


@contextmanager
def downloads_in(folder: Path) -> Iterator[Path]:
    """A folder for downloads, locked for as long as the block lasts, and removed after it."""
    with telling(folder):
        inner = Path(tempfile.mkdtemp(prefix="in-", dir=folder))
    try:
        with open(inner / _LOCK, "xb") as lock:
            lock_unless_held(lock.fileno())
            yield inner
    finally:
        shutil.rmtree(inner, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove the downloads of workers that were killed; those of running ones are locked."""
    for inner in folder.glob("in-*"):
        with suppress(OSError), open(inner / _LOCK, "rb") as lock:
            if try_lock(lock.fileno()):
                shutil.rmtree(inner, ignore_errors=True)


def clear(scratch: str | None, run: str) -> None:
    """Remove everything of a run that is finished."""
    shutil.rmtree(scratch_folder(scratch, run), ignore_errors=True)
