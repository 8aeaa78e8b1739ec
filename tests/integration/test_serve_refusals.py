"""What the server refuses: foreign hosts and origins, missing tokens, forbidden addresses and paths, clients that hog resources."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run_here
from serving import Answer, Served, serving

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory, media: Path) -> Path:
    """A folder that scans may name files of, with a link that leads out of it."""
    folder = tmp_path_factory.mktemp("allowed")
    (folder / "one.mp4").write_bytes((media / "one.mp4").read_bytes())
    (folder / "out.mp4").symlink_to(media / "pair.mp4")
    return folder


@pytest.fixture(scope="module")
def server(checkpoint: Path, allowed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = ("--allow-urls", "--allow-path", str(allowed), "--allow-host", "clips.example")
    with serving(tmp_path_factory.mktemp("serve") / "state", *options, checkpoint=checkpoint) as served:
        yield served


@pytest.fixture(scope="module")
def cookie(server: Served) -> str:
    """A session, by the token."""
    status, headers, _ = server.request("POST", "login", data=f"token={server.token}".replace("+", "%2B").encode(), token=None)
    assert status == 303
    return headers["set-cookie"].partition(";")[0]


def code_of(answer: Answer) -> tuple[int, str]:
    assert answer[1]["content-type"] == "application/problem+json"
    return answer[0], json.loads(answer[2])["code"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.1.2.3", "evil.example:8000", "[fe80::1]", "127.0.0.1:x", ""]
)
def test_under_a_foreign_name_nothing_is_answered(server: Served, host: str) -> None:
    for path in ("api/v1/scans", "healthz", "login", "static/app.js"):
        assert code_of(server.request("GET", path, headers={"Host": host})) == (421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:80", "clips.example", "CLIPS.example:443"])
def test_under_its_own_names_it_answers(server: Served, host: str) -> None:
    assert server.request("GET", "api/v1/server", headers={"Host": host})[0] == 200


def test_a_foreign_page_can_do_nothing(server: Served, cookie: str) -> None:
    own = f"http://127.0.0.1:{server.port}"
    for headers in (
        {"Cookie": cookie, "Origin": "http://evil.example"},
        {"Cookie": cookie, "Origin": "null"},
        {"Cookie": cookie, "Origin": f"http://127.0.0.1:{server.port + 1}"},
        {"Cookie": cookie, "Origin": own, "Sec-Fetch-Site": "same-site"},
        {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"},
        {"Cookie": cookie},
        {"Authorization": f"Bearer {server.token}", "Origin": "http://evil.example"},
    ):
        answer = server.request("POST", "api/v1/scans", data=b"1", headers={"Content-Type": "video/mp4", **headers}, token=None)
        assert code_of(answer) == (403, "wrong_origin"), headers
    assert code_of(server.request("GET", "api/v1/scans", headers={"Cookie": cookie, "Origin": "http://evil.example"}, token=None))[0] == 403
    answer = server.request("DELETE", f"api/v1/scans/{'0' * 32}", headers={"Cookie": cookie, "Origin": own}, token=None)
    assert code_of(answer) == (404, "not_found"), "its own page was refused"
    for _, headers, _ in (server.request("OPTIONS", "api/v1/scans", headers={"Origin": own}), server.request("GET", "api/v1/server")):
        assert not [name for name in headers if name.startswith("access-control")]


def test_strangers_get_nothing(server: Served) -> None:
    for path in ("api/v1/scans", "api/v1/server", "api/v1/events", "metrics", "openapi.json", "nothing", "api/v1/scans/../server"):
        for token in (None, "wrong"):
            assert server.request("GET", path, token=token)[0] in (401, 429), path
    assert server.request("GET", "api/v1/scans", headers={"Cookie": f"screener_session_{server.port}=x"}, token=None)[0] == 401
    assert server.request("GET", "api/v1/scans", headers={"Authorization": "Basic eDp5"}, token=None)[0] == 401
    assert server.request("GET", "", token=None)[1]["location"] == "/login"


def test_wrong_tokens_are_counted(server: Served) -> None:
    answers = [server.request("GET", "api/v1/scans", token=f"guess {number}")[0] for number in range(12)]
    assert answers[-1] == 429 and set(answers) <= {401, 429}
    assert server.request("GET", "api/v1/scans")[0] == 200, "others were locked out with the one who guessed"


def get_bare(server: Served, path: str) -> tuple[int, str | None]:
    """Status and Location of a path as it is, without a token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    connection.close()
    return response.status, response.headers["Location"]


def test_the_link_signs_in_once(checkpoint: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "state", checkpoint=checkpoint, base_path="/x") as server:
        assert get_bare(server, "/x") == (308, "/x/") and get_bare(server, "/") == (303, "/x/login") == get_bare(server, "/x/")
        path = server.link.partition(f":{server.port}/x/")[2]
        status, headers, _ = server.request("GET", path, token=None)
        assert status == 303 and headers["location"] == "/x/"
        flags = {flag.strip().lower() for flag in headers["set-cookie"].split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/x"} <= flags
        assert server.request("GET", path, token=None)[0] == 401
        cookie = {"Cookie": headers["set-cookie"].partition(";")[0]}
        status, headers, page = server.request("GET", "", token=None, headers=cookie)
        assert status == 200 and b"screener" in page and "script-src 'self'" in headers["content-security-policy"]
        server.kill()
        server.start()
        assert server.request("GET", "api/v1/server", token=None, headers=cookie)[0] == 200, "a session did not survive a restart"
        cookie["Origin"] = f"http://127.0.0.1:{server.port}"
        assert server.request("POST", "logout", token=None, headers=cookie)[0] == 303
        assert server.request("GET", "api/v1/server", token=None, headers=cookie)[0] == 401


def test_places_outside_are_refused(server: Served, allowed: Path, media: Path) -> None:
    for path in (
        media / "pair.mp4",
        allowed / "out.mp4",
        allowed / ".." / media.name / "pair.mp4",
        "/etc/passwd",
        "one.mp4",
        allowed,
        "/dev/zero",
    ):
        answer = server.request("POST", "api/v1/scans", json={"path": str(path)})
        assert code_of(answer) == (403, "not_allowed"), path
    for url, reason in (
        ("file:///etc/passwd", "refused_protocol"),
        ("ftp://example.com/x.mp4", "refused_protocol"),
        (f"http://127.0.0.1:{server.port}/metrics", "refused_address"),
        ("http://[::ffff:169.254.169.254]/latest", "refused_address"),
        ("http://10.0.0.7/x.mp4", "refused_address"),
        ("http:///x.mp4", "refused_protocol"),
    ):
        for body in ({"url": url}, {"path": str(allowed / "one.mp4"), "callback_url": url}):
            status, _, answer = server.request("POST", "api/v1/scans", json=body)
            assert status == 422 and json.loads(answer)["errors"][0]["message"] == reason, (body, answer)


def test_a_file_of_an_allowed_folder_is_judged(server: Served, allowed: Path) -> None:
    status, _, body = server.request("POST", "api/v1/scans", json={"path": str(allowed / "one.mp4")})
    assert status == 202
    done = server.wait(json.loads(body)["id"])
    assert done["verdict"]["coverage"] == "complete" and done["sha256"] and (allowed / "one.mp4").is_file()


def test_addresses_and_paths_are_refused_unless_they_are_allowed(checkpoint: Path, tmp_path: Path, allowed: Path) -> None:
    with serving(tmp_path / "state", checkpoint=checkpoint) as server:
        for body in ({"url": "https://example.com/x.mp4"}, {"path": str(allowed / "one.mp4")}):
            assert code_of(server.request("POST", "api/v1/scans", json=body)) == (403, "not_allowed")


def test_uploads_are_never_given_back(server: Served, media: Path) -> None:
    scan = server.send(media / "pair.mp4")
    for path in ("video", "file", "upload", "pair.mp4", "crops/../report.html", "crops/..%2f..%2fledger.sqlite3", "crops/%2e%2e/token"):
        assert server.request("GET", f"api/v1/scans/{scan['id']}/{path}")[0] in (404, 422), path
    assert server.request("GET", f"api/v1/uploads/{scan['id']}")[0] == 405
    assert server.request("GET", "static/../__init__.py")[0] == server.request("GET", "static/..%2f__init__.py")[0] == 404


def test_any_other_host_needs_a_token(tmp_path: Path) -> None:
    ended = run_here("serve", "--host", "0.0.0.0", "--state", tmp_path / "state")
    assert ended.status == 2 and "--token-file" in ended.err
    (tmp_path / "short").write_text("short\n")
    ended = run_here("serve", "--token-file", tmp_path / "short", "--state", tmp_path / "state")
    assert ended.status == 2 and "16 characters" in ended.err


def test_two_servers_do_not_share_a_state(server: Served) -> None:
    ended = run_here("serve", "--port", "0", "--no-open", "--state", server.state)
    assert ended.status == 2 and "at work in it" in ended.err


def test_headers_beyond_the_limit_are_refused(server: Served) -> None:
    assert server.request("GET", "api/v1/scans", headers={"X-Large": "x" * 20_000})[0] == 431
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        try:
            line.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000)
            answer = line.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_request_that_trickles_in_is_cut_off(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=1) as line:
        began, closed = time.monotonic(), False
        while not closed and time.monotonic() - began < 25:
            try:
                line.sendall(b"GET / HTTP/1.1\r\n" if time.monotonic() - began < 0.5 else b"X: y\r\n")
                closed = line.recv(100) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
        assert closed and time.monotonic() - began < 20


def test_ten_thousand_connections_keep_nobody_out(server: Served) -> None:
    assert server.process is not None
    held: list[socket.socket] = []
    try:
        for _ in range(10_000):
            held.append(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            if len(held) > 600:
                held.pop(0).close()
        began = time.monotonic()
        assert server.request("GET", "api/v1/server")[0] == 200
        assert time.monotonic() - began < 20
        open_files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        assert open_files < 700, f"{open_files} files open"
    finally:
        for line in held:
            line.close()


def test_a_connection_that_was_used_may_be_used_again(server: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(3):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    connection.close()
