"""Which addresses are allowed, and that nothing bypasses the relay: no redirect, no DNS change, no endless body."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from video_media import noise, write_clip

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video import Source, expand_sources, open_video
from screener.video.remote.addresses import at_ip, check_address, is_public, names_private
from screener.video.remote.relay import Relay

# fmt: off
PRIVATE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:101::",
    "2001:db8::1",
]
# fmt: on
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("ip", PRIVATE)
def test_private(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_public(ip: str) -> None:
    assert is_public(ip)


def reason(address: str, allow_private: bool = False) -> str:
    with pytest.raises(SourceError) as caught:
        check_address(address, allow_private, "it")
    return caught.value.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0177.0.0.1", "user:pass@127.0.0.1", "127.1"])
def test_every_way_to_write_this_machine(host: str) -> None:
    assert reason(f"http://{host}/a.mp4") == "refused_address"


def test_what_is_no_address() -> None:
    assert reason("file:///etc/passwd") == "refused_protocol"
    assert reason("gopher://example.org/") == "refused_protocol"
    assert reason("http:///a.mp4") == "refused_protocol"
    assert reason("http://example.org:99999999/") == "not_found"


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("8.8.8.8", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **named: found)
    assert reason("http://both.example/") == "refused_address"
    assert check_address("http://both.example/", True, "it") == ("8.8.8.8", 80)


def test_an_ip_address_takes_the_place_of_the_host() -> None:
    assert at_ip("rtsp://me:pw@cam.example/live?x=1", "9.8.7.6", 554) == "rtsp://me:pw@9.8.7.6:554/live?x=1"
    assert at_ip("rtsp://cam.example:8554/", "2606::1", 8554) == "rtsp://[2606::1]:8554/"


class Handler(http.server.BaseHTTPRequestHandler):
    """/a.mp4, /to/ADDRESS (a redirect), /endless (a body without end)."""

    folder: Path
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        data = (self.folder / self.path.lstrip("/").partition("?")[0]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def server(tmp_path: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    write_clip(tmp_path / "a.mp4", options={"g": "5"}, picture=noise, container_options={"movflags": "faststart"})
    handler = type("FolderHandler", (Handler,), {"folder": tmp_path, "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def screened(address: str, **settings: object) -> tuple[int, tuple[str, ...]]:
    (source,) = expand_sources([address])
    assert isinstance(source, Source)
    with open_video(source, ScanSettings(all_frames=True, **settings)) as video:  # type: ignore[arg-type]
        return len(list(video.frames())), video.facts.reasons


def failure(address: str, **settings: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        screened(address, **settings)
    return caught.value


def test_this_machine_is_asked_for_nothing_unless_that_is_allowed(server: http.server.ThreadingHTTPServer) -> None:
    address = f"http://localhost:{server.server_port}/a.mp4?token=1"
    refused = failure(address)
    assert refused.reason == "refused_address" and "--allow-private" in refused.message
    assert server.RequestHandlerClass.asked == []  # type: ignore[attr-defined]
    assert screened(address, allow_private=True) == (40, ())
    assert set(server.RequestHandlerClass.asked) == {"/a.mp4?token=1"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("scheme", ["rtsp", "https"])
def test_other_schemes_are_no_way_around(server: http.server.ThreadingHTTPServer, scheme: str) -> None:
    assert failure(f"{scheme}://127.0.0.1:{server.server_port}/a.mp4").reason == "refused_address"


def test_a_redirect_is_followed_only_to_where_the_user_might_have_gone(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    own = f"http://127.0.0.1:{server.server_port}"
    assert screened(f"{own}/to/{own}/a.mp4", allow_private=True) == (40, ())
    for target in ("file:///etc/passwd", f"file://{tmp_path}/a.mp4", "concat:a|b", "tcp://127.0.0.1:22"):
        assert failure(f"{own}/to/{target}", allow_private=True).reason != "not_found"


def through(relay: Relay, target: str) -> bytes:
    """What comes back when an address is asked for through the relay."""
    host, _, port = relay.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(f"{target} HTTP/1.1\r\nHost: example\r\n\r\n".encode())
        answer = b""
        while block := client.recv(65536):
            answer += block
    return answer


def test_a_redirect_into_the_private_network_is_refused(server: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server, which here is this machine under another name, sends on to this machine."""
    allowed = socket.getaddrinfo
    port = server.server_port
    monkeypatch.setattr("screener.video.remote.addresses.is_public", lambda ip: ip != "127.0.0.2")
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *given, **named: allowed("127.0.0.1" if host == "public.example" else host, *given, **named)
    )
    with Relay("it", False, 1 << 20, 5.0) as relay:
        first = through(relay, f"GET http://public.example:{port}/to/http://127.0.0.2:{port}/a.mp4")
        assert b" 302 " in first and relay.refusal is None
        assert b" 403 " in through(relay, f"GET http://127.0.0.2:{port}/a.mp4")
        assert b" 403 " in through(relay, f"CONNECT 127.0.0.2:{port}")
        assert relay.refusal is not None and relay.refusal.reason == "refused_address"
    assert server.RequestHandlerClass.asked == [f"/to/http://127.0.0.2:{port}/a.mp4"]  # type: ignore[attr-defined]


def test_a_name_is_resolved_once_for_each_connection(server: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is looked at and connected to; a second one, which would lead elsewhere, is never asked for."""
    answers = iter(["127.0.0.1", "169.254.169.254"])
    real = socket.getaddrinfo

    def rebinding(host: str, *given: object, **named: object) -> object:
        return real(next(answers) if host == "rebinding.example" else host, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with Relay("it", True, 1 << 20, 5.0) as relay:
        assert b" 200 " in through(relay, f"GET http://rebinding.example:{server.server_port}/a.mp4")
    assert next(answers) == "169.254.169.254"


def test_no_more_comes_than_is_allowed(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{server.server_port}/a.mp4"
    size = (tmp_path / "a.mp4").stat().st_size
    with Relay("it", True, size // 2, 5.0) as relay:
        assert len(through(relay, f"GET {address}")) <= size // 2
        assert relay.exceeded
    assert failure(address, allow_private=True, max_download_bytes=500).reason == "limit_size"
    assert screened(address, allow_private=True, max_download_bytes=4 * size) == (40, ())


def test_a_closed_relay_listens_no_more() -> None:
    relay = Relay("it", True, 1, 1.0)
    relay.close()
    relay.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), timeout=5).close()


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("rtsp://127.0.0.1:8554/cam", True),
        ("http://192.168.1.20/mjpg", True),
        ("http://[::1]/", True),
        ("https://8.8.8.8/clip.mp4", False),
        ("http://", False),
        ("nonsense", False),
    ],
)
def test_an_address_that_names_a_private_host_itself(address: str, private: bool) -> None:
    assert names_private(address) is private
