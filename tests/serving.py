"""A real `screener serve` in a separate process for tests: started, queried, killed, restarted."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]

READY_SECONDS = 60.0

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers by lower-case name, body."""


class Served:
    """One server: `url` of its page, `link` that signs in once, `token` for programs, its `state` folder and its `process`."""

    def __init__(self, state: Path, options: tuple[str, ...], checkpoint: Path | None, base_path: str, environment: dict[str, str]) -> None:
        self.state, self._options, self._checkpoint, self._base_path = state, options, checkpoint, base_path
        self._environment = environment
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = state.parent / f"{state.name}.log"
        self.url = self.link = self.token = ""

    def start(self) -> None:
        """As a user would start it; returns once it answers. The port stays the same."""
        command = [sys.executable, "-m", "screener", "serve", "--no-open", "--port", str(self.port), "--state", str(self.state)]
        if self._checkpoint is not None:
            command += ["--checkpoint", str(self._checkpoint)]
        if self._base_path:
            command += ["--base-path", self._base_path]
        environment = environment_of(self._environment)
        with self.log.open("ab") as log:
            begins = log.tell()
            self.process = subprocess.Popen([*command, *self._options], stdin=subprocess.DEVNULL, stderr=log, stdout=log, env=environment)
        ends = time.monotonic() + READY_SECONDS
        while True:
            text = self.log.read_bytes()[begins:].decode("utf-8", "replace")
            found = re.search(r"serving at (\S+)\n.*sign in once with (\S+)\n", text)
            if found:
                break
            if self.process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"the server did not start: {text}")
            time.sleep(0.02)
        self.url, self.link = found[1], found[2]
        self.token = self._token()

    def request(
        self,
        method: str,
        path: str,
        json: Any = None,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: str | None = "",
        timeout: float = 60.0,
    ) -> Answer:
        """One request, with the token unless `token` says another or None. path: relative to the page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token}")
        if json is not None:
            data = dumps(json)
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, f"{self._base_path}/{path}", data, sent)
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def send(self, video: Path, query: str = "", name: str | None = None) -> dict[str, Any]:
        """Upload a file as a raw body: the scan object."""
        from urllib.parse import quote

        path = f"api/v1/scans?name={quote(name or video.name)}{'&' + query if query else ''}"
        status, _, body = self.request("POST", path, data=video.read_bytes(), headers={"Content-Type": "application/octet-stream"})
        assert status in (200, 202), (status, body)
        return dict(loads(body))

    def scan(self, scan_id: str) -> dict[str, Any]:
        """The scan object."""
        status, _, body = self.request("GET", f"api/v1/scans/{scan_id}")
        assert status == 200, (status, body)
        return dict(loads(body))

    def wait(self, scan_id: str, seconds: float = 120.0) -> dict[str, Any]:
        """The scan object once it is done or cancelled."""
        ends = time.monotonic() + seconds
        while (scan := self.scan(scan_id))["state"] not in ("done", "cancelled"):
            assert time.monotonic() < ends, f"not done in {seconds} s: {scan}"
            time.sleep(0.05)
        return scan

    def verdict(self, scan_id: str) -> str:
        """The document of a finished scan."""
        status, _, body = self.request("GET", f"api/v1/scans/{scan_id}/verdict.json")
        assert status == 200, (status, body)
        return body.decode("ascii")

    def worker_pids(self) -> list[int]:
        """Processes of the server that judge."""
        assert self.process is not None
        return [pid for pid in children_of(self.process.pid) if b"serve.worker.judge" in _command(pid)]

    def kill(self) -> None:
        """kill -9: no farewell."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30.0, number: int = signal.SIGTERM) -> int:
        """Send a signal, SIGTERM by default; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def _token(self) -> str:
        file = self._options[self._options.index("--token-file") + 1] if "--token-file" in self._options else self.state / "token"
        return Path(file).read_text(encoding="utf-8").strip()


dumps, loads = (lambda value: json.dumps(value).encode()), json.loads


@contextmanager
def serving(
    state: Path, *options: str, checkpoint: Path | None = None, base_path: str = "", environment: dict[str, str] | None = None
) -> Iterator[Served]:
    """A server that has started, and is ended with the block. checkpoint: None for the default weights."""
    served = Served(state, options, checkpoint, base_path, environment or {})
    try:
        served.start()
        yield served
    finally:
        if served.process is not None and served.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                served.stop(15)
            served.kill()


def environment_of(changes: dict[str, str]) -> dict[str, str]:
    """This process's, with the package to be found from any folder, and one thread: on busy cores two mostly wait for each other."""
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", **changes}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """Processes that a process has started, on Linux."""
    with suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return []


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
