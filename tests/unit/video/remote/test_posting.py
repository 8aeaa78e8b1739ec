"""Posting to an address: an answer that never ends is no answer, and costs no more than its time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from screener.errors import SourceError
from screener.video.remote.posting import post
from screener.video.remote.relay import _PROXY_VARIABLES


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def answering(pieces: list[bytes], pause_seconds: float) -> Iterator[str]:
    """The address of a server that answers one request with these pieces, the last of which it repeats."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            line, _ = server.accept()
            with line:
                line.recv(1 << 16)
                while True:
                    line.sendall(pieces.pop(0) if len(pieces) > 1 else pieces[0])
                    time.sleep(pause_seconds)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"


def test_the_status_is_told_without_waiting_for_the_body() -> None:
    with answering([b"HTTP/1.1 202 Accepted\r\n\r\n", b"x"], 0.05) as address:
        assert post(address, b"{}", {}, "receiver", True, 20.0) == 202


@pytest.mark.parametrize("pieces", [[b"H"], [b"HTTP/1.1 200 OK\r\n", b"X-Padding: more\r\n"]], ids=["status", "headers"])
def test_an_answer_that_comes_without_end_is_given_up(pieces: list[bytes]) -> None:
    started = time.monotonic()
    with answering(pieces, 0.2) as address, pytest.raises(SourceError, match="no answer within 1 s") as caught:
        post(address, b"{}", {}, "receiver", True, 1.0)
    assert caught.value.reason == "stream_lost"
    assert time.monotonic() - started < 8.0
