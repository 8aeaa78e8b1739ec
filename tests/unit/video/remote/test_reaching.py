"""Reaching an address: through the relay, or by its IP address; refused ones with a reason."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

import pytest

from screener.errors import SourceError
from screener.video.remote.fetching import look
from screener.video.remote.reaching import UrlGuard
from screener.video.remote.relay import _PROXY_VARIABLES


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_http_goes_through_a_relay_of_our_own() -> None:
    reach = UrlGuard("http://127.0.0.1:9/clip.mp4", "clip", True, 1.0)
    try:
        assert reach.address == "http://127.0.0.1:9/clip.mp4"
        assert reach.options["http_proxy"].startswith("http://127.0.0.1:")
        assert reach.refusal() is None and not reach.exceeded
    finally:
        reach.close()


def test_a_server_that_does_not_answer_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    # closed again: nobody listens there
    reach = UrlGuard(f"http://me:secret@127.0.0.1:{port}/clip.mp4", "clip", True, 5.0)
    try:
        proxy = urllib.request.ProxyHandler({"http": reach.options["http_proxy"]})
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.build_opener(proxy).open(f"http://127.0.0.1:{port}/clip.mp4", timeout=30)
        failed = reach.refusal()
    finally:
        reach.close()
    assert failed is not None and failed.reason == "stream_lost"
    assert f"cannot connect to 127.0.0.1:{port}" in str(failed) and "answered" not in str(failed)


def test_rtsp_goes_to_the_ip_address_that_was_looked_at() -> None:
    reach = UrlGuard("rtsp://me:secret@localhost/cam", "cam", True, 1.0)
    assert reach.address.startswith(("rtsp://me:secret@127.0.0.1:554/", "rtsp://me:secret@[::1]:554/"))
    assert reach.options == {}
    reach.close()


@pytest.mark.parametrize(("address", "reason"), [("rtsp://127.0.0.1/cam", "refused_address"), ("ftp://127.0.0.1/x", "refused_protocol")])
def test_a_way_that_may_not_be_gone_is_refused_at_once(address: str, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        UrlGuard(address, "cam", False, 1.0)
    assert caught.value.reason == reason


def test_behind_a_proxy_of_the_user_only_the_name_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    assert UrlGuard("http://127.0.0.1/clip.mp4", "clip", True, 1.0).options == {}
    with pytest.raises(SourceError):
        UrlGuard("http://127.0.0.1/clip.mp4", "clip", False, 1.0)


def test_no_host_that_the_system_calls_an_exception_is_reached_beside_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS and Windows name some. What the relay refuses must not be reached by another way."""
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        reach = UrlGuard(f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4", "clip", False, 5.0)
        try:
            assert look(reach, 5.0, 16) is not None or reach.refusal() is not None
            refusal = reach.refusal()
        finally:
            reach.close()
        assert refusal is not None and refusal.reason == "refused_address"
        with pytest.raises(TimeoutError):
            server.accept()
