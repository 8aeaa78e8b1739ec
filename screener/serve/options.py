"""The options of `screener serve`, checked at construction: where to listen, what to accept, what to keep."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from screener.errors import SettingsError

DEFAULT_PORT = 8000
_BASE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])i?)?b?", re.IGNORECASE)


@dataclass(frozen=True)
class ServeOptions:
    """Options of the server.

    state: folder for everything that it keeps. base_path: prefix under which a proxy serves it, empty or such as `/x`.
    trusted_proxies: addresses whose `X-Forwarded-For` and `-Proto` are trusted. hosts: additional host names that it answers to.
    token: required from programs and for signing in. allow_paths: folders of this machine with files that may be scanned.
    max_upload_bytes: largest file. max_queue: most waiting scans. workers: number of worker processes. keep_days: age at which finished
    scans are erased; None keeps them. keep_videos: whether uploads are kept after their verdict. live: sources to watch. spare_bytes: disk
    space that is never filled. body_seconds: longest pause within a body. connections: most open connections.
    """

    state: Path
    token: str
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    base_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    allow_urls: bool = False
    allow_paths: tuple[Path, ...] = ()
    max_upload_bytes: int = 2 << 30
    max_queue: int = 100
    workers: int = 1
    keep_days: float | None = None
    keep_videos: bool = False
    live: tuple[str, ...] = ()
    spare_bytes: int = 256 << 20
    body_seconds: float = 30.0
    header_seconds: float = 10.0
    connections: int = 512
    open_page: bool = field(default=False)

    def __post_init__(self) -> None:
        for name, lowest, highest in (("port", 0, 65_535), ("max_upload_bytes", 1, 1 << 50), ("max_queue", 1, 1 << 20), ("workers", 1, 64)):
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise SettingsError(f"{name}: expected a whole number from {lowest} to {highest}, got {value!r}")
        if _BASE_PATH.fullmatch(self.base_path) is None:
            raise SettingsError(f"--base-path: expected a path such as /screener, without a slash at its end, got {self.base_path!r}")
        if self.keep_days is not None and not 0 < self.keep_days < float("inf"):
            raise SettingsError(f"--keep-days: expected a number above 0, got {self.keep_days!r}; without it, scans are kept")
        for name in self.hosts:
            if _HOST_NAME.fullmatch(name) is None and not is_ip(name):
                raise SettingsError(f"--allow-host: expected a name such as clips.example.org, without scheme and port, got {name!r}")
        if len(self.token) < 16:
            raise SettingsError("--token-file: expected at least 16 characters, such as those of `openssl rand -hex 32`")

    @property
    def is_local(self) -> bool:
        """Whether it can be reached only from this machine."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or an IP address is a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_ip(name: str) -> bool:
    """Whether a host name is an IP address, without brackets."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def size_in_bytes(option: str, text: str) -> int:
    """`2GiB`, `500M` or `123456` -> bytes; raises SettingsError naming the option for anything else. Units are powers of 1024."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise SettingsError(f"{option}: expected a size such as 2GiB, 500MiB or a number of bytes, got {text!r}")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def base_path_of(text: str) -> str:
    """A prefix -> with a leading slash and without a trailing one."""
    bare = text.strip("/")
    return f"/{bare}" if bare else ""


def folders_of(paths: list[Path]) -> tuple[Path, ...]:
    """The real paths of existing folders. Raises SettingsError."""
    for path in paths:
        if not path.is_dir():
            raise SettingsError(f"--allow-path {path}: no such folder")
    return tuple(path.resolve() for path in paths)
