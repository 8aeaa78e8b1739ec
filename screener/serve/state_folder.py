"""The folder in which the server keeps everything: ledger, uploads, results of each scan, secrets.

Knows files and folders. Does not know the content of the ledger.

    ledger.sqlite3      scans, verdicts, uploads, sessions, outbox
    uploads/            files being received, and files waiting for their verdict
    scans/ID/           report.html, crops, thumbnail, markers
    token, webhook-secret   readable only by their owner
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Self

from screener.errors import OutputError, SettingsError
from screener.runtime.files import make_folder, remove_leftovers, telling, try_lock, write_whole

NETWORK_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ncpfs", "9p", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "davfs",
     "fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs2", "afpfs", "webdav"}
)  # fmt: skip
"""File systems on which SQLite's locks and shared memory cannot be relied on (https://www.sqlite.org/wal.html, "does not work over a
network filesystem")."""


class StateFolder:
    """The state folder, locked for this process while it is open. A context manager."""

    def __init__(self, path: Path) -> None:
        """Create the folder if needed, and lock it. Raises SettingsError if it is on a network, OutputError if it is in use."""
        self.path = path.absolute()
        make_folder(self.path)
        kind = file_system_of(self.path)
        if kind in NETWORK_KINDS:
            raise SettingsError(f"--state {path}: is on a network file system ({kind}), where a database can be lost; name a local folder")
        with telling(self.path):
            os.chmod(self.path, 0o700)
            for folder in (self.uploads, self.scans):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._lock = open(self.path / "lock", "ab")  # noqa: SIM115
        if not try_lock(self._lock.fileno()):
            self._lock.close()
            raise OutputError(f"--state {path}: another screener serve is at work in it; stop that, or name another folder")
        remove_leftovers(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def ledger(self) -> Path:
        """The database."""
        return self.path / "ledger.sqlite3"

    @property
    def uploads(self) -> Path:
        """Folder of files that were, or are being, received."""
        return self.path / "uploads"

    @property
    def scans(self) -> Path:
        """Folder with a subfolder for the results of each scan."""
        return self.path / "scans"

    def scan_folder(self, scan_id: str) -> Path:
        """Folder of a scan's report and pictures. scan_id: from the ledger, never from a client."""
        return self.scans / scan_id

    def free_bytes(self) -> int:
        """Free disk space for this user."""
        return shutil.disk_usage(self.path).free

    def secret(self, name: str, prefix: str = "") -> str:
        """The secret with this name, created on first use in a file that only its owner can read. Raises OutputError."""
        path = self.path / name
        with telling(path), suppress(FileNotFoundError):
            if kept := path.read_text(encoding="utf-8").strip():
                return kept
        made = prefix + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
        write_whole(path, made + "\n", follow=False)
        os.chmod(path, 0o600)
        return made

    def erase_scan(self, scan_id: str) -> None:
        """Delete the report and pictures of a scan."""
        shutil.rmtree(self.scan_folder(scan_id), ignore_errors=True)

    def erase_upload(self, file_name: str | None) -> None:
        """Delete a received file."""
        if file_name:
            (self.uploads / file_name).unlink(missing_ok=True)

    def sweep(self, scan_ids: Collection[str], upload_names: Collection[str]) -> None:
        """Delete orphaned files, left by a server that was killed while receiving or erasing them."""
        for folder, known in ((self.scans, set(scan_ids)), (self.uploads, set(upload_names))):
            for entry in os.scandir(folder):
                if entry.name not in known:
                    shutil.rmtree(entry.path, ignore_errors=True) if entry.is_dir() else Path(entry.path).unlink(missing_ok=True)


def file_system_of(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The type of the file system that contains a path, as Linux names it; empty if unknown."""
    if sys.platform == "win32":
        return "smb" if os.path.realpath(path).startswith("\\\\") else ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real, best, kind = os.path.realpath(path), "", ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        place = fields.split()[4].encode("latin-1", "backslashreplace").decode("unicode_escape")
        if (real == place or real.startswith(place.rstrip("/") + "/")) and len(place) >= len(best):
            best, kind = place, rest.split()[0]
    return kind
