"""Events POSTed to a local server that answers, fails, hangs, redirects and recovers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from live_updates import person_event

from screener.errors import SettingsError
from screener.watching.notifying import Notifier
from screener.watching.webhook import Webhook

LONG_SECONDS = 60.0
ALARM = person_event("alarm")


class Server(ThreadingHTTPServer):
    """Answers each POST with the next of `script`, the last one again and again: a status, a place to go, "hang", "garbage" or "cut"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[int | str] = [200]
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.types: list[str | None] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/s3cret?token=s3cret"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        self.server.types.append(self.headers["Content-Type"])
        answer = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        with suppress(OSError):
            self._answer(answer)

    def _answer(self, answer: int | str) -> None:
        if answer == "hang":
            self.server.closing.wait(LONG_SECONDS)
        elif answer == "garbage":
            self.wfile.write(b"\x00\xff\n\n")
        elif answer == "cut":
            self.close_connection = True
        elif isinstance(answer, int):
            self.send_response(answer)
            self.end_headers()
            self.wfile.write(b"x" * 100_000)
        else:
            status, _, place = answer.partition(" ")
            self.send_response(int(status))
            self.send_header("Location", place)
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.closing.set()
        made.shutdown()
        thread.join()


def deliver(server: Server, *script: int | str, pauses: int = 3, timeout_seconds: float = LONG_SECONDS) -> str:
    server.script = list(script)
    return Webhook(server.url, timeout_seconds, (0.0,) * pauses).deliver(ALARM)


def test_the_event_is_posted_as_json(server: Server) -> None:
    assert deliver(server, 204) == ""
    assert [json.loads(body) for body in server.bodies] == [ALARM.to_dict()]
    assert server.types == ["application/json"]
    assert server.paths == ["/hook/s3cret?token=s3cret"]


@pytest.mark.parametrize("trouble", [500, 503, 429, "cut", "garbage"])
def test_passing_trouble_is_tried_again(server: Server, trouble: int | str) -> None:
    assert deliver(server, trouble, trouble, 200) == ""
    assert len(server.bodies) == 3
    assert len(set(server.bodies)) == 1


def test_a_server_that_hangs_is_not_waited_for(server: Server) -> None:
    assert deliver(server, "hang", 200, timeout_seconds=1.0, pauses=20) == ""
    assert len(server.bodies) >= 2, "on a busy machine an answer may also come too late"


def test_attempts_are_bounded_and_no_secret_is_told(server: Server) -> None:
    why = deliver(server, 500, pauses=2)
    assert why == f"webhook http://127.0.0.1:{server.server_port}: answered 500 Internal Server Error; given up after 3 attempts"
    assert len(server.bodies) == 3


@pytest.mark.parametrize("refusal", [400, 401, 404, 410])
def test_a_refusal_is_not_tried_again(server: Server, refusal: int) -> None:
    assert f"answered {refusal}" in deliver(server, refusal)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_event(server: Server, status: int) -> None:
    assert deliver(server, f"{status} /elsewhere", 200) == ""
    assert server.paths[1] == "/elsewhere"
    assert server.bodies[0] == server.bodies[1] != b""


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_a_redirect_to_anything_but_the_web_is_refused(server: Server, place: str) -> None:
    assert "answered 302" in deliver(server, f"302 {place}")
    assert len(server.bodies) == 1


def test_redirects_come_to_an_end(server: Server) -> None:
    assert deliver(server, "307 /again", pauses=0) != ""
    assert len(server.bodies) < 20


def test_see_other_means_taken(server: Server) -> None:
    assert deliver(server, "303 /thanks") == ""
    assert len(server.bodies) == 1


def test_nobody_listens(server: Server) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        port = other.server_port
    why = Webhook(f"http://127.0.0.1:{port}/", LONG_SECONDS, (0.0,)).deliver(ALARM)
    assert why == f"webhook http://127.0.0.1:{port}: Connection refused; given up after 2 attempts"


def test_the_pause_between_attempts_ends_with_the_watch(server: Server) -> None:
    server.script = [500]
    hook = Webhook(server.url, LONG_SECONDS, (10 * LONG_SECONDS,))
    failures: list[str] = []
    thread = threading.Thread(target=lambda: failures.append(hook.deliver(ALARM)), daemon=True)
    thread.start()
    while not server.bodies:
        assert thread.is_alive()
        thread.join(0.01)
    hook.abandon()
    thread.join(LONG_SECONDS)
    assert failures == [f"webhook http://127.0.0.1:{server.server_port}: given up at the end of the watch"]


def test_command_and_webhook_do_not_wait_for_each_other(server: Server) -> None:
    server.script = ["hang"]
    told: list[str] = []
    done = threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        done.set()

    notifier = Notifier("false", server.url, tell)
    notifier.notify(ALARM)
    assert done.wait(LONG_SECONDS)
    assert told[0] == "exec false: ended with status 1"
    server.closing.set()
    notifier.close(0.0)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://[::1",
        "http://a:b@example.org/",
        "http://x/\n",
        "http://x/é",
        "http://x:port/",
    ],
)
def test_what_is_no_web_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingsError, match="webhook"):
        Notifier(None, url)
