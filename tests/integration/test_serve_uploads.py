"""Resumable uploads: after any interruption at most one piece is sent again; and the disk is never filled."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Answer, Served, serving

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("serve") / "state", "--max-upload", "4MiB", checkpoint=checkpoint) as served:
        yield served


def begun(server: Served, length: int, name: str = "clip.mp4") -> str:
    metadata = f"filename {base64.b64encode(name.encode()).decode()},filetype dmlkZW8="
    status, headers, body = server.request(
        "POST", "api/v1/uploads", headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata}
    )
    assert status == 201, body
    assert headers["tus-resumable"] == "1.0.0" and headers["upload-expires"].endswith("GMT")
    return headers["location"].lstrip("/")


def patched(server: Served, place: str, offset: int, piece: bytes) -> Answer:
    return server.request("PATCH", place, data=piece, headers={**PIECE, "Upload-Offset": str(offset)})


def offset_of(server: Served, place: str) -> int:
    status, headers, _ = server.request("HEAD", place, headers=TUS)
    assert status == 200 and headers["cache-control"] == "no-store"
    return int(headers["upload-offset"])


def test_pieces_become_a_scan_whose_hash_is_that_of_the_file(server: Served, media: Path) -> None:
    whole = (media / "one.mp4").read_bytes()
    place = begun(server, len(whole), "wörter und/один.mp4")
    for start in range(0, len(whole), 3000):
        assert offset_of(server, place) == start
        status, headers, _ = patched(server, place, start, whole[start : start + 3000])
        assert status == 204 and int(headers["upload-offset"]) == min(len(whole), start + 3000)
    asked = {"upload_id": place.rpartition("/")[2]}
    status, headers, body = server.request("POST", "api/v1/scans", json=asked)
    scan = json.loads(body)
    assert status == 202 and headers["location"] == f"/api/v1/scans/{scan['id']}"
    assert scan["name"] == "один.mp4" and scan["sha256"] == hashlib.sha256(whole).hexdigest() and scan["size_bytes"] == len(whole)
    again = server.request("POST", "api/v1/scans", json=asked)
    assert again[0] == 200 and json.loads(again[2])["id"] == scan["id"], "asked twice, one upload became two scans"
    assert server.wait(scan["id"])["verdict"]["coverage"] == "complete"


def test_what_came_survives_a_kill_of_the_server(server: Served, media: Path) -> None:
    whole = (media / "pair.mp4").read_bytes()
    place = begun(server, len(whole))
    assert patched(server, place, 0, whole[:5000])[0] == 204
    half_a_piece(server, place, 5000, whole[5000:9000], announced=len(whole) - 5000)
    server.kill()
    server.start()
    offset = offset_of(server, place)
    assert offset in (5000, 9000)
    assert patched(server, place, offset, whole[offset:])[0] == 204
    status, _, body = server.request("POST", "api/v1/scans", json={"upload_id": place.rpartition("/")[2]})
    assert status == 202 and json.loads(body)["sha256"] == hashlib.sha256(whole).hexdigest()
    server.wait(json.loads(body)["id"])


def half_a_piece(server: Served, place: str, offset: int, sent: bytes, announced: int) -> None:
    """Begin to send a piece and go away in the middle of it."""
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        head = f"PATCH /{place} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in {**PIECE, "Upload-Offset": offset, "Content-Length": announced}.items())
        line.sendall(head.encode() + b"\r\n" + sent)
        time.sleep(0.3)


def test_what_came_of_a_piece_that_broke_off_is_kept(server: Served, media: Path) -> None:
    whole = (media / "one.mp4").read_bytes()
    place = begun(server, len(whole))
    half_a_piece(server, place, 0, whole[:4321], announced=len(whole))
    ends = time.monotonic() + 10
    while (offset := offset_of(server, place)) == 0 and time.monotonic() < ends:
        time.sleep(0.05)
    assert offset == 4321
    assert patched(server, place, offset, whole[offset:])[0] == 204
    assert server.request("DELETE", place, headers=TUS)[0] == 204
    assert server.request("HEAD", place, headers=TUS)[0] == 404


def test_pieces_that_do_not_fit_are_refused(server: Served) -> None:
    place = begun(server, 10)
    assert patched(server, place, 5, b"12345")[0] == 409
    assert patched(server, place, 0, b"12345678901")[0] == 413
    assert server.request("PATCH", place, data=b"1", headers={**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"})[0] == 415
    assert server.request("PATCH", place, data=b"1", headers={**PIECE, "Upload-Offset": "0", "Tus-Resumable": "0.2.2"})[0] == 412
    assert offset_of(server, place) == 0
    unfinished = server.request("POST", "api/v1/scans", json={"upload_id": place.rpartition("/")[2]})
    assert unfinished[0] == 409 and json.loads(unfinished[2])["code"] == "conflict"
    status, headers, _ = server.request("OPTIONS", "api/v1/uploads")
    assert status == 204 and headers["tus-version"] == "1.0.0" and headers["tus-max-size"] == str(4 << 20)


def test_a_file_beyond_the_limit_is_refused_before_and_while_it_comes(server: Served) -> None:
    status, _, body = server.request("POST", "api/v1/uploads", headers={**TUS, "Upload-Length": str((4 << 20) + 1)})
    assert status == 413 and json.loads(body)["code"] == "too_large"
    status, _, body = server.request("POST", "api/v1/scans", data=b"\0" * (5 << 20), headers={"Content-Type": "video/mp4"})
    assert status == 413
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Content-Type": "video/mp4", "Authorization": f"Bearer {server.token}", "Transfer-Encoding": "chunked"}
    try:
        connection.request("POST", "/api/v1/scans", iter([b"\0" * (1 << 20)] * 5), headers, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused while it was still being sent
    finally:
        connection.close()
    assert not [path for path in (server.state / "uploads").iterdir() if path.stat().st_size > 1 << 20]


def test_a_disk_that_is_almost_full_takes_nothing(checkpoint: Path, tmp_path: Path, media: Path) -> None:
    with serving(tmp_path / "state", "--min-free", "1000TiB", checkpoint=checkpoint) as server:
        for answer in (
            server.request("POST", "api/v1/scans", data=(media / "one.mp4").read_bytes(), headers={"Content-Type": "video/mp4"}),
            server.request("POST", "api/v1/uploads", headers={**TUS, "Upload-Length": "1000"}),
        ):
            assert answer[0] == 507 and json.loads(answer[2])["code"] == "disk_full"
        assert list((server.state / "uploads").iterdir()) == []


def test_a_full_queue_says_when_to_come_back(checkpoint: Path, tmp_path: Path, media: Path) -> None:
    with serving(tmp_path / "state", "--max-queue", "1", checkpoint=checkpoint) as server:
        answers = [
            server.request("POST", f"api/v1/scans?name={number}.mp4&force=true", data=(media / "pair.mp4").read_bytes(),
                           headers={"Content-Type": "video/mp4"})
            for number in range(6)
        ]  # fmt: skip
        full = [answer for answer in answers if answer[0] == 503]
        assert full and all(int(headers["retry-after"]) > 0 and json.loads(body)["code"] == "queue_full" for _, headers, body in full)
        accepted = [json.loads(body)["id"] for status, _, body in answers if status == 202]
        assert accepted and all(server.wait(scan_id)["state"] == "done" for scan_id in accepted)
