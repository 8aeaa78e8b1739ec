"""Callbacks, signed, retried and restricted to allowed addresses; and scans of addresses, with the same result as the command."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from command_line import AS_MANY
from serving import environment_of, serving

standardwebhooks = pytest.importorskip("standardwebhooks", reason="the extra `serve` is not installed")

PRIVATE = {"SCREENER_ALLOW_PRIVATE": "true"}


class Receiver(ThreadingHTTPServer):
    """Notes what is POSTed, answers with `statuses` in turn, and serves one file."""

    def __init__(self, statuses: list[int], served: bytes = b"") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses, self.served = statuses, served
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def wait(self, count: int, seconds: float = 60.0) -> None:
        ends = time.monotonic() + seconds
        while len(self.posts) < count:
            assert time.monotonic() < ends, f"{len(self.posts)} of {count} callbacks came"
            time.sleep(0.05)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status = self.server.statuses[min(len(self.server.posts), len(self.server.statuses)) - 1]
        self.send_response(status)
        if status in (301, 302, 307, 308):
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(len(self.server.served)))
        self.end_headers()
        self.wfile.write(self.server.served)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def receiving(statuses: list[int], served: bytes = b"") -> Iterator[Receiver]:
    receiver = Receiver(statuses, served)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()


@pytest.mark.long
def test_a_callback_is_signed_and_tried_again_until_it_is_taken(checkpoint: Path, media: Path, tmp_path: Path) -> None:
    with (
        receiving([307, 503, 200]) as receiver,
        serving(tmp_path / "state", checkpoint=checkpoint, environment=PRIVATE) as server,
    ):
        scan = server.send(media / "one.mp4", f"callback_url={receiver.url}/hook")
        receiver.wait(1)
        server.kill()
        server.start()  # what is still to be delivered outlasts the server
        receiver.wait(3, 90)
        assert {path for path, _, _ in receiver.posts} == {"/hook"}, "a redirect was followed"
        assert len({headers["webhook-id"] for _, headers, _ in receiver.posts}) == 1
        secret = (server.state / "webhook-secret").read_text().strip()
        for _, headers, body in receiver.posts:
            told = standardwebhooks.Webhook(secret).verify(body, headers)
            assert told["type"] == "scan.done" and told["data"]["id"] == scan["id"] and told["data"]["verdict"]["outcome"]
        known = server.send(media / "one.mp4", f"callback_url={receiver.url}/known")
        receiver.wait(4)
        assert known["id"] == scan["id"] and receiver.posts[-1][0] == "/known"
        time.sleep(1)
        assert len(receiver.posts) == 4


def test_an_address_is_judged_as_the_command_judges_it(checkpoint: Path, media: Path, tmp_path: Path) -> None:
    with (
        receiving([200], (media / "one.mp4").read_bytes()) as receiver,
        serving(tmp_path / "state", "--allow-urls", checkpoint=checkpoint, environment=PRIVATE) as server,
    ):
        address = f"{receiver.url}/clip.mp4?token=hidden"
        status, _, body = server.request("POST", "api/v1/scans", json={"url": address})
        assert status == 202, body
        done = server.wait(json.loads(body)["id"])
        command = [sys.executable, "-m", "screener", "scan", address, "--json", "--checkpoint", checkpoint, *AS_MANY]
        alone = subprocess.run(command, env=environment_of(PRIVATE), capture_output=True, text=True, timeout=300)
        one, other = json.loads(server.verdict(done["id"])), json.loads(alone.stdout)
        for document in (one, other):
            del document["timing_seconds"], document["scanned_at"]
        assert one == other and one["outcome"]
        kept = b"".join(path.read_bytes() for path in server.state.glob("ledger.sqlite3*"))
        assert b"hidden" not in json.dumps(done).encode() and done["name"].endswith("token=***") and kept
